import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { bin, compile, startCluster } from './cluster.mjs';
import { sources } from './contracts.mjs';

const run = promisify(execFile);
let cluster, contracts;
before(async () => { cluster = await startCluster(); contracts = await compile(sources); });
after(() => cluster?.stop());

async function cast(...args) {
  const { stdout } = await run(bin('cast'), args, { env: { ...process.env, ETH_RPC_URL: cluster.rpc, FOUNDRY_DISABLE_NIGHTLY_WARNING: '1' } });
  return stdout.trim();
}
const key = (i) => ['--private-key', cluster.keys[i].private_key];

test('chain, block, balance, nonce, gas price', async () => {
  assert.match(await cast('chain-id'), /^\d+$/);
  assert.match(await cast('block-number'), /^\d+$/);
  assert.ok(BigInt(await cast('balance', cluster.keys[3].address)) > 0n);
  assert.match(await cast('gas-price'), /^\d+$/);
  assert.match(await cast('block', 'latest'), /stateRoot/);
  assert.match(await cast('client'), /troupe/i);
});

test('create, send, call, estimate, logs, receipt, tx, code, storage, proof', async () => {
  const created = JSON.parse(await cast('send', ...key(3), '--json', '--create', contracts.Token.bytecode, 'constructor(uint256)', '1000000'));
  assert.equal(created.status, '0x1');
  const token = created.contractAddress;
  const to = cluster.keys[4].address;
  const sent = JSON.parse(await cast('send', ...key(3), '--json', token, 'transfer(address,uint256)', to, '77'));
  assert.equal(sent.status, '0x1');
  assert.match(await cast('call', token, 'balanceOf(address)(uint256)', to), /^77/);
  assert.ok(Number(await cast('estimate', '--from', cluster.keys[3].address, token, 'transfer(address,uint256)', to, '1')) > 21000);
  assert.match(await cast('logs', '--from-block', 'earliest', '--address', token), /transactionHash/);
  assert.match(await cast('receipt', sent.transactionHash), /success/);
  assert.match(await cast('tx', sent.transactionHash), /blockNumber/);
  assert.ok((await cast('code', token)).length > 100);
  assert.equal(await cast('storage', token, '2'), '0x' + (1000000).toString(16).padStart(64, '0'));
  assert.match(await cast('proof', token, '2'), /storageProof/);
  assert.match(await cast('send', ...key(3), '--legacy', '--value', '1', to), /success/);
});

test('a revert names its reason', async () => {
  const created = JSON.parse(await cast('send', ...key(3), '--json', '--create', contracts.Reverter.bytecode));
  await assert.rejects(cast('call', created.contractAddress, 'withReason(uint256)', '1'), /n too small/);
  await assert.rejects(cast('send', ...key(3), created.contractAddress, 'withReason(uint256)', '1'), /n too small/);
});

test('a wallet of troupe is read by cast, and the CREATE2 deployer is there', async () => {
  assert.ok((await cast('code', '0x4e59b44847b379578588920cA78FbF26c0B4956C')).length > 10);
});
