// The roles beside the chain, as processes: storage, metadata, batch validation, arbitration. They follow a real
// workload, survive kill -9, and find what was tampered with and what was falsified. Each node tells its line twice a
// second, on its own: two lines of the same moment need not agree, so each is waited for.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import { eventually, rpc, startCluster, troupe, until } from './cluster.mjs';

const run = promisify(execFile);
const liar = process.env.TROUPE_LIAR ?? path.join(path.dirname(troupe), 'tests/e2e/lying_metadata_node');
const interval = 8;
let cluster;

before(async () => {
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'troupe-manifest-')), 'troupe.toml');
  execFileSync(troupe, ['manifest', 'init', file]);
  // The built-in cluster, with empty blocks more often than once a second.
  cluster = await startCluster(fs.readFileSync(file, 'utf8').replace('heartbeat_ms = 1000', 'heartbeat_ms = 200'));
});
after(() => cluster?.stop());

const call = async (method, params) => {
  const answer = await rpc(cluster.rpc, method, params);
  if (answer.error) throw new Error(JSON.stringify(answer.error));
  return answer.result;
};
const height = async () => Number(await call('eth_blockNumber'));
const node = async (name) => (await cluster.json('status')).nodes.find((n) => n.name === name);
const line = async (name) => (await node(name)).role;
const says = (name, pattern) => until(async () => pattern.exec(await line(name)), `${name} says ${pattern}`);
const logged = (name, pattern) => until(() => pattern.test(log(name)), `${name} logs ${pattern}`);
const ready = (...names) => eventually(async () => {
  for (const name of names) assert.equal((await node(name)).state, 'ready', name);
}, `${names} are ready`);
const log = (name) => fs.readFileSync(path.join(cluster.data, 'nodes', name, 'node.log'), 'utf8');
const database = (name, file, sql) =>
  execFileSync('sqlite3', ['-cmd', '.timeout 5000', path.join(cluster.data, 'nodes', name, 'data', file), sql], { encoding: 'utf8' }).trim();
const confirmed = async () => Number(/checkpoint (\d+) confirmed/.exec(await line('arbiter'))?.[1] ?? 0);
const disputes = async () => Number(/(\d+) disputes?/.exec(await line('arbiter'))?.[1] ?? 0);
const kill = async (name) => process.kill((await node(name)).pid, 'SIGKILL');
const confirmedBeyond = (at, what) => until(async () => (await confirmed()) >= at, what, 90000);

test('a workload is stored, checkpointed and confirmed', async () => {
  const report = await cluster.json('demo', '--transfers', '300');
  assert.equal(report.succeeded, 300);
  const at = await height();
  await confirmedBeyond(at, 'the workload is confirmed');
  await until(async () => Number((await says('storage-1', /stored (\d+) blocks/))[1]) >= at, `${at} blocks are stored`);
  for (const name of ['metadata-1', 'metadata-2']) {
    await says(name, /^manifests \d+, checkpoint \d+ (verified|assigned|posted)$/);
    assert.equal(database(name, 'manifests.db', 'select count(*) from evidence'), '0');
  }
  await says('batch-1', /[1-9]\d* confirmed/);
  assert.equal(await disputes(), 0);
});

test('receipts of the storage node are in the chain', async () => {
  await until(() => Number(database('storage-1', 'content.db', 'select max(height) from bundles where included = 1')) > interval, 'receipts are included');
});

test('kill -9 of each role: it comes back where it was, and checkpoints go on being confirmed', async () => {
  for (const name of ['storage-1', 'metadata-1', 'batch-1', 'arbiter']) {
    const at = await height();
    await kill(name);
    // Blocks go on without it, so that it has something to catch up with.
    await until(async () => (await height()) > at + 5, `blocks go on without ${name}`);
    await cluster.command('restart', name);
    await confirmedBeyond((await height()) + interval, `checkpoints are confirmed after ${name} was killed`);
  }
  await ready('storage-1', 'metadata-1', 'metadata-2', 'batch-1', 'arbiter');
  assert.equal(await disputes(), 0);
});

test('a stored bundle that was tampered with is refused by its hash', async () => {
  await kill('batch-1');
  const next = (Math.floor((await height()) / interval) + 1) * interval + 3;
  await until(async () => Number(database('storage-1', 'content.db', 'select max(height) from bundles')) >= next, 'the block is stored');
  database('storage-1', 'content.db', `update contents set data = data || x'00' where hash = (select hash from bundles where height = ${next})`);
  await cluster.command('restart', 'batch-1');
  await until(async () => (await disputes()) === 1, 'the validator tells the arbiter', 60000);
  await logged('storage-1', /content [0-9a-f]{64} is damaged: it hashes to [0-9a-f]{64}; it is not served/);
  await logged('batch-1', /can't be replayed: no storage node gives content [0-9a-f]{64}/);
  await says('storage-1', /damaged reads/);
  // What comes after it is validated as before.
  await confirmedBeyond(next + 2 * interval, 'later checkpoints are confirmed');
  assert.equal(await disputes(), 1);
});

test('a falsified result leads to a report', async () => {
  await kill('metadata-1');
  await kill('metadata-2');
  const target = (Math.floor((await height()) / interval) + 1) * interval;
  await until(async () => (await height()) > target, 'the block is there');
  const block = await call('eth_getBlockByNumber', [`0x${target.toString(16)}`, false]);
  const falsified = block.stateRoot.slice(0, -1) + (block.stateRoot.endsWith('0') ? '1' : '0');
  await run(liar, [path.join(cluster.data, 'nodes', 'metadata-2'), String(target), block.hash, falsified]);
  await cluster.command('restart', 'metadata-1');
  const report = `block ${target} does not replay to what was agreed: claimed state root ${falsified.slice(2)}, computed ${block.stateRoot.slice(2)}`;
  await until(() => log('batch-1').includes(report), 'the validator reports', 60000);
  // The honest metadata node contradicts the other one besides.
  await until(async () => (await disputes()) === 3, 'both disputes are open');
  await logged('arbiter', new RegExp(`dispute \\d+ about checkpoint ${target}, opened by node`));
  await confirmedBeyond(target + interval, 'later checkpoints are confirmed');
});

test("the arbiter's log replays to the same state", async () => {
  const before = database('arbiter', 'arbiter.db', 'select number, hex(state) from log order by number desc limit 1');
  await kill('arbiter');
  await cluster.command('restart', 'arbiter');
  const [number] = before.split('|');
  assert.equal(database('arbiter', 'arbiter.db', `select number, hex(state) from log where number = ${number}`), before);
  await ready('arbiter');
  // An entry that was changed is noticed at the start, and named.
  await cluster.command('stop', 'arbiter');
  database('arbiter', 'arbiter.db', 'update log set state = zeroblob(32) where number = 1');
  await assert.rejects(cluster.command('restart', 'arbiter'));
  await logged('arbiter', /arbiter log: entry 1 gives another state than when it was written/);
});
