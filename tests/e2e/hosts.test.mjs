// Three hosts, each a network namespace with its own address, agent and delay: launching over them, looking into all of
// them, a host cut off under load, nodes that die, scaling every role that scales, workers that run another host's calls,
// moving, rolling restarts, strangers, revoked certificates, and the rotation of the operator's authority.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { ethers } from 'ethers';
import { eventually, rpc, sleep, troupe, until } from './cluster.mjs';

const run = promisify(execFile);
const hosts = [{ name: 'alpha', address: '10.77.0.11' }, { name: 'beta', address: '10.77.0.12' }, { name: 'gamma', address: '10.77.0.13' }];
const tag = `t${process.pid % 100000}`;
const bridge = `${tag}br`;
const home = fs.mkdtempSync(path.join(os.tmpdir(), 'troupe-hosts-'));
const env = { ...process.env, HOME: home, TROUPE_DATA: '', TROUPE_CA: '' };
const space = (host) => `${tag}-${host.name}`;
const ip = (...args) => execFileSync('ip', args, { stdio: 'pipe' });
const agents = new Map();
let skip = false;
let url;

const t = async (...args) => (await run(troupe, args, { env, maxBuffer: 1 << 26 })).stdout;
const fails = async (...args) => t(...args).then((out) => assert.fail(`should fail: ${out}`), (e) => e);
const status = async () => {
  try {
    return JSON.parse(await t('status', '--json'));
  } catch (e) {
    if (e.code === 4 && e.stdout.includes('"nodes"')) return JSON.parse(e.stdout);
    throw e;
  }
};
const node = async (name) => (await status()).nodes.find((n) => n.name === name);
const call = async (method, params) => {
  const answer = await rpc(url, method, params);
  if (answer.error) throw new Error(JSON.stringify(answer.error));
  return answer.result;
};
const height = async () => Number(await call('eth_blockNumber'));
const agentLog = (host) => fs.readFileSync(path.join(home, `${host.name}.log`), 'utf8');

function startAgent(host) {
  const starts = () => (fs.existsSync(path.join(home, `${host.name}.log`)) ? agentLog(host).split('agent of host').length : 1);
  const before = starts();
  const log = fs.openSync(path.join(home, `${host.name}.log`), 'a');
  agents.set(host.name, spawn('ip', ['netns', 'exec', space(host), troupe, 'agent', '--credentials', path.join(home, `${host.name}.pem`),
    '--listen', `${host.address}:9600`, '--data', path.join(home, `agent-${host.name}`)], { env, stdio: ['ignore', log, log] }));
  return until(() => starts() > before, `the agent of ${host.name} listens`);
}

before(async () => {
  try {
    ip('link', 'add', bridge, 'type', 'bridge');
    ip('addr', 'add', '10.77.0.1/24', 'dev', bridge);
    ip('link', 'set', bridge, 'up');
    for (const host of hosts) {
      ip('netns', 'add', space(host));
      ip('link', 'add', `${tag}${host.name}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', space(host));
      ip('link', 'set', `${tag}${host.name}`, 'master', bridge, 'up');
      ip('-n', space(host), 'addr', 'add', `${host.address}/24`, 'dev', 'eth0');
      ip('-n', space(host), 'link', 'set', 'eth0', 'up');
      ip('-n', space(host), 'link', 'set', 'lo', 'up');
    }
  } catch (e) {
    skip = `network namespaces need root and iproute2: ${e.stderr ?? e.message}`;
    console.error(`SKIPPED, and nothing here was tested: ${skip}`);
    return;
  }
  for (const host of hosts) {
    try {
      execFileSync('tc', ['-n', space(host), 'qdisc', 'add', 'dev', 'eth0', 'root', 'netem', 'delay', '3ms', '1ms'], { stdio: 'pipe' });
    } catch (e) { console.error(`no netem delay on ${host.name}: ${e.stderr}`); }
  }
  await t('keys', 'ca', 'new', 'acme');
  for (const host of hosts) await t('keys', 'ca', 'issue', host.name, '--out', path.join(home, `${host.name}.pem`));
  fs.writeFileSync(path.join(home, 'm.toml'), `name = "wide"
${hosts.map((h, i) => `[[host]]\nname = "${h.name}"\naddress = "${h.address}"\nlabels = ["rack-${i}"]\n`).join('')}
[[node]]
name = "v"
count = 4
roles = ["consensus", "chunk_builder", "chunk_signer", "executor", "vm_pool"]
[[node]]
name = "gateway"
count = 1
label = "rack-0"
roles = ["gateway", "executor", "vm_pool"]
rpc_host = "0.0.0.0"
[[node]]
name = "storage"
count = 1
host = "beta"
roles = ["storage_node", "executor", "vm_pool"]
[[node]]
name = "metadata"
count = 2
hosts = ["alpha", "gamma"]
roles = ["metadata_node"]
[[node]]
name = "batch"
count = 1
host = "gamma"
roles = ["batch_validator"]
[[node]]
name = "arbiter"
host = "alpha"
roles = ["arbiter"]
`);
});

after(async () => {
  if (!skip) await t('down').catch(() => {});
  for (const agent of agents.values()) agent.kill('SIGTERM');
  for (const host of hosts) try { ip('netns', 'del', space(host)); } catch { /* was not made */ }
  try { ip('link', 'del', bridge); } catch { /* was not made */ }
  if (!process.env.TROUPE_KEEP) fs.rmSync(home, { recursive: true, force: true });
});

const only = (name, body) => test(name, async (context) => (skip ? context.skip(skip) : body(context)));

only('a host without an agent is named, with what to do', async () => {
  await startAgent(hosts[0]);
  const e = await fails('up', path.join(home, 'm.toml'), '-d');
  assert.equal(e.code, 4);
  assert.match(e.stderr, /host beta: 10\.77\.0\.12:9600: Connection refused; is `troupe agent` running there\?/);
});

only('plan shows where each node runs, and one up launches them there', async () => {
  for (const host of hosts.slice(1)) await startAgent(host);
  const plan = JSON.parse(await t('manifest', 'plan', path.join(home, 'm.toml'), '--json'));
  assert.deepEqual(plan.nodes.map((n) => n.host), ['alpha', 'beta', 'gamma', 'alpha', 'alpha', 'beta', 'alpha', 'gamma', 'gamma', 'alpha']);
  await t('up', path.join(home, 'm.toml'), '-d');
  const now = await status();
  url = now.rpc;
  assert.equal(url, 'http://10.77.0.11:8545');
  for (const n of now.nodes) {
    assert.equal(n.state, 'ready');
    assert.equal(n.peers, now.nodes.length - 1);
  }
  for (const host of hosts) {
    const directory = path.join(home, `agent-${host.name}`, 'wide', 'nodes');
    for (const name of fs.readdirSync(directory)) {
      const file = path.join(directory, name, 'identity');
      assert.equal(fs.statSync(file).mode & 0o777, 0o600);
      const secret = fs.readFileSync(file, 'utf8').trim();
      assert.ok(!agentLog(host).includes(secret), 'a key is never logged');
    }
  }
});

only('inspect shows the actors of every host, and one actor of another host in full', async () => {
  const placed = new Map((await status()).nodes.map((n) => [n.name, n.host]));
  await eventually(async () => {
    const report = JSON.parse(await t('inspect', '--json'));
    assert.deepEqual(report.hosts.map((h) => h.name).sort(), ['alpha', 'beta', 'gamma']);
    for (const host of report.hosts)
      for (const n of host.nodes) {
        assert.ok(n.actors.length > 0, `${n.name} on ${host.name} shows its actors`);
        assert.equal(placed.get(n.name), host.name);
      }
  }, 'every host answers');
  const actors = JSON.parse(await t('inspect', 'actors', '--json'));
  const builder = actors.find((a) => a.node === 'v-2' && a.role === 'chunk_builder');
  assert.equal(builder.host, 'beta');
  const detail = JSON.parse(await t('inspect', builder.id, '--json'));
  assert.ok(detail.messages.length > 0, 'its last messages are shown');
  assert.match(await t('inspect', 'hosts'), /gamma/);
  const e = await fails('inspect', 'v-9');
  assert.match(e.stderr, /did you mean "v-\d"/);
});

/** What a gateway's page shows: hosts with their nodes, and how many actors each has. */
const shown = async (gateway) => {
  const report = await (await fetch(`${gateway}/dashboard/cluster`)).json();
  assert.ok(report.hosts, JSON.stringify(report));
  return report;
};
const everywhere = async (gateway) => (await shown(gateway)).hosts.length === hosts.length
  && (await shown(gateway)).hosts.every((h) => h.nodes.every((n) => n.actors.length > 0));

only("a gateway's page shows hosts, nodes, links and actors of the whole cluster, any actor in full, and a transaction's way", async () => {
  const names = (report) => report.hosts.flatMap((h) => h.nodes.map((n) => `${h.name}/${n.name}: ${n.actors.map((a) => a.name).sort()}`)).sort();
  await eventually(async () => {
    const page = await shown(url);
    assert.deepEqual(names(page), names(JSON.parse(await t('inspect', '--json'))));
    const beta = page.hosts.find((h) => h.name === 'beta').nodes.find((n) => n.name === 'v-2');
    assert.equal(beta.links.filter((l) => l.connected).length, page.hosts.flatMap((h) => h.nodes).length - 1);
  }, 'the page has all hosts');
  await until(async () => (await (await fetch(`${url}/dashboard/actor/v-2/consensus`)).json()).messages?.length > 0, 'an actor of another host is shown in full');
  const [key] = JSON.parse(await t('keys', 'list', '--secret', '--json')).accounts.slice(20);
  const wallet = new ethers.Wallet(key.private_key, new ethers.JsonRpcProvider(url));
  const { hash } = await (await wallet.sendTransaction({ to: wallet.address, value: 0n })).wait();
  await eventually(async () => {
    const way = await (await fetch(`${url}/dashboard/trace/${hash}`)).json();
    const on = new Set(way.steps.map((step) => step.node));
    for (const name of ['v-1', 'v-2', 'v-3', 'gateway-1']) assert.ok(on.has(name), `${name} is on the way: ${[...on]}`);
  }, 'the way is shown');
  wallet.provider.destroy();
});

only('Prometheus finds every node of every host by way of the gateway', async () => {
  const targets = await (await fetch(`${url}/dashboard/targets`)).json();
  const running = (await status()).nodes.map((n) => n.name).sort();
  assert.deepEqual(targets.map((g) => g.labels.node).sort(), running);
  for (const group of targets) {
    assert.equal(group.labels.instance, group.labels.node, 'instances that are asked at one address differ');
    await eventually(async () => {
      const answer = await fetch(`http://${group.targets[0]}${group.labels.__metrics_path__}`);
      assert.equal(answer.status, 200);
      assert.match(answer.headers.get('content-type'), /^text\/plain; version=0\.0\.4/);
      assert.match(await answer.text(), /^troupe_/m);
    }, `${group.labels.node} is scraped`);
    assert.equal(group.labels.host, (await node(group.labels.node)).host);
  }
  assert.deepEqual(JSON.parse(await t('inspect', '--prometheus-targets')).map((g) => g.labels.node).sort(), running);
  assert.equal((await fetch(`${url}/dashboard/metrics/nobody`)).status, 404);
});

only('a host cut off for ten seconds under load: blocks go on, nothing accepted is lost, it comes back', async () => {
  const chainId = Number(await call('eth_chainId'));
  const keys = JSON.parse(await t('keys', 'list', '--secret', '--json')).accounts;
  const wallets = keys.slice(0, 16).map((k) => new ethers.Wallet(k.private_key));
  const to = ethers.Wallet.createRandom().address;
  const raws = [];
  for (let i = 0; i < 800; i++)
    raws.push(await wallets[i % 16].signTransaction({ chainId, type: 2, nonce: Math.floor(i / 16), to, value: 1n, gasLimit: 21000, maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 1n }));
  const send = async (list) => {
    const answers = await (await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' },
      body: JSON.stringify(list.map((raw, id) => ({ jsonrpc: '2.0', id, method: 'eth_sendRawTransaction', params: [raw] }))) })).json();
    for (const a of answers) assert.ok(a.result, JSON.stringify(a.error));
  };
  await send(raws.slice(0, 80));
  ip('link', 'set', `${tag}beta`, 'down');
  const cut = Date.now();
  const at = await height();
  for (let i = 80; i < 800; i += 80) {
    await send(raws.slice(i, i + 80));
    await sleep(Math.max(0, cut + (i / 80) * 1000 - Date.now()));
  }
  assert.ok((await height()) > at + 1, 'blocks go on without it');
  assert.equal((await node('v-2')).state, 'unreachable');
  await sleep(Math.max(0, cut + 10_000 - Date.now()));
  ip('link', 'set', `${tag}beta`, 'up');
  await until(async () => BigInt(await call('eth_getBalance', [to, 'latest'])) === 800n, 'every transfer executes', 60000);
  const target = await height();
  await until(async () => (await node('v-2')).height >= target, 'the host that was cut off catches up', 40000);
});

only('a node that dies is started again by its agent', async () => {
  const before = await node('v-3');
  process.kill(before.pid, 'SIGKILL');
  await until(async () => { const n = await node('v-3'); return n.state === 'ready' && n.pid !== before.pid && n.restarts === 1; }, 'it runs again', 30000);
  assert.match(agentLog(hosts[2]), /v-3 of wide ended by itself: started again/);
});

only('nodes go on when their agent ends, and the next agent finds them', async () => {
  const before = await node('v-2');
  agents.get('beta').kill('SIGTERM');
  await until(async () => (await node('v-2')).state === 'unreachable', 'the agent is gone', 20000);
  await startAgent(hosts[1]);
  const n = await node('v-2');
  assert.equal(n.pid, before.pid);
  assert.equal(n.state, 'ready');
});

only('a gateway is added on a named host and serves; scaled down it is drained first', async (context) => {
  const begin = Date.now();
  const out = await t('scale', 'gateway=2', '--host', 'gamma');
  context.diagnostic(`scale gateway=2 took ${Date.now() - begin} ms`);
  assert.match(out, /^\+ gateway-2 serves$/m);
  const added = await node('gateway-2');
  assert.equal(added.host, 'gamma');
  const second = `http://10.77.0.13:${added.rpc_port}`;
  await until(async () => Number((await rpc(second, 'eth_blockNumber')).result) >= (await height()) - 1, 'it follows the chain');
  assert.match(await t('manifest', 'export'), /name = "gateway-2"/);
  await until(() => everywhere(second), 'its page has all hosts too');
  assert.match(await t('scale', 'gateway=1'), /^- gateway-2 drained$/m);
  assert.equal(await node('gateway-2'), undefined);
  const wrong = await fails('scale', 'gatway=2');
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /did you mean "gateway"/);
  assert.match((await fails('scale', 'consensus=5')).stderr, /the genesis fixes the validators/);
  assert.match((await fails('scale', 'gateway=2', '--host', 'bta')).stderr, /did you mean "beta"/);
});

/** Scales, and tells when the last new node serves. */
async function scale(context, ...args) {
  const begin = Date.now();
  let out = '';
  let served = 0;
  const child = spawn(troupe, ['scale', ...args], { env });
  let errors = '';
  child.stderr.on('data', (d) => { errors += d; });
  child.stdout.on('data', (d) => { out += d; if (/ serves\n/.test(String(d))) served = Date.now() - begin; });
  const code = await new Promise((resolve) => child.on('close', resolve));
  assert.equal(code, 0, errors);
  if (served) context.diagnostic(`scale ${args.join(' ')}: all serve after ${served} ms`);
  return out;
}
const confirmed = async () => Number(/checkpoint (\d+) confirmed/.exec((await node('arbiter')).role)?.[1] ?? 0);

only('batch validators are scaled up on one host, register with the arbiter, and are drained down again', async (context) => {
  const out = await scale(context, 'batch_validator=5', '--host', 'beta');
  for (let i = 2; i <= 5; i++) assert.match(out, new RegExp(`^\\+ batch-${i} serves$`, 'm'));
  for (const n of (await status()).nodes) if (/^batch-[2-5]$/.test(n.name)) assert.equal(n.host, 'beta');
  await until(async () => /5 validators/.test((await node('arbiter')).role), 'all are registered');
  const at = await confirmed();
  await until(async () => (await confirmed()) > at, 'checkpoints are confirmed', 60000);
  const down = await scale(context, 'batch_validator=1');
  assert.equal(down.match(/^- batch-\d drained$/gm).length, 4);
  await until(async () => /1 validator\b/.test((await node('arbiter')).role), 'those that left are not registered');
  const then = await confirmed();
  await until(async () => (await confirmed()) > then, 'the last one goes on', 60000);
});

only('metadata and storage nodes are scaled up and down, and checkpoints go on', async (context) => {
  assert.match(await scale(context, 'metadata_node=3', '--host', 'beta'), /^\+ metadata-3 serves$/m);
  await until(async () => /^manifests \d+/.test((await node('metadata-3')).role), 'it has caught up with the manifests');
  assert.match(await scale(context, 'storage_node=2', '--host', 'gamma'), /^\+ storage-2 serves$/m);
  await until(async () => Number(/stored (\d+) blocks/.exec((await node('storage-2')).role)?.[1] ?? 0) > 0, 'it stores');
  assert.match(await scale(context, 'storage_node=1', '--host', 'gamma'), /^- storage-2 drained$/m);
  assert.match(await scale(context, 'metadata_node=2', '--host', 'beta'), /^- metadata-3 drained$/m);
  const at = await confirmed();
  await until(async () => (await confirmed()) > at, 'checkpoints go on', 60000);
});

only('a worker on another host runs the gateway\'s calls; its host cut off, they are run at home', async (context) => {
  assert.match(await scale(context, 'vm_pool=1', '--host', 'gamma'), /^\+ worker-1 serves$/m);
  assert.equal((await node('worker-1')).host, 'gamma');
  const calls = async () => Number(/calls=(\d+)/.exec((await node('worker-1')).role)[1]);
  const token = { to: '0x00000000000000000000000000000000000000aa', data: '0x' };
  const code = { [token.to]: { code: '0x5860005260206000f3' } };
  const ask = async () => assert.equal(BigInt(await call('eth_call', [token, 'latest', code])), 0n);
  await until(async () => { await ask(); return (await calls()) > 0; }, 'the worker gets calls');
  const file = path.join(home, 'agent-gamma', 'wide', 'nodes', 'worker-1', 'operator.pem');
  assert.equal(fs.statSync(file).mode & 0o777, 0o600);
  ip('link', 'set', `${tag}gamma`, 'down');
  try {
    const begin = Date.now();
    await Promise.all(Array.from({ length: 8 }, ask));
    context.diagnostic(`8 calls while the worker's host was cut off: ${Date.now() - begin} ms`);
  } finally {
    ip('link', 'set', `${tag}gamma`, 'up');
  }
  await until(async () => (await node('worker-1')).state === 'ready', 'its host is back', 30000);
  const before = await calls();
  await until(async () => { await ask(); return (await calls()) > before; }, 'it gets calls again', 30000);
  assert.match(await scale(context, 'vm_pool=0'), /^- worker-1 drained$/m);
  await ask();
});

only('while a host is away the others are looked into, scaled and brought up, and it takes part again when it is back', async () => {
  ip('link', 'set', `${tag}beta`, 'down');
  try {
    assert.match(await t('scale', 'gateway=2', '--host', 'gamma'), /^\+ gateway-2 serves$/m);
    assert.match(await t('inspect', 'hosts'), /^beta +unreachable /m);
    assert.match((await fails('inspect', 'v-2/consensus')).stderr, /v-2 can't be asked: host beta does not answer; is `troupe agent` running there\?/);
    assert.match((await fails('logs', 'v-2')).stderr, /v-2: host beta: .*(no answer|No route to host)/);
    assert.match((await fails('drain', 'v-1')).stderr, /nothing was drained: 2 validators would stay, 3 make a quorum/);
    await t('stop', 'gateway-2');
    const up = await fails('up', '-d');
    assert.equal(up.code, 4);
    assert.match(up.stderr, /host beta: .*; all that is elsewhere runs/);
    assert.equal((await node('gateway-2')).state, 'ready', 'it was started all the same');
  } finally {
    ip('link', 'set', `${tag}beta`, 'up');
  }
  await until(async () => (await node('v-2')).state === 'ready', 'its host is back', 40000);
  await t('up', '-d');
  const now = (await status()).nodes;
  for (const n of now) {
    assert.ok(n.is_current, `${n.name} knows what the others do`);
    if (n.name.startsWith('v-')) assert.equal(n.peers, now.length - 1, `${n.name} is linked to all`);
  }
  assert.match(await t('scale', 'gateway=1'), /^- gateway-2 drained$/m);
});

only('a validator moves with its data to another host, and the others dial it there', async () => {
  const pids = new Map((await status()).nodes.map((n) => [n.name, n.pid]));
  const at = await height();
  await t('move', 'v-3', '--host', 'beta');
  const now = await status();
  const moved = now.nodes.find((n) => n.name === 'v-3');
  assert.equal(moved.host, 'beta');
  await until(async () => { const n = await node('v-3'); return n.state === 'ready' && n.height >= at; }, 'it goes on where it was');
  for (const n of now.nodes) if (n.name !== 'v-3') assert.equal(n.pid, pids.get(n.name), `${n.name} was left alone`);
  assert.ok(!fs.existsSync(path.join(home, 'agent-gamma', 'wide', 'nodes', 'v-3')), 'nothing stays behind');
});

only('all nodes restart one after the other while blocks go on', async () => {
  const pids = new Map((await status()).nodes.map((n) => [n.name, n.pid]));
  const at = await height();
  await t('restart');
  for (const n of (await status()).nodes) assert.notEqual(n.pid, pids.get(n.name));
  await until(async () => (await status()).nodes.every((n) => n.state === 'ready'), 'all are ready');
  assert.ok((await height()) > at);
});

only('another operator can tell an agent nothing, and its log says who tried and why', async () => {
  const other = { ...env, TROUPE_CA: path.join(home, 'other-ca') };
  await run(troupe, ['keys', 'ca', 'new', 'globex'], { env: other });
  const e = await run(troupe, ['up', path.join(home, 'm.toml'), '-d', '--wait', '5'], { env: other }).then(() => assert.fail('must be refused'), (error) => error);
  assert.match(e.stderr, /O = acme, OU = agent, CN = (alpha|beta|gamma)/);
  await until(() => hosts.some((h) => /refused: .*(unknown ca|certificate)/i.test(agentLog(h))), 'the refusal is logged');
  const down = await run(troupe, ['down'], { env: other }).then(() => assert.fail('must be refused'), (error) => error);
  assert.notEqual(down.code, 0);
  await until(async () => (await status()).nodes.every((n) => n.state === 'ready'), 'nothing was stopped');
});

only('the authority is replaced without stopping anything', async () => {
  const pids = (await status()).nodes.map((n) => n.pid);
  await t('keys', 'ca', 'rotate');
  await t('up', '-d', '--name', 'wide');
  assert.ok((await status()).nodes.every((n) => n.state === 'ready'));
  await t('keys', 'ca', 'rotate', '--finish');
  await t('up', '-d', '--name', 'wide');
  assert.deepEqual((await status()).nodes.map((n) => n.pid), pids);
  const shown = JSON.parse(await t('keys', 'ca', 'show', '--json'));
  assert.equal(shown.trusted.length, 1);
  assert.equal(shown.rotating, false);
});

only('a stolen certificate is revoked: agents learn of it, refuse it and say which and why, and all else goes on', async () => {
  const stolen = path.join(home, 'stolen-ca');
  fs.cpSync(path.join(home, '.troupe', 'ca'), stolen, { recursive: true });
  const thief = (...args) => run(troupe, args, { env: { ...env, TROUPE_CA: stolen } }).then((r) => r, (e) => e);
  assert.match((await thief('inspect', 'hosts')).stdout, /gamma/, 'it works before');
  const pids = (await status()).nodes.map((n) => n.pid);
  assert.match(await t('keys', 'ca', 'revoke', 'commander'), /^revoked commander commander {2}[0-9a-f]{16}$/m);
  await t('up', '-d', '--name', 'wide');
  assert.deepEqual((await status()).nodes.map((n) => n.pid), pids);
  const refused = await thief('up', path.join(home, 'm.toml'), '-d', '--wait', '5');
  assert.match(refused.stderr, /revoked/);
  await thief('inspect', 'hosts');
  for (const host of hosts)
    await until(() => /CN = commander" of issuer .*: certificate revoked/.test(agentLog(host)), `${host.name} refuses it and says why`);
  assert.ok(JSON.parse(await t('keys', 'ca', 'show', '--json')).issued.some((c) => c.revoked));
  const e = await fails('keys', 'ca', 'revoke', 'nobody');
  assert.match(e.stderr, /no valid certificate has the name or fingerprint "nobody"; `troupe keys ca show` lists them/);
  await until(() => everywhere(url), 'gateways still show all hosts');
});

only('down stops every node on every host, and agents stay', async () => {
  await t('down');
  const e = await fails('status');
  assert.equal(e.code, 3);
  for (const host of hosts) assert.equal(agents.get(host.name).exitCode, null);
});
