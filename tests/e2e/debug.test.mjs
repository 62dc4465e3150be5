// debug_trace… on the cluster: in geth's shapes, field by field; the same transactions on anvil and on the cluster trace
// alike; `cast run` replays a transaction with those before it in its block from what the cluster's RPC tells.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { promisify } from 'node:util';
import { Contract, ContractFactory, JsonRpcProvider, NonceManager, Wallet, parseEther, toQuantity } from 'ethers';
import { bin, compile, rpc, startCluster, until } from './cluster.mjs';
import { sources } from './contracts.mjs';

const run = promisify(execFile);
const traced = `// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;
contract Child {
  uint256 public x;
  event Set(uint256 x);
  constructor(uint256 v) payable { x = v; }
  function set(uint256 v) external returns (uint256) { x = v; emit Set(v); return v + 1; }
  function fail(uint256 v) external pure { require(v > 100, "too small"); }
  function peek() external view returns (uint256) { return x; }
  function end(address payable heir) external { selfdestruct(heir); }
}
contract Parent {
  Child public child;
  mapping(uint256 => uint256) public table;
  event Made(address indexed child);
  function make() external payable returns (address) {
    child = new Child{value: msg.value}(7);
    emit Made(address(child));
    return address(child);
  }
  function everything(uint256 n) external returns (uint256 sum) {
    sum = child.set(n) + child.peek();
    try child.fail(1) {} catch { sum += 1; }
    (bool ok,) = address(child).delegatecall(abi.encodeCall(Child.peek, ()));
    if (ok) sum += 1;
    table[n] = sum;
    table[1] = 0;
    emit Made(address(this));
    (ok,) = address(4).staticcall(abi.encode(n));
  }
  function shortLived() external payable { new Child{value: msg.value}(1).end(payable(msg.sender)); }
  function fails(uint256 n) external { table[n] = 1; child.fail(n); }
}`;

let cluster, anvil, contracts;
/** By where it runs: provider, sender, the contracts deployed. */
const sides = {};

const freePort = () => new Promise((resolve) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});

async function send(side, to, name, values, options = {}) {
  const data = to.interface.encodeFunctionData(name, values);
  const response = await side.sender.sendTransaction({ to: await to.getAddress(), data, gasLimit: 1_000_000n, ...options });
  return until(() => side.provider.getTransactionReceipt(response.hash), 'a receipt');
}
async function trace(side, hash, config) {
  const { result, error } = await rpc(side.url, 'debug_traceTransaction', config ? [hash, config] : [hash]);
  assert.equal(error, undefined, JSON.stringify(error));
  return result;
}

/** The same transactions in the same order, from the same account: so at the same addresses. */
async function prepare(side) {
  const deploy = async (contract, ...values) => {
    const made = await new ContractFactory(contract.abi, contract.bytecode, side.sender).deploy(...values, { gasLimit: 3_000_000n });
    await made.waitForDeployment();
    return made;
  };
  side.token = await deploy(contracts.Token, 1_000_000n);
  side.parent = await deploy(contracts.Parent);
  side.hashes = { deployment: side.parent.deploymentTransaction().hash };
  side.hashes.make = (await send(side, side.parent, 'make', [], { value: 5n })).hash;
  side.hashes.everything = (await send(side, side.parent, 'everything', [300n])).hash;
  side.hashes.again = (await send(side, side.parent, 'everything', [300n])).hash;
  side.hashes.fails = (await send(side, side.parent, 'fails', [5n])).hash;
  side.hashes.shortLived = (await send(side, side.parent, 'shortLived', [], { value: 9n })).hash;
  side.hashes.transfer = (await send(side, side.token, 'transfer', ['0x00000000000000000000000000000000000000f1', 77n])).hash;
}

before(async () => {
  contracts = await compile({ ...sources, 'Traced.sol': traced });
  cluster = await startCluster();
  const key = cluster.keys[3].private_key;
  const port = await freePort();
  const chainId = Number(BigInt((await rpc(cluster.rpc, 'eth_chainId', [])).result));
  anvil = spawn(bin('anvil'), ['--port', port, '--chain-id', chainId, '--hardfork', 'osaka', '--steps-tracing', '--silent'], { stdio: 'ignore' });
  const urls = { cluster: cluster.rpc, anvil: `http://127.0.0.1:${port}` };
  await until(async () => (await rpc(urls.anvil, 'eth_chainId', [])).result, 'anvil', 20000);
  await rpc(urls.anvil, 'anvil_setBalance', [new Wallet(key).address, toQuantity(parseEther('1000'))]);
  for (const [name, url] of Object.entries(urls)) {
    const provider = new JsonRpcProvider(url, undefined, { pollingInterval: 50 });
    sides[name] = { url, provider, sender: new NonceManager(new Wallet(key, provider)) };
    await prepare(sides[name]);
  }
});
after(() => {
  for (const side of Object.values(sides)) side.provider.destroy();
  anvil?.kill();
  cluster?.stop();
});

/** What every implementation must agree about; anvil leaves out or adds what geth does otherwise. */
function essence(call) {
  const { type, from, to, gasUsed, input, output, value, error, revertReason, logs, calls } = call;
  return {
    type, from, to, gasUsed, input, output, value: value ?? undefined, error: Boolean(error), revertReason,
    logs: logs?.map(({ address, topics, data, position }) => ({ address, topics, data, position: Number(position) })),
    calls: calls?.map(essence),
  };
}

test('the same transactions trace alike on anvil and on the cluster, by the call tracer with logs', async () => {
  for (const name of Object.keys(sides.cluster.hashes)) {
    const config = { tracer: 'callTracer', tracerConfig: { withLog: true } };
    const [ours, theirs] = await Promise.all(['cluster', 'anvil'].map((at) => trace(sides[at], sides[at].hashes[name], config)));
    assert.deepEqual(essence(ours), essence(theirs), name);
  }
});

test('the same transactions take the same steps on anvil and on the cluster', async () => {
  for (const name of Object.keys(sides.cluster.hashes)) {
    const [ours, theirs] = await Promise.all(['cluster', 'anvil'].map((at) => trace(sides[at], sides[at].hashes[name])));
    assert.equal(ours.gas, theirs.gas, name);
    assert.equal(ours.failed, theirs.failed, name);
    assert.equal(ours.returnValue, '0x' + theirs.returnValue.replace(/^0x/, ''), name);
    assert.equal(ours.structLogs.length, theirs.structLogs.length, name);
    ours.structLogs.forEach((step, i) => {
      const other = theirs.structLogs[i];
      for (const field of ['pc', 'op', 'gas', 'depth'])
        assert.equal(step[field], other[field], `${name}, step ${i} (${step.op}): ${field}`);
      assert.deepEqual(step.stack.map(BigInt), other.stack.map(BigInt), `${name}, step ${i}`);
    });
  }
});

test('the prestate tracer agrees with anvil about code, storage and what changed', async () => {
  const strip = (accounts) => Object.fromEntries(Object.entries(accounts)
    // The fees go elsewhere on the cluster, and cost other sums.
    .map(([address, { balance, nonce, ...rest }]) => [address, rest])
    .filter(([, rest]) => Object.keys(rest).length > 0));
  for (const name of ['everything', 'again', 'fails', 'transfer', 'make']) {
    const config = { tracer: 'prestateTracer', tracerConfig: { diffMode: true } };
    const [ours, theirs] = await Promise.all(['cluster', 'anvil'].map((at) => trace(sides[at], sides[at].hashes[name], config)));
    for (const half of ['pre', 'post']) assert.deepEqual(strip(ours[half]), strip(theirs[half]), `${name}: ${half}`);
  }
});

test('the struct logger has geth\'s fields, and its options add and remove them', async () => {
  const { cluster: side } = sides;
  const plain = await trace(side, side.hashes.everything);
  assert.deepEqual(Object.keys(plain), ['gas', 'failed', 'returnValue', 'structLogs']);
  for (const step of plain.structLogs) {
    for (const [field, kind] of [['pc', 'number'], ['op', 'string'], ['gas', 'number'], ['gasCost', 'number'], ['depth', 'number']])
      assert.equal(typeof step[field], kind, field);
    assert.ok(Array.isArray(step.stack));
    assert.equal(step.memory, undefined);
    assert.equal(step.returnData, undefined);
  }
  const store = plain.structLogs.find((step) => step.op === 'SSTORE' && step.depth === 1);
  assert.match(Object.keys(store.storage)[0], /^[0-9a-f]{64}$/);
  const full = await trace(side, side.hashes.everything, { enableMemory: true, enableReturnData: true });
  assert.ok(full.structLogs.some((step) => step.memory?.length > 0 && /^[0-9a-f]{64}$/.test(step.memory[0])));
  assert.ok(full.structLogs.some((step) => /^0x[0-9a-f]+$/.test(step.returnData ?? '')));
  const bare = await trace(side, side.hashes.everything, { disableStack: true, disableStorage: true });
  assert.ok(bare.structLogs.every((step) => step.stack === undefined && step.storage === undefined));
  assert.equal((await trace(side, side.hashes.everything, { limit: 10 })).structLogs.length, 10);
  const failed = await trace(side, side.hashes.fails);
  assert.equal(failed.failed, true);
  assert.match(failed.returnValue, /^0x08c379a0/);
});

test('the call tracer nests calls, gives logs their place, and keeps to the outermost call when asked', async () => {
  const { cluster: side } = sides;
  const parent = (await side.parent.getAddress()).toLowerCase();
  const call = await trace(side, side.hashes.everything, { tracer: 'callTracer', tracerConfig: { withLog: true } });
  assert.equal(call.type, 'CALL');
  assert.equal(call.to, parent);
  assert.equal(call.gas, toQuantity(1_000_000n));
  assert.deepEqual(call.calls.map((one) => one.type), ['STATICCALL', 'CALL', 'STATICCALL', 'DELEGATECALL', 'STATICCALL']);
  assert.equal(call.calls[2].error, 'execution reverted');
  assert.equal(call.calls[2].revertReason, 'too small');
  assert.equal(call.calls[0].value, undefined);
  assert.equal(call.calls[1].logs[0].position, '0x0');
  assert.equal(call.logs[0].position, '0x4');
  assert.equal(call.logs[0].index, '0x1');
  const top = await trace(side, side.hashes.everything, { tracer: 'callTracer', tracerConfig: { onlyTopCall: true } });
  assert.equal(top.calls, undefined);
  assert.equal(top.logs, undefined);
  assert.equal(top.gasUsed, call.gasUsed);
  const made = await trace(side, side.hashes.make, { tracer: 'callTracer' });
  assert.equal(made.calls[0].type, 'CREATE');
  assert.equal(made.calls[0].value, '0x5');
  assert.match(made.calls[0].output, /^0x60/);
  const ended = await trace(side, side.hashes.shortLived, { tracer: 'callTracer' });
  assert.equal(ended.calls[1].calls[0].type, 'SELFDESTRUCT');
  assert.equal(ended.calls[1].calls[0].value, '0x9');
});

test('the prestate tracer shows what came to be only after, and what was there before', async () => {
  const { cluster: side } = sides;
  const child = (await side.parent.child()).toLowerCase();
  const sender = (await side.sender.getAddress()).toLowerCase();
  const { pre, post } = await trace(side, side.hashes.make, { tracer: 'prestateTracer', tracerConfig: { diffMode: true } });
  assert.equal(pre[child], undefined);
  assert.equal(post[child].balance, '0x5');
  assert.equal(post[child].nonce, 1);
  assert.match(post[child].code, /^0x60/);
  assert.equal(post[sender].nonce, pre[sender].nonce + 1);
  assert.equal(post[sender].code, undefined);
  const plain = await trace(side, side.hashes.make, { tracer: 'prestateTracer' });
  assert.equal(plain[child], undefined);
  const empty = await trace(side, side.hashes.make, { tracer: 'prestateTracer', tracerConfig: { includeEmpty: true, disableStorage: true } });
  assert.deepEqual(empty[child], { balance: '0x0' });
  assert.match(plain[(await side.parent.getAddress()).toLowerCase()].code, /^0x60/);
  const bare = await trace(side, side.hashes.make, { tracer: 'prestateTracer', tracerConfig: { disableCode: true, disableStorage: true } });
  assert.ok(Object.values(bare).every((account) => !account.code && !account.storage));
});

test('blocks and calls are traced too, with overrides, and unknown tracers and hashes are refused', async () => {
  const { cluster: side } = sides;
  const receipt = await side.provider.getTransactionReceipt(side.hashes.everything);
  const ask = async (method, params) => {
    const { result, error } = await rpc(side.url, method, params);
    return error ?? result;
  };
  const config = { tracer: 'callTracer' };
  const single = await trace(side, side.hashes.everything, config);
  for (const [method, which] of [['debug_traceBlockByNumber', toQuantity(receipt.blockNumber)], ['debug_traceBlockByHash', receipt.blockHash]]) {
    const all = await ask(method, [which, config]);
    assert.deepEqual(all.find((one) => one.txHash === receipt.hash).result, single);
  }
  const call = { from: await side.sender.getAddress(), to: await side.parent.getAddress(), data: side.parent.interface.encodeFunctionData('table', [300n]) };
  const as = async (extra) => BigInt((await ask('debug_traceCall', [call, 'latest', { ...config, ...extra }])).output);
  assert.equal(await as({}), await side.parent.table(300n));
  const code = '0x602a60005260206000f3';
  assert.equal(await as({ stateOverrides: { [call.to]: { code } } }), 42n);
  const number = '0x4360005260206000f3';
  assert.equal(await as({ stateOverrides: { [call.to]: { code: number } }, blockOverrides: { number: '0x3039' } }), 12345n);
  assert.match((await ask('debug_traceTransaction', ['0x' + '11'.repeat(32)])).message, /transaction not found/);
  assert.match((await ask('debug_traceTransaction', [receipt.hash, { tracer: 'nonsense' }])).message, /tracer not found/);
});

async function cast(...args) {
  const env = { ...process.env, ETH_RPC_URL: cluster.rpc, FOUNDRY_DISABLE_NIGHTLY_WARNING: '1', NO_COLOR: '1' };
  return (await run(bin('cast'), args, { env, maxBuffer: 1 << 26 })).stdout;
}

test('cast run replays single transactions with their gas, their calls and their errors', async () => {
  const { cluster: side } = sides;
  for (const [name, hash] of Object.entries(side.hashes)) {
    const text = await cast('run', hash);
    const receipt = await side.provider.getTransactionReceipt(hash);
    if (name !== 'fails') assert.match(text, /Transaction successfully executed/, text);
    assert.match(text, new RegExp(`Gas used: ${receipt.gasUsed}\\b`), `${name}: ${text}`);
  }
  assert.match(await cast('run', side.hashes.everything), /too small/);
  assert.match(await cast('run', '--quick', side.hashes.make), /Transaction successfully executed/);
});

test('cast run replays the transactions before it in the block', async () => {
  const { provider, token } = sides.cluster;
  const wallets = cluster.keys.slice(4, 8).map((one) => new Wallet(one.private_key, provider));
  const to = '0x00000000000000000000000000000000000000f2';
  // Each wallet first gets tokens and then sends them on, so that no transfer works without those before it.
  const crowded = await until(async () => {
    const sends = [];
    let nonce = await provider.getTransactionCount(wallets[0].address);
    const source = new Contract(await token.getAddress(), contracts.Token.abi, wallets[0]);
    if (await source.balanceOf(wallets[0].address) < 1000n)
      await send(sides.cluster, token, 'transfer', [wallets[0].address, 1000n]);
    for (let i = 0; i < 12; i++) sends.push(source.transfer(to, BigInt(i + 1), { nonce: nonce++, gasLimit: 100_000n }));
    const receipts = await Promise.all((await Promise.all(sends)).map((one) => provider.waitForTransaction(one.hash)));
    return receipts.filter((one) => one.index >= 3).at(-1);
  }, 'a block of several transactions', 60000);
  const text = await cast('run', crowded.hash);
  assert.match(text, /Transaction successfully executed/);
  assert.match(text, new RegExp(`Gas used: ${crowded.gasUsed}\\b`), text);
});

test('cast call --trace runs on the state that the cluster serves', async () => {
  const { parent } = sides.cluster;
  const text = await cast('call', '--trace', await parent.getAddress(), 'table(uint256)(uint256)', '300');
  assert.match(text, /Return/);
});
