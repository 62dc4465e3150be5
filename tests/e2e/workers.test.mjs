// Workers: processes that run read calls for the gateway, and parts of its blocks ahead. Work is really done there, and
// neither a worker's death nor its removal loses a call.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { ethers } from 'ethers';
import { startCluster, rpc, until } from './cluster.mjs';

let cluster;
const manifest = `name = "busy"
[[node]]
name = "v"
roles = ["consensus", "chunk_builder", "chunk_signer", "executor", "vm_pool"]
[[node]]
name = "gateway"
roles = ["gateway", "executor", "vm_pool"]
`;
// Returns the sum of the numbers below its argument, from a loop: some tenths of a millisecond.
const code = '0x' + [
  '600035', // n
  '6000', // n sum
  '5b', // 5: loop
  '81', '15', '6016', '57', // if n == 0 goto 22
  '81', '01', // sum += n
  '90', '6001', '90', '03', '90', // n -= 1
  '6005', '56',
  '5b', '6000', '52', '6020', '6000', 'f3',
].join('');
const at = '0x00000000000000000000000000000000000000aa';
const call = (n, id = 1) => rpc(cluster.rpc, 'eth_call',
  [{ to: at, data: ethers.toBeHex(n, 32) }, 'latest', { [at]: { code } }], id);
const pool = async (node) => {
  const out = JSON.parse(await cluster.command('inspect', `${node}/${await poolName(node)}`, '--json'));
  return out.state;
};
const poolName = async (node) => JSON.parse(await cluster.command('inspect', 'actors', '--json'))
  .find((a) => a.node === node && a.role === 'vm_pool').name;
const node = async (name) => (await cluster.json('status')).nodes.find((n) => n.name === name);

/** Calls in waves until `stop` is set; every answer is checked. */
async function load(stop) {
  let calls = 0;
  while (!stop.now) {
    const wave = await Promise.all(Array.from({ length: 16 }, (_, i) => call(300 + (calls + i) % 50)));
    wave.forEach((answer, i) => {
      const n = BigInt(300 + (calls + i) % 50);
      assert.equal(BigInt(answer.result ?? assert.fail(JSON.stringify(answer))), n * (n + 1n) / 2n);
    });
    calls += wave.length;
  }
  return calls;
}

before(async () => { cluster = await startCluster(manifest); });
after(() => cluster?.stop());

test('workers serve within two seconds and do the gateway\'s calls', async (context) => {
  const begin = Date.now();
  assert.match(await cluster.command('scale', 'vm_pool=2'), /^\+ worker-1 serves$[\s\S]*^\+ worker-2 serves$/m);
  context.diagnostic(`scale vm_pool=2 took ${Date.now() - begin} ms`);
  await until(async () => (await pool('gateway')).remote_idle === 4, 'the gateway has reached both');
  const before = await pool('gateway');
  const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => call(i)));
  answers.forEach((a, n) => assert.equal(BigInt(a.result), BigInt(n) * (BigInt(n) + 1n) / 2n));
  // The pool counts a call when its worker is free again, which is after the answer.
  const done = (now) => now.reads_elsewhere + now.reads_here - before.reads_elsewhere - before.reads_here;
  const after = await until(async () => { const now = await pool('gateway'); return done(now) >= 40 && now; }, 'all calls are counted');
  assert.equal(done(after), 40);
  assert.ok(after.reads_elsewhere > before.reads_elsewhere, JSON.stringify(after));
  // A worker tells its figures twice a second.
  await until(async () => {
    const told = await Promise.all(['worker-1', 'worker-2'].map(async (w) => Number(/calls=(\d+)/.exec((await node(w)).role)[1])));
    return told[0] + told[1] === after.reads_elsewhere;
  }, 'the workers\' own figures are the gateway\'s');
  assert.equal(fs.statSync(path.join(cluster.data, 'keys', 'worker-1.pem')).mode & 0o777, 0o600);
});

test('state changes are seen by workers with the next block', async () => {
  const wallet = new ethers.Wallet(cluster.keys[0].private_key, new ethers.JsonRpcProvider(cluster.rpc, undefined, { cacheTimeout: -1 }));
  const to = ethers.Wallet.createRandom().address;
  // Returns the balance of the address in its calldata.
  const reads = { [at]: { code: '0x60003531600052602060' + '00f3' } };
  const seen = async () => BigInt((await rpc(cluster.rpc, 'eth_call', [{ to: at, data: ethers.zeroPadValue(to, 32) }, 'latest', reads])).result);
  assert.equal(await seen(), 0n);
  for (let i = 1n; i <= 3n; i++) {
    await (await wallet.sendTransaction({ to, value: 1n })).wait();
    for (let k = 0; k < 8; k++) assert.equal(await seen(), i);
  }
  wallet.provider.destroy();
});

test('a worker killed under load loses no call, and works again when it is back', async () => {
  const stop = { now: false };
  const running = load(stop);
  const worker = await node('worker-1');
  process.kill(worker.pid, 'SIGKILL');
  await until(async () => (await pool('gateway')).remote_idle <= 2, 'the gateway notices');
  const before = (await pool('gateway')).reads_elsewhere;
  await until(async () => (await pool('gateway')).reads_elsewhere > before + 50, 'the other worker goes on');
  await cluster.command('start', 'worker-1');
  await until(async () => Number(/calls=(\d+)/.exec((await node('worker-1')).role ?? '')?.[1] ?? 0) > 20, 'it gets work again');
  stop.now = true;
  assert.ok(await running > 100);
});

test('blocks of dear transactions are executed in part by workers, and a worker that dies changes nothing', async (context) => {
  const provider = new ethers.JsonRpcProvider(cluster.rpc, undefined, { cacheTimeout: -1, batchMaxCount: 100 });
  const { chainId } = await provider.getNetwork();
  const wallets = cluster.keys.slice(1, 17).map((k) => new ethers.Wallet(k.private_key, provider));
  const size = ethers.toBeHex((code.length - 2) / 2).slice(2);
  const init = `0x60${size}600c60003960${size}6000f3${code.slice(2)}`;
  const { contractAddress: to } = await (await wallets[0].sendTransaction({ data: init })).wait();
  const figures = async () => JSON.parse(await cluster.command('inspect', 'gateway/executor', '--json')).state;
  const nonces = await Promise.all(wallets.map((w) => w.getNonce()));
  /** One block of loops of ten milliseconds and more each, from senders that have nothing to do with each other. */
  const block = async () => {
    const sent = await Promise.all(wallets.map((w, i) => w.sendTransaction({
      to, data: ethers.toBeHex(180000, 32), nonce: nonces[i]++, gasLimit: 16_500_000, maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 1n, type: 2, chainId })));
    for (const tx of sent) assert.equal((await tx.wait()).status, 1);
  };
  await until(async () => { await block(); return (await figures()).speculated_used > 0; }, 'results of the worker count', 120000);
  // What a block hands out is counted before what became of it.
  const used = await until(async () => { const f = await figures(); return f.speculated === f.speculated_used + f.speculated_outdated + f.speculated_missing && f; }, 'what was handed out is accounted for');
  context.diagnostic(`of ${used.speculated} transactions handed out ${used.speculated_used} counted, ${used.speculated_outdated} were outdated, ${used.speculated_missing} late`);
  await until(async () => (await pool('gateway')).speculations > 0, 'the pool counts it too');
  await until(async () => {
    const told = await Promise.all(['worker-1', 'worker-2'].map(async (w) => Number(/ahead=(\d+)/.exec((await node(w)).role)?.[1] ?? 0)));
    return told[0] + told[1] > 0;
  }, 'the workers say so too');

  const gateway = await node('gateway');
  const pid = (await node('worker-1')).pid;
  const blocks = (async () => { for (let i = 0; i < 4; i++) await block(); })();
  process.kill(pid, 'SIGKILL');
  await blocks;
  await cluster.command('start', 'worker-1');
  // Had a block come to something else than the validators', it would have stopped.
  const now = await node('gateway');
  assert.equal(now.pid, gateway.pid);
  const height = now.height;
  await until(async () => (await node('gateway')).height > height, 'blocks go on');
  provider.destroy();
});

test('scaled down under load, workers are drained first and no call is lost', async () => {
  const stop = { now: false };
  const running = load(stop);
  const out = await cluster.command('scale', 'vm_pool=0');
  assert.match(out, /^- worker-\d drained$/m);
  stop.now = true;
  assert.ok(await running > 0);
  assert.equal(await node('worker-1'), undefined);
  await until(async () => (await pool('gateway')).remote_lanes === 0, 'the gateway has let go of them');
  assert.equal(BigInt((await call(10)).result), 55n);
});
