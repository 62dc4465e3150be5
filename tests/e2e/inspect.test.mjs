// Looking inside a real cluster: inspect, trace, top, metrics, health; and a node killed under the observer's eyes.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { eventually, rpc, startCluster, troupe, until } from './cluster.mjs';

const run = promisify(execFile);
let cluster;
before(async () => { cluster = await startCluster(); });
after(() => cluster?.stop());

const tree = () => cluster.json('inspect');
const nodesOf = (report) => report.hosts.flatMap((host) => host.nodes);
const endpoint = (node) => `http://127.0.0.1:${fs.readFileSync(path.join(cluster.data, 'nodes', node, 'inspect.port'), 'utf8').trim()}`;
const send = async () => JSON.parse(await cluster.command('tx', 'send', '--key', 'dev:3', '--to', '0x00000000000000000000000000000000000000bb', '--value', '7', '--json'));

/** The text format as Prometheus' own parser demands it: HELP and TYPE before samples, families together. */
function parseMetrics(text) {
  const samples = new Map();
  const seen = new Set();
  let family;
  for (const line of text.split('\n').filter(Boolean)) {
    const head = /^# (HELP|TYPE) ([a-z_][a-z0-9_]*) (.+)$/.exec(line);
    if (head?.[1] === 'HELP') {
      assert.ok(!seen.has(head[2]), `${head[2]} stands together`);
      seen.add(head[2]);
      family = { name: head[2] };
    } else if (head) {
      assert.equal(head[2], family.name);
      family.type = head[3];
      assert.match(head[3], /^(counter|gauge|histogram)$/);
      if (head[3] === 'counter') assert.match(head[2], /_total$/);
    } else {
      const sample = /^([a-z_][a-z0-9_]*)(\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*\})? (-?[0-9.e+-]+)$/.exec(line);
      assert.ok(sample, `not a sample: ${line}`);
      assert.equal(sample[1], family.name);
      assert.ok(family.type);
      samples.set(sample[1] + (sample[2] ?? ''), Number(sample[3]));
    }
  }
  return samples;
}

test('inspect shows every node and role, with states that agree with the chain', async () => {
  // An actor at work may answer too late for one look.
  const report = await until(async () => { const r = await tree(); return nodesOf(r).every((n) => n.actors.every((a) => a.answers)) && r; }, 'every actor answers');
  const nodes = nodesOf(report);
  assert.deepEqual(nodes.map((n) => n.name).sort(), (await cluster.json('status')).nodes.map((n) => n.name).sort());
  const height = Number((await rpc(cluster.rpc, 'eth_blockNumber')).result);
  for (const node of nodes) {
    assert.equal(node.state, 'ready');
    assert.ok(node.actors.length > 0, node.name);
    assert.equal(node.links.length, node.links.filter((l) => l.connected || !nodes.some((n) => n.name === l.peer)).length);
    for (const actor of node.actors) {
      assert.equal(actor.ended, '');
      assert.ok(actor.busy_share >= 0 && actor.busy_share <= 1);
    }
    const consensus = node.actors.find((a) => a.role === 'consensus');
    if (!consensus) continue; // metadata, batch and arbiter nodes have no copy of the chain
    assert.match(consensus.state, /^h=\d+ v=\d+ (primary|backup|follower)/);
    assert.ok(Math.abs(node.height - height) < 20, `${node.name} at ${node.height}, chain at ${height}`);
    assert.ok(consensus.messages_in > 0 && consensus.messages_out > 0);
  }
  const roles = new Set(nodes.flatMap((n) => n.actors.map((a) => a.role)));
  for (const role of ['consensus', 'chunk_builder', 'chunk_signer', 'executor', 'gateway', 'vm_pool', 'vm_worker', 'storage_node', 'metadata_node', 'batch_validator', 'arbiter'])
    assert.ok(roles.has(role), role);
  const text = await cluster.command('inspect');
  assert.match(text, /validator-1 {2}ready {2}h=\d+/);
  assert.match(text, /[├└]─ consensus +h=\d+ v=\d+ /);
});

/** An actor in full, once it has had the time to answer. */
const shown = (id) => until(async () => { const d = await cluster.json('inspect', id); return d.state && d; }, `${id} shows its struct`);

test('actors of every role show their own struct', async () => {
  const expected = {
    'validator-1/chunk_builder': 'queued', 'validator-1/chunk_signer': 'signed_chunks', 'validator-1/executor': 'executed', 'validator-1/vm_pool': 'idle',
    'gateway-1/gateway': 'accepted', 'storage-1/storage_node': 'kept', 'metadata-1/metadata_node': 'tip', 'batch-1/batch_validator': 'registered', 'arbiter/arbiter': 'log_hash',
  };
  for (const [id, field] of Object.entries(expected)) assert.ok(field in (await shown(id)).state, `${id} shows ${field}`);
  await until(async () => (await shown('arbiter/arbiter')).state.validators.some((v) => v.active), 'the arbiter shows its validators');
  assert.match(await cluster.command('inspect', 'arbiter/arbiter'), /^ {2}validators\n {4}node +deposit +active .*\n {4}\d+ +\d+ +true /m);
});

test('one actor shows its own struct, its peers, timers and last messages', async () => {
  await send();
  const detail = await shown('validator-1/consensus');
  assert.deepEqual(Object.keys(detail.state), ['height', 'view', 'role', 'phase', 'executed', 'certificates', 'catching_up']);
  assert.ok(detail.peers.some((p) => p.name === 'validator-2' && p.messages_in > 0 && p.bytes_in > 0 && p.messages_out > 0));
  assert.ok(detail.peers.some((p) => p.name === 'executor' && p.messages_out > 0), 'what it sends within the node is known too');
  assert.ok(detail.kinds.some((k) => k.name === 'consensus' && k.messages_in > 0));
  assert.ok(detail.timers.some((t) => t.kind === 'timer' && t.due_us > 0));
  assert.ok(detail.messages.length > 0 && detail.messages.length <= 50);
  for (const m of detail.messages) assert.ok(m.kind && m.from && Math.abs(m.time_us / 1000 - Date.now()) < 60000, JSON.stringify(m));
  const total = detail.kinds.reduce((sum, k) => sum + k.messages_in, 0);
  assert.ok(Math.abs(total - detail.actor.messages_in) <= 5, 'the kinds add up to the total');
  assert.match(await cluster.command('inspect', 'gateway-1/gateway'), /last messages/);
});

test('filters, sorting and wrong words', async () => {
  const builders = await cluster.json('inspect', 'chunk_builder');
  assert.equal(builders.length, 4);
  const sorted = await cluster.json('inspect', 'actors', '--sort', 'messages');
  for (let i = 1; i < sorted.length; i++) assert.ok(sorted[i - 1].messages_per_second >= sorted[i].messages_per_second);
  assert.deepEqual([...new Set((await cluster.json('inspect', 'actors', '--node', 'gateway-1')).map((a) => a.node))], ['gateway-1']);
  assert.equal((await cluster.json('inspect', 'hosts')).length, 1);
  const fails = (...args) => run(troupe, [...args, '--data', cluster.data]).then(() => assert.fail('should fail'), (e) => e);
  assert.match((await fails('inspect', 'consensis')).stderr, /did you mean "consensus"/);
  assert.equal((await fails('inspect', 'nothing-at-all-like-it')).code, 3);
  assert.equal((await fails('inspect', '--sort', 'colour')).code, 2);
  assert.equal((await fails('trace', 'tx', '0x12')).code, 2);
  assert.equal((await fails('trace', 'tx', '0x' + '12'.repeat(32))).code, 3);
  assert.match((await fails('top')).stderr, /needs a terminal/);
  assert.match(await cluster.command('top', '--once'), /nodes ready/);
});

test('trace tx gives the stations of a transaction in their order', async () => {
  const receipt = await send();
  // The gateway's receipt is there before the last node has executed the block.
  const steps = await until(async () => {
    const all = (await cluster.json('trace', 'tx', receipt.transactionHash)).steps;
    return all.filter((s) => s.event.station === 'execution').length === 6 && all;
  }, 'validators, gateway and storage node execute it');
  const first = {};
  for (const { event, node } of steps) first[event.station] ??= { ...event, node };
  for (const station of ['gateway', 'submitted', 'builder', 'chunk', 'persisted', 'certificate', 'proposal', 'prepared', 'commit', 'execution', 'receipt'])
    assert.ok(first[station], `${station} is there`);
  const way = ['gateway', 'submitted', 'builder', 'chunk', 'persisted', 'certificate', 'proposal', 'commit', 'execution', 'receipt'].map((s) => first[s].unix_us);
  assert.deepEqual(way, [...way].sort((a, b) => a - b));
  assert.equal(first.gateway.node, 'gateway-1');
  assert.equal(first.commit.height, Number(receipt.blockNumber));
  assert.ok(steps.filter((s) => s.event.station === 'persisted').length >= 3, 'a quorum has it on disk');
  assert.match(await cluster.command('trace', 'tx', receipt.transactionHash), /certificate .* certified by a quorum/);
});

test('trace actor prints messages as they come', async () => {
  const out = (await run(troupe, ['trace', 'actor', 'validator-1/consensus', '--count', '5', '--json', '--data', cluster.data], { timeout: 20000 })).stdout;
  const messages = out.trim().split('\n').map((line) => JSON.parse(line));
  assert.equal(messages.length, 5);
  for (let i = 1; i < 5; i++) assert.ok(messages[i].number > messages[i - 1].number);
});

test('metrics keep Prometheus conventions and tell the truth', async () => {
  // An actor at work may leave its figures out of one answer.
  const whole = (node, name, least = 0) => until(async () => {
    const m = parseMetrics(await (await fetch(endpoint(node) + '/metrics')).text());
    return m.get(name) >= least && m;
  }, `${name} of ${node} is at least ${least}`);
  const before = await whole('validator-1', 'troupe_executor_transactions_total');
  const receipt = await send();
  const fetched = await whole('validator-1', 'troupe_executor_transactions_total', before.get('troupe_executor_transactions_total') + 1);
  await whole('validator-1', 'troupe_executor_height', Number(receipt.blockNumber));
  assert.equal(fetched.get('troupe_node_ready'), 1);
  assert.equal(fetched.get('troupe_link_up{peer="validator-2"}'), 1);
  assert.ok(fetched.get('troupe_actor_messages_received_total{actor="consensus",role="consensus",kind="consensus"}') > 0);
  assert.ok(fetched.get('process_cpu_seconds_total') > 0 && fetched.get('process_resident_memory_bytes') > 1e6);
  const gateway = await fetch(cluster.rpc + '/metrics');
  assert.match(gateway.headers.get('content-type'), /^text\/plain; version=0\.0\.4/);
  parseMetrics(await gateway.text());
  // The dashboard and the alert rules ask for nothing that is not there.
  const everyRole = [['validator-1', 'troupe_chunk_signer_faults_total'], ['gateway-1', 'troupe_gateway_transactions_accepted_total'], ['storage-1', 'troupe_storage_node_height'],
    ['metadata-1', 'troupe_metadata_node_height'], ['batch-1', 'troupe_batch_validator_registered'], ['arbiter', 'troupe_arbiter_disputes_total']];
  const names = new Set(['up']);
  for (const [node, name] of everyRole) for (const key of (await whole(node, name)).keys()) names.add(key.split('{')[0]);
  const arbiter = await whole('arbiter', 'troupe_arbiter_disputes_total');
  for (const name of ['troupe_consensus_height', 'troupe_executor_height']) assert.ok(!arbiter.has(name), 'a node without the chain is not one that has fallen behind');
  assert.ok(![...fetched.keys()].some((k) => k.includes('spare')), 'no link to an identity that nobody has taken is missed');
  const root = path.resolve(path.dirname(new URL(import.meta.url).pathname), '../..');
  for (const file of ['grafana/troupe.json', 'prometheus/alerts.yml'])
    for (const [name] of fs.readFileSync(path.join(root, 'deploy/packaging', file), 'utf8').matchAll(/\b(troupe|process)_[a-z_]+\b/g))
      assert.ok(names.has(name), `${file} uses ${name}`);
});

test('health and readiness', async () => {
  for (const url of [endpoint('validator-2'), cluster.rpc])
    for (const what of ['/health', '/ready']) {
      const answer = await fetch(url + what);
      assert.equal(answer.status, 200, url + what);
      assert.ok((await answer.json()).height > 0);
    }
  assert.equal((await fetch(endpoint('validator-2') + '/nothing')).status, 404);
  assert.equal((await fetch(endpoint('validator-2') + '/inspect/nobody')).status, 404);
  assert.equal((await fetch(endpoint('validator-2') + '/trace/zz')).status, 400);
});

test('inspect answers quickly', async () => {
  const times = [];
  for (let i = 0; i < 5; i++) {
    const start = performance.now();
    await cluster.command('inspect', '--json');
    times.push(performance.now() - start);
  }
  console.log(`inspect of the whole cluster: ${Math.min(...times).toFixed(0)} to ${Math.max(...times).toFixed(0)} ms`);
});

test('top draws, takes keys and gives the terminal back as it was', { skip: !fs.existsSync('/usr/bin/script') && 'no script(1)' }, async () => {
  const settings = path.join(cluster.data, 'stty');
  const shell = `stty -a > ${settings}.before; ${troupe} top --data ${cluster.data} --every 0.5; stty -a > ${settings}.after`;
  const child = spawn('script', ['-qec', shell, '/dev/null'], { stdio: ['pipe', 'pipe', 'ignore'] });
  let screen = '';
  child.stdout.on('data', (data) => { screen += data; });
  await until(() => screen.includes('sorted by busy'), 'the first picture', 10000);
  child.stdin.write('s');
  await until(() => screen.includes('sorted by messages'), 'another column', 10000);
  child.stdin.write('q');
  await new Promise((resolve) => child.on('exit', resolve));
  assert.ok(screen.includes('\x1b[?1049h') && screen.lastIndexOf('\x1b[?1049l') > screen.lastIndexOf('\x1b[?1049h'), 'the alternate screen is left');
  assert.ok(screen.lastIndexOf('\x1b[?25h') > screen.lastIndexOf('\x1b[?25l'), 'the cursor is shown');
  assert.equal(fs.readFileSync(`${settings}.after`, 'utf8'), fs.readFileSync(`${settings}.before`, 'utf8'));
});

test('a node that is killed or hangs is shown as such within seconds', async () => {
  const pid = (await cluster.json('status')).nodes.find((n) => n.name === 'validator-4').pid;
  process.kill(pid, 'SIGSTOP');
  const start = performance.now();
  const hanging = nodesOf(await tree());
  assert.ok(performance.now() - start < 10000, 'a hanging node holds nobody up');
  assert.equal(hanging.find((n) => n.name === 'validator-4').state, 'unreachable');
  await until(async () => nodesOf(await tree()).every((n) => (n.actors.length > 0) === (n.name !== 'validator-4')), 'all others answer');
  process.kill(pid, 'SIGKILL');
  const killed = performance.now();
  await until(async () => nodesOf(await tree()).find((n) => n.name === 'validator-4').state === 'dead', 'it is shown as dead', 20000);
  console.log(`a killed node was shown as dead after ${(performance.now() - killed).toFixed(0)} ms`);
  await until(async () => nodesOf(await tree()).find((n) => n.name === 'validator-1').links.find((l) => l.peer === 'validator-4').connected === false, 'the others see the link down');
  assert.match(await cluster.command('inspect'), /validator-4 {2}dead/);
  const e = await run(troupe, ['inspect', 'validator-4/consensus', '--data', cluster.data]).then(() => assert.fail('should fail'), (error) => error);
  assert.match(e.stderr, /validator-4 is dead; `troupe restart validator-4` starts it/);
  const port = endpoint('validator-4');
  await cluster.command('restart', 'validator-4');
  assert.equal(endpoint('validator-4'), port, 'it is found where it was');
  await until(async () => (await fetch(port + '/ready')).status === 200, 'ready again');
  execFileSync(troupe, ['inspect', '--data', cluster.data]);
});
