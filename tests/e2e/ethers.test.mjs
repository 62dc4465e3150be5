import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { ethers } from 'ethers';
import { compile, startCluster, until } from './cluster.mjs';
import { sources } from './contracts.mjs';

let cluster, provider, wallet, contracts;
before(async () => {
  cluster = await startCluster();
  provider = new ethers.JsonRpcProvider(cluster.rpc, undefined, { cacheTimeout: -1 });
  wallet = new ethers.Wallet(cluster.keys[0].private_key, provider);
  contracts = await compile(sources);
});
after(() => { provider?.destroy(); cluster?.stop(); });

const factory = (name) => new ethers.ContractFactory(contracts[name].abi, contracts[name].bytecode, wallet);
async function deploy(name, ...args) {
  const c = await factory(name).deploy(...args);
  return c.waitForDeployment();
}

test('a transfer is waited for without sleeping a polling interval', async () => {
  const to = ethers.Wallet.createRandom().address;
  const started = Date.now();
  const receipt = await (await wallet.sendTransaction({ to, value: 12345n })).wait();
  assert.equal(receipt.status, 1);
  assert.equal(await provider.getBalance(to), 12345n);
  assert.ok(Date.now() - started < 3500, `took ${Date.now() - started} ms`);
});

test('an OpenZeppelin ERC-20 is deployed, used, and its logs found', async () => {
  const token = await deploy('Token', 10n ** 24n);
  const to = ethers.Wallet.createRandom().address;
  const receipt = await (await token.transfer(to, 500n)).wait();
  assert.equal(await token.balanceOf(to), 500n);
  assert.equal(receipt.logs.length, 1);
  const logs = await token.queryFilter(token.filters.Transfer(wallet.address, to));
  assert.equal(logs.length, 1);
  assert.equal(logs[0].args.value, 500n);
  const block = await receipt.getBlock();
  assert.ok(block.transactions.includes(receipt.hash));
});

test('ERC-721 and ERC-1155 work', async () => {
  const art = await deploy('Art');
  await (await art.mint(wallet.address, 1n)).wait();
  assert.equal(await art.ownerOf(1n), wallet.address);
  const items = await deploy('Items');
  await (await items.mint(wallet.address, 3n, 9n)).wait();
  assert.equal(await items.balanceOf(wallet.address, 3n), 9n);
});

test('reverts are decoded: reason, custom error, panic, nothing', async () => {
  const r = await deploy('Reverter');
  await assert.rejects(r.withReason.staticCall(1n), (e) => e.code === 'CALL_EXCEPTION' && e.reason === 'n too small');
  await assert.rejects(r.withCustom(), (e) => e.code === 'CALL_EXCEPTION' && e.revert.name === 'Custom' && e.revert.args[0] === 7n);
  await assert.rejects(r.withPanic(0n), (e) => e.code === 'CALL_EXCEPTION' && e.revert.name === 'Panic');
  await assert.rejects(r.withNothing(), (e) => e.code === 'CALL_EXCEPTION');
  await assert.rejects(r.withReason.estimateGas(1n), (e) => e.reason === 'n too small');
});

test('a transaction that reverts has a receipt with status 0 and costs its gas', async () => {
  const r = await deploy('Reverter');
  const tx = await r.withReason(1n, { gasLimit: 100000 });
  await assert.rejects(tx.wait(), (e) => e.code === 'CALL_EXCEPTION' && e.receipt.status === 0);
});

test('nonce, funds and replacement errors carry the codes that ethers gives them', async () => {
  const nonce = await provider.getTransactionCount(wallet.address);
  const base = { to: wallet.address, gasLimit: 21000, chainId: (await provider.getNetwork()).chainId, type: 2, maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 1n };
  const send = async (w, tx) => provider.broadcastTransaction(await w.signTransaction({ ...base, ...tx }));
  await assert.rejects(send(wallet, { nonce: nonce - 1 }), (e) => e.code === 'NONCE_EXPIRED');
  await assert.rejects(send(ethers.Wallet.createRandom(), { nonce: 0, value: 1n }), (e) => e.code === 'INSUFFICIENT_FUNDS');
  await send(wallet, { nonce: nonce + 5 });  // waits for the gap
  await assert.rejects(send(wallet, { nonce: nonce + 5, maxFeePerGas: 10n ** 10n + 1n }), (e) => e.code === 'REPLACEMENT_UNDERPRICED');
  for (let i = 0; i < 5; i++) await send(wallet, { nonce: nonce + i });
  await until(async () => (await provider.getTransactionCount(wallet.address)) === nonce + 6, 'the gap is filled and all six execute');
});

test('a batch of sends from many accounts all execute', async () => {
  const wallets = cluster.keys.slice(0, 16).map((k) => new ethers.Wallet(k.private_key, provider));
  const receipts = await Promise.all(wallets.map(async (w) => (await w.sendTransaction({ to: wallet.address, value: 1n })).wait()));
  assert.ok(receipts.every((r) => r.status === 1));
});

test('WebSocket: new heads, logs and pending transactions arrive', async () => {
  const ws = new ethers.WebSocketProvider(cluster.ws);
  try {
    const r = (await deploy('Reverter')).connect(new ethers.Wallet(cluster.keys[1].private_key, ws));
    const heads = [], changes = [], pending = [];
    await ws.on('block', (n) => heads.push(n));
    await ws.on('pending', (h) => pending.push(h));
    await r.on('Changed', (who, value) => changes.push(value));
    const tx = await r.setValue(42n);
    await until(() => changes.length === 1 && changes[0] === 42n, 'log subscription');
    await until(() => heads.length >= 2, 'heads');
    await until(() => pending.includes(tx.hash), 'pending hash');
  } finally {
    await ws.destroy();
  }
});

test('confirmations go on on an idle chain', async () => {
  const tx = await wallet.sendTransaction({ to: wallet.address });
  const receipt = await tx.wait(3);
  assert.ok((await receipt.confirmations()) >= 3);
});

test('blocks are found by every tag and by number, and state is read at recent numbers', async () => {
  for (const tag of ['latest', 'safe', 'finalized', 'pending', 'earliest']) assert.ok(await provider.getBlock(tag), tag);
  const to = ethers.Wallet.createRandom().address;
  const receipt = await (await wallet.sendTransaction({ to, value: 7n })).wait();
  assert.equal(await provider.getBalance(to, receipt.blockNumber), 7n);
  assert.equal(await provider.getBalance(to, receipt.blockNumber - 1), 0n);
});

test('feeHistory, getProof and receipts of a block have the right shape', async () => {
  const receipt = await (await wallet.sendTransaction({ to: wallet.address })).wait();
  const history = await provider.send('eth_feeHistory', ['0x3', 'latest', [50]]);
  assert.equal(history.baseFeePerGas.length, history.gasUsedRatio.length + 1);
  assert.equal(typeof history.gasUsedRatio[0], 'number');
  const tag = ethers.toQuantity(receipt.blockNumber);
  const proof = await provider.send('eth_getProof', [wallet.address, [], tag]);
  const block = await provider.send('eth_getBlockByNumber', [tag, false]);
  assert.equal(ethers.keccak256(proof.accountProof[0]), block.stateRoot, 'the proof leads to the block\'s state root');
  const receipts = await provider.send('eth_getBlockReceipts', [tag]);
  assert.ok(receipts.some((r) => r.transactionHash === receipt.hash));
});
