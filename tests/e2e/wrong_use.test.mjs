// Wrong use is answered with what was wrong and what to do.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import { troupe, until } from './cluster.mjs';

const run = promisify(execFile);
const home = fs.mkdtempSync(path.join(os.tmpdir(), 'troupe-wrong-'));
const env = { ...process.env, HOME: home, TROUPE_DATA: path.join(home, 'data'), TROUPE_CA: '' };
const fails = (...args) => run(troupe, args, { env }).then((r) => assert.fail(`should fail: ${r.stdout}`), (e) => e);
const t = async (...args) => (await run(troupe, args, { env })).stdout;
const manifest = path.join(home, 'm.toml');

before(() => fs.writeFileSync(manifest, `name = "small"
[[node]]
name = "v"
link_port = 9811
roles = ["consensus", "chunk_builder", "chunk_signer", "executor", "vm_pool"]
[[node]]
name = "gateway"
link_port = 9812
rpc_port = 9813
roles = ["gateway", "executor", "vm_pool"]
`));
after(async () => {
  await t('down').catch(() => {});
  fs.rmSync(home, { recursive: true, force: true });
});

test('without a cluster every verb says how to start one', async () => {
  for (const args of [['status'], ['inspect'], ['scale', 'gateway=2'], ['drain', 'v'], ['restart'], ['logs']]) {
    const e = await fails(...args);
    assert.equal(e.code, 3, args.join(' '));
    assert.match(e.stderr, /no cluster in .*; start one with `troupe up`/);
  }
});

test('a port that is taken is named with who has it, and nothing is started', async () => {
  const server = net.createServer().listen(9812, '127.0.0.1');
  await new Promise((resolve) => server.on('listening', resolve));
  const e = await fails('up', manifest, '-d');
  server.close();
  assert.equal(e.code, 5);
  assert.match(e.stderr, /gateway: port 9812 on 127\.0\.0\.1 can't be used: it is taken by \S+ \(pid \d+\)/);
  assert.equal((await fails('status')).code, 3);
});

test('unknown roles, nodes and counts are answered with what was probably meant', async () => {
  await t('up', manifest, '-d');
  assert.match((await fails('scale', 'gatway=2')).stderr, /no role "gatway"; did you mean "gateway"/);
  assert.match((await fails('scale', 'vm_pol=2')).stderr, /did you mean "vm_pool"/);
  assert.match((await fails('scale', 'gateway')).stderr, /expected ROLE=N, such as gateway=3/);
  assert.match((await fails('scale', 'gateway=-1')).stderr, /expected ROLE=N/);
  assert.match((await fails('scale', 'gateway=2', '--host', 'beta')).stderr, /no host "beta"; there are: local/);
  assert.match((await fails('drain', 'gatewy')).stderr, /did you mean "gateway"/);
  assert.match((await fails('move', 'gateway', '--host', 'beta')).stderr, /no host "beta"/);
  assert.ok(JSON.parse(await t('status', '--json')).nodes.every((n) => n.state === 'ready'), 'nothing was touched');
  await t('down');
});

test('a cluster of another version is not touched', async () => {
  const file = path.join(env.TROUPE_DATA, 'cluster.json');
  const text = fs.readFileSync(file, 'utf8');
  fs.writeFileSync(file, text.replace(/"version": \d+/, '"version": 99'));
  assert.match((await fails('status')).stderr, /was made by another version of troupe \(layout 99, this one knows \d+\)/);
  fs.writeFileSync(file, text);
});

test('a full disk is named before a node is started on it, and a node that fills it says what to do', async (context) => {
  const disk = path.join(home, 'disk');
  fs.mkdirSync(disk);
  const mount = (size) => execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', disk], { stdio: 'pipe' });
  try {
    mount('400k');
  } catch (e) {
    console.error(`SKIPPED, and nothing here was tested: a small disk needs root: ${e.stderr}`);
    return context.skip('mount needs root');
  }
  const data = ['--data', path.join(disk, 'c')];
  try {
    const e = await fails('up', manifest, '-d', ...data);
    assert.match(e.stderr, /v: only \d+ KiB are free in \S+: a node is not started with less than 16 MiB; free some space/);
    execFileSync('umount', [disk]);
    mount('24m');
    await t('up', manifest, '-d', ...data);
    fs.writeFileSync(path.join(disk, 'filler'), Buffer.alloc(1 << 20));
    try {
      for (let i = 0; i < 64; i++) fs.appendFileSync(path.join(disk, 'filler'), Buffer.alloc(1 << 20));
    } catch { /* full */ }
    const log = () => fs.readFileSync(path.join(disk, 'c/nodes/v/node.log'), 'utf8') + fs.readFileSync(path.join(disk, 'c/nodes/gateway/node.log'), 'utf8');
    await until(async () => JSON.parse((await run(troupe, ['status', '--json', ...data], { env }).catch((x) => x)).stdout).nodes.some((n) => n.state !== 'ready'),
      'a node notices', 60000);
    fs.rmSync(path.join(disk, 'filler'));
    await run(troupe, ['restart', ...data], { env });
    assert.ok(JSON.parse(await t('status', '--json', ...data)).nodes.every((n) => n.state === 'ready'), 'with space it goes on');
    assert.match(log(), /full|No space left/);
  } finally {
    await run(troupe, ['down', ...data], { env }).catch(() => {});
    execFileSync('umount', ['-l', disk]);
  }
});
