// One ERC-20 in four languages passes one test, contracts of both machines call each other, and `troupe vm` shows them.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Contract, JsonRpcProvider, MaxUint256, NonceManager, Wallet, ZeroAddress } from 'ethers';
import { bin, compile, rpc, startCluster, troupe } from './cluster.mjs';
import { sources } from './contracts.mjs';
import { buildAssemblyScript, buildC, buildCpp, buildRust } from './wasm_contracts.mjs';

const run = promisify(execFile);
const supply = 1_000_000n;
let cluster, provider, wallets, solidity;

before(async () => {
  cluster = await startCluster();
  provider = new JsonRpcProvider(cluster.rpc, undefined, { cacheTimeout: -1, pollingInterval: 50 });
  wallets = cluster.keys.slice(0, 4).map((k) => new NonceManager(new Wallet(k.private_key, provider)));
  solidity = await compile({
    ...sources,
    'Ring.sol': `// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;
interface Relay { function relay(address to, bytes calldata data) external payable returns (bytes memory); }
contract Ring {
  uint256 public steps;
  event Stepped(uint256 n, address from);
  function step(Relay relay, uint256 n) public returns (uint256) {
    require(n != 13, "unlucky");
    ++steps;
    emit Stepped(n, msg.sender);
    if (n == 0) return steps;
    return abi.decode(relay.relay(address(this), abi.encodeCall(this.step, (relay, n - 1))), (uint256));
  }
}` });
});
after(() => { provider?.destroy(); cluster?.stop(); });

async function cast(...args) {
  const { stdout } = await run(bin('cast'), args, { env: { ...process.env, ETH_RPC_URL: cluster.rpc, FOUNDRY_DISABLE_NIGHTLY_WARNING: '1' } });
  return stdout.trim();
}

async function create(bytecode, ...constructor) {
  const receipt = JSON.parse(await cast('send', '--private-key', cluster.keys[5].private_key, '--json', '--create', bytecode, ...constructor));
  assert.equal(receipt.status, '0x1');
  return receipt;
}

const custom = (contract, name) => (e) => {
  const data = e.data ?? e.info?.error?.data;
  assert.ok(data, e.message);
  assert.equal(contract.interface.parseError(data)?.name, name);
  return true;
};

const tokens = {
  Solidity: () => solidity.Token.bytecode,
  C: () => buildC('erc20.c'),
  'C++': () => buildCpp('erc20.cc'),
  Rust: () => buildRust('erc20.rs'),
  AssemblyScript: () => buildAssemblyScript('erc20.ts'),
};

for (const [language, code] of Object.entries(tokens)) {
  test(`an ERC-20 in ${language}: created by cast, used through ethers`, async () => {
    const created = await create(code(), 'constructor(uint256)', supply.toString());
    const address = created.contractAddress;
    const owner = new Wallet(cluster.keys[5].private_key, provider);
    const [spender, other] = [wallets[1], wallets[2]];
    const [spenderAddress, otherAddress] = [await spender.getAddress(), await other.getAddress()];
    const token = new Contract(address, solidity.Token.abi, owner);

    assert.equal(created.logs.length, 1);
    assert.deepEqual([...token.interface.parseLog(created.logs[0]).args], [ZeroAddress, owner.address, supply]);
    if (language !== 'Solidity') assert.ok((await provider.getCode(address)).startsWith('0x0061736d'));
    assert.equal(await token.name(), 'Test Token');
    assert.equal(await token.symbol(), 'TT');
    assert.equal(await token.decimals(), 18n);
    assert.equal(await token.totalSupply(), supply);
    assert.equal(await token.balanceOf(owner.address), supply);
    assert.equal(BigInt(await provider.getStorage(address, 2)), supply);

    assert.equal(await token.transfer.staticCall(otherAddress, 5n), true);
    assert.ok(await token.transfer.estimateGas(otherAddress, 5n) > 21000n);
    const sent = await (await token.transfer(otherAddress, 77n)).wait();
    assert.equal(sent.status, 1);
    assert.deepEqual([...token.interface.parseLog(sent.logs[0]).args], [owner.address, otherAddress, 77n]);
    assert.equal(await token.balanceOf(otherAddress), 77n);
    assert.equal((await token.queryFilter(token.filters.Transfer(owner.address), created.blockNumber)).length, 1);

    await assert.rejects(token.transfer.staticCall(otherAddress, supply), custom(token, 'ERC20InsufficientBalance'));
    await assert.rejects(token.transfer.staticCall(ZeroAddress, 1n), custom(token, 'ERC20InvalidReceiver'));
    const failing = await owner.sendTransaction({ to: address, gasLimit: 200_000n, data: token.interface.encodeFunctionData('transfer', [otherAddress, supply]) });
    await assert.rejects(failing.wait(), /reverted/);
    assert.equal(await token.balanceOf(otherAddress), 77n);

    const approved = await (await token.approve(spenderAddress, 50n)).wait();
    assert.deepEqual([...token.interface.parseLog(approved.logs[0]).args], [owner.address, spenderAddress, 50n]);
    assert.equal(await token.allowance(owner.address, spenderAddress), 50n);
    await (await token.connect(spender).transferFrom(owner.address, otherAddress, 20n)).wait();
    assert.equal(await token.allowance(owner.address, spenderAddress), 30n);
    assert.equal(await token.balanceOf(otherAddress), 97n);
    await assert.rejects(token.connect(spender).transferFrom.staticCall(owner.address, otherAddress, 31n), custom(token, 'ERC20InsufficientAllowance'));
    await (await token.approve(spenderAddress, MaxUint256)).wait();
    await (await token.connect(spender).transferFrom(owner.address, otherAddress, 3n)).wait();
    assert.equal(await token.allowance(owner.address, spenderAddress), MaxUint256);
    await assert.rejects(owner.call({ to: address, data: '0x12345678' }));
    await assert.rejects(owner.call({ to: address, data: '0xa9059cbb' }));

    for (const tracer of [undefined, 'callTracer', 'prestateTracer']) {
      const traced = await rpc(cluster.rpc, 'debug_traceTransaction', [sent.hash, tracer ? { tracer } : {}]);
      assert.ok(traced.result, JSON.stringify(traced.error));
    }
  });
}

test('one transaction goes from Solidity to WebAssembly and back, with one gas account', async () => {
  const relay = (await create(buildC('relay.c'))).contractAddress;
  const ringAddress = (await create(solidity.Ring.bytecode)).contractAddress;
  const ring = new Contract(ringAddress, solidity.Ring.abi, wallets[3]);
  const receipt = await (await ring.step(relay, 6n)).wait();
  assert.equal(receipt.status, 1);
  assert.equal(await ring.steps(), 7n);
  const steps = receipt.logs.map((l) => ring.interface.parseLog(l).args);
  assert.deepEqual(steps.map((a) => a.n), [6n, 5n, 4n, 3n, 2n, 1n, 0n]);
  assert.deepEqual(steps.map((a) => a.from.toLowerCase()), [(await wallets[3].getAddress()).toLowerCase(), ...Array(6).fill(relay.toLowerCase())]);
  await assert.rejects(ring.step.staticCall(relay, 16n), /unlucky/);
  const traced = await rpc(cluster.rpc, 'debug_traceTransaction', [receipt.hash, { tracer: 'callTracer' }]);
  let depth = 0;
  for (let call = traced.result; call; call = call.calls?.[0]) ++depth;
  assert.equal(depth, 13);
});

test('what is no contract is refused, and an endless loop costs its gas and no more', async () => {
  const refused = await rpc(cluster.rpc, 'eth_estimateGas', [{ from: cluster.keys[5].address, data: '0x0061736d01000000' }]);
  assert.match(refused.error.message, /invalid WebAssembly module/);
  // () -> () exported as "call": (loop br 0).
  const loop = '0x0061736d01000000' + '010401600000' + '03020100' + '0708010463616c6c0000' + '0a09010700034' + '00c000b0b';
  const address = (await create(loop)).contractAddress;
  const sent = await wallets[0].sendTransaction({ to: address, gasLimit: 1_000_000n });
  await assert.rejects(sent.wait());
  assert.equal((await provider.getTransactionReceipt(sent.hash)).gasUsed, 1_000_000n);
  assert.ok(await provider.getBlockNumber() > 0);
});

test('vm inspect shows a contract, its functions and what each tier makes of them, for people and as JSON', async () => {
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'troupe-wasm-')), 'token.wasm');
  fs.writeFileSync(file, Buffer.from(buildC('erc20.c').slice(2), 'hex'));
  const inspect = async (...args) => (await run(troupe, ['vm', 'inspect', file, ...args])).stdout;
  const shown = JSON.parse(await inspect('--json'));
  assert.equal(shown.bytes, fs.statSync(file).size);
  const text = await inspect();
  assert.match(text, new RegExp(`^${shown.bytes} bytes, ${shown.types} types, ${shown.functions} functions`));
  const call = shown.exports.find((e) => e.kind === 'function');
  assert.ok(text.includes(`export ${call.name} function ${call.index} ${call.type}\n`));
  const { tiers, functions } = JSON.parse(await inspect('--sizes', '--json'));
  assert.equal(functions, shown.functions - shown.imported_functions);
  for (const tier of ['interp', 'baseline', 'opt']) assert.ok(tiers[tier].functions === functions && tiers[tier].bytes > 0, tier);
  const of = ['--function', String(call.index)];
  assert.equal(JSON.parse(await inspect(...of, '--json')).dmir, await inspect(...of));
  assert.match(JSON.parse(await inspect(...of, '--machine-code', '--json')).machine_code, /^([0-9a-f]{2})+$/);
  await assert.rejects(run(troupe, ['vm', 'inspect', file, '--function', '9999']), /has no function 9999/);
});
