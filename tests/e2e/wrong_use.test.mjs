// Wrong use is answered with what was wrong and what to do.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { execFile, execFileSync, spawn } from 'node:child_process';
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
  assert.match((await fails('inspect', '--host', 'lcal')).stderr, /no host "lcal"; did you mean "local"/);
  assert.match((await fails('trace', 'actor', 'v/consensis')).stderr, /no actor "v\/consensis"; did you mean "v\/consensus"/);
  assert.match(await t('scale', 'gateway=1'), /^gateway=1 already; nothing to do$/m);
  assert.ok(JSON.parse(await t('status', '--json')).nodes.every((n) => n.state === 'ready'), 'nothing was touched');
  await t('drain', 'gateway');
  assert.match((await fails('tx', 'send', '--key', 'dev:1', '--to', '0x00000000000000000000000000000000000000aa', '--value', '1')).stderr, /Connection refused|does not answer|no answer/);
  await t('scale', 'gateway=0');
  assert.match((await fails('tx', 'send', '--key', 'dev:1', '--to', '0x00000000000000000000000000000000000000aa', '--value', '1')).stderr, /no gateway that can be reached from here; `troupe scale gateway=1` starts one/);
  await t('scale', 'gateway=1');
  await t('down');
  await t('restart');
  assert.ok(JSON.parse(await t('status', '--json')).nodes.every((n) => n.state === 'ready'), 'restart starts what does not run');
  await t('down');
});

test('in front Ctrl-C stops the cluster; while it is being launched it says what goes on, and the next command completes it', async (context) => {
  const front = (...args) => {
    const child = spawn(troupe, ['up', manifest, ...args], { env });
    const seen = { text: '', end: new Promise((resolve) => child.on('exit', resolve)), child };
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (d) => { seen.text += d; });
    return seen;
  };
  const data = path.join(home, 'interrupted');
  context.after(() => t('down', '--data', data));
  const early = front('--data', data);
  await until(() => fs.existsSync(path.join(data, 'cluster.json')), 'it has begun');
  early.child.kill('SIGINT');
  assert.equal(await early.end, 130);
  assert.match(early.text, /interrupted; nodes go on as they are.*`troupe up` completes what was begun/);
  const late = front('--data', data);
  await until(() => late.text.includes('Ctrl-C stops the cluster'), 'it runs in front');
  assert.ok(JSON.parse(await t('status', '--json', '--data', data)).nodes.every((n) => n.state === 'ready'));
  late.child.kill('SIGINT');
  assert.equal(await late.end, 0);
  assert.equal((await fails('status', '--data', data)).code, 3);
});

test('words that mean nothing are answered with what was probably meant', async () => {
  assert.match((await fails('statsu')).stderr, /`troupe` has no "statsu"; did you mean "status"\?/);
  assert.match((await fails('keys', 'ca', 'nwe')).stderr, /`troupe keys ca` has no "nwe"; did you mean "new"\?/);
  assert.match((await fails('up', '--hlep')).stderr, /`troupe up` has no "--hlep"; did you mean "--help"\?/);
  assert.match((await fails()).stderr, /Usage: troupe .*SUBCOMMAND/);
  assert.match((await fails('keys')).stderr, /Usage: troupe keys .*SUBCOMMAND/);
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
