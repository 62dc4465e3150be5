// Operating a cluster: load, kill -9 of a validator under it, restart, catching up, bad input, wrong use.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { ethers } from 'ethers';
import { root, rpc, startCluster, troupe, until } from './cluster.mjs';

const run = promisify(execFile);
let cluster;
before(async () => { cluster = await startCluster(); });
after(() => cluster?.stop());
const call = async (method, params) => {
  const answer = await rpc(cluster.rpc, method, params);
  if (answer.error) throw new Error(JSON.stringify(answer.error));
  return answer.result;
};
const height = async () => Number(await call('eth_blockNumber'));
const nodes = async () => (await cluster.json('status')).nodes;

test('the demo workload reports true figures', async () => {
  const report = await cluster.json('demo', '--transfers', '300');
  assert.equal(report.succeeded, 300);
  assert.equal(report.balances_wrong, 0);
  let counted = 0;
  for (let h = 1; h <= await height(); h++)
    counted += (await call('eth_getBlockReceipts', [ethers.toQuantity(h)])).filter((r) => r.status === '0x1').length;
  assert.equal(counted, 300 + 1 + 15, 'transfers, deployment and funding, counted again from the receipts');
});

test('kill -9 of a validator under load: nothing accepted is lost, blocks go on, it catches up', async () => {
  const chainId = Number(await call('eth_chainId'));
  const wallets = cluster.keys.slice(16, 32).map((k) => new ethers.Wallet(k.private_key));
  const to = ethers.Wallet.createRandom().address;
  const raws = [];
  for (let i = 0; i < 1600; i++)
    raws.push(await wallets[i % 16].signTransaction({ chainId, type: 2, nonce: Math.floor(i / 16), to, value: 1n, gasLimit: 21000, maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 1n }));
  const send = async (list) => {
    const answers = await (await fetch(cluster.rpc, { method: 'POST', headers: { 'content-type': 'application/json' },
      body: JSON.stringify(list.map((raw, id) => ({ jsonrpc: '2.0', id, method: 'eth_sendRawTransaction', params: [raw] }))) })).json();
    for (const a of answers) assert.ok(a.result, JSON.stringify(a.error));
  };
  await send(raws.slice(0, 800));
  const victim = (await nodes()).find((n) => n.name === 'validator-2');
  process.kill(victim.pid, 'SIGKILL');
  const at = await height();
  await send(raws.slice(800));
  await until(async () => (await height()) > at + 1, 'blocks go on');
  assert.equal((await nodes()).find((n) => n.name === 'validator-2').state, 'dead');
  await until(async () => BigInt(await call('eth_getBalance', [to, 'latest'])) === 1600n, 'all 1,600 transfers execute', 60000);
  await cluster.command('restart', 'validator-2');
  const target = await height();
  await until(async () => (await nodes()).find((n) => n.name === 'validator-2').height >= target, 'the killed node catches up');
});

test('kill -9 of the gateway under load: every hash that it answered gets a receipt after its restart', async () => {
  const chainId = Number(await call('eth_chainId'));
  const gateway = async () => (await nodes()).find((n) => n.name === 'gateway-1');
  const to = ethers.Wallet.createRandom().address;
  const wallets = cluster.keys.slice(32, 56).map((k) => new ethers.Wallet(k.private_key));
  // Five at a time from each account, the next five when those are answered: no gap in what was accepted.
  const signed = await Promise.all(wallets.map(async (w) => {
    const first = Number(await call('eth_getTransactionCount', [w.address, 'pending']));
    return Promise.all([...Array(400).keys()].map((i) => w.signTransaction({ chainId, type: 2, nonce: first + i, to, value: 1n, gasLimit: 21000, maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 1n })));
  }));
  const accepted = [];
  let alive = true;
  const pid = (await gateway()).pid;
  const load = Promise.all(signed.map(async (raws) => {
    for (let i = 0; alive && i < raws.length; i += 5) {
      const body = JSON.stringify(raws.slice(i, i + 5).map((raw, id) => ({ jsonrpc: '2.0', id, method: 'eth_sendRawTransaction', params: [raw] })));
      const answers = await fetch(cluster.rpc, { method: 'POST', body }).then((r) => r.json()).catch(() => null);
      if (answers === null) return;
      for (const a of answers) accepted.push(a.result ?? assert.fail(JSON.stringify(a)));
    }
  }));
  await until(async () => accepted.length > 600, 'the load runs');
  process.kill(pid, 'SIGKILL');
  await load;
  alive = false;
  assert.ok(accepted.length < 24 * 400, 'it was killed in the midst of it');
  const before = accepted.length;
  await cluster.command('restart', 'gateway-1');
  for (const hash of accepted)
    await until(async () => (await call('eth_getTransactionReceipt', [hash]))?.status === '0x1', `receipt of ${hash}, one of ${before} accepted`, 60000);
  assert.ok(BigInt(await call('eth_getBalance', [to, 'latest'])) >= BigInt(before));
});

test('native transactions need a bond, run once, and expire', async () => {
  const to = '0x00000000000000000000000000000000000000aa';
  await assert.rejects(cluster.command('tx', 'send', '--native', '--key', 'dev:40', '--to', to, '--value', '5'), /has no bond/);
  await cluster.command('tx', 'bond', '--key', 'dev:40', '--value', '1ether');
  const receipt = JSON.parse(await cluster.command('tx', 'send', '--native', '--key', 'dev:40', '--to', to, '--value', '5', '--json'));
  assert.equal(receipt.status, '0x1');
  const raw = await call('eth_getRawTransactionByHash', [receipt.transactionHash]);
  assert.match((await rpc(cluster.rpc, 'eth_sendRawTransaction', [raw])).error.message, /already known|expired/);
  const sponsored = JSON.parse(await cluster.command('tx', 'send', '--key', 'dev:41', '--sponsor', 'dev:40', '--to', to, '--value', '1', '--json'));
  assert.equal(sponsored.status, '0x1');
});

test('bad input is answered with an error and harms nothing', async () => {
  const post = async (body) => (await fetch(cluster.rpc, { method: 'POST', headers: { 'content-type': 'application/json' }, body })).json();
  assert.equal((await post('{bad')).error.code, -32700);
  assert.equal((await post('[]')).error.code, -32600);
  assert.equal((await post('{"jsonrpc":"2.0","id":null,"method":"net_version"}')).id, null);
  assert.equal((await post('{"jsonrpc":"2.0","id":0,"method":"eth_chainId"}')).id, 0);
  assert.match((await post('{"jsonrpc":"2.0","id":1,"method":"eth_nothing"}')).error.message, /the method eth_nothing does not exist/);
  assert.equal((await fetch(cluster.rpc, { method: 'POST', body: '{"jsonrpc":"2.0","method":"eth_chainId"}' })).status, 204);
  for (const raw of ['0x', '0x00', '0xf8', '0x02c0', '0x54c0', '0x' + 'ff'.repeat(1000), '0x' + 'ab'.repeat(200000), 'zz', 5, null, {}])
    assert.ok((await rpc(cluster.rpc, 'eth_sendRawTransaction', [raw])).error, String(raw).slice(0, 20));
  const other = await new ethers.Wallet(cluster.keys[5].private_key).signTransaction({ chainId: 1, nonce: 0, to: cluster.keys[0].address, gasLimit: 21000, gasPrice: 10n ** 10n });
  assert.match((await rpc(cluster.rpc, 'eth_sendRawTransaction', [other])).error.message, /invalid chain id/);
  assert.equal((await fetch(cluster.rpc, { method: 'POST', body: 'x'.repeat(6 << 20) }).catch(() => ({ status: 413 }))).status, 413);
  // Strangers on the link port of a validator: garbage, and a connection that says nothing.
  const port = (await nodes())[0].link_port;
  for (const bytes of [Buffer.from('GET / HTTP/1.1\r\n\r\n'), Buffer.alloc(100000, 0x16), Buffer.alloc(0)]) {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(bytes);
    socket.end();
  }
  const now = await height();
  await until(async () => (await height()) > now, 'blocks go on');
  await until(async () => (await nodes()).every((n) => n.state === 'ready'), 'all nodes are well');
});

test('wrong use is answered helpfully, with the documented exit codes', async () => {
  const fails = async (code, pattern, ...args) => {
    const e = await run(troupe, args).then(() => assert.fail(`${args} should fail`), (error) => error);
    assert.equal(e.code, code, e.stderr);
    assert.match(e.stderr + e.stdout, pattern);
  };
  await fails(3, /did you mean "validator-1"/, 'logs', 'validatr-1', '--data', cluster.data);
  await fails(3, /no cluster/, 'status', '--data', '/nonexistent');
  await fails(2, /required|subcommand/i, 'keys');
  const bad = path.join(cluster.data, 'bad.toml');
  fs.writeFileSync(bad, 'name = "x"\n[chain]\nchian_id = 5\n[[node]]\nname = "a"\nroles = ["gatway"]\n');
  await fails(2, /bad\.toml:3:1: error: chain\.chian_id: unknown key; did you mean "chain_id"/, 'manifest', 'check', bad);
  await fails(2, /bad\.toml:6:10: error: node\.roles: unknown role "gatway"; did you mean "gateway"/, 'manifest', 'check', bad);
  const second = fs.mkdtempSync(path.join(cluster.data, 'second-'));
  await fails(5, /port 9700 .* is taken by troupe/, 'up', '-d', '--data', second);
});

test('validators that move to other ports restart one after the other, the rest is told, and blocks go on', async () => {
  const text = (await run(troupe, ['manifest', 'init', '-'])).stdout;
  const file = path.join(cluster.data, 'ports.toml');
  fs.writeFileSync(file, Object.entries({ validator: 9750, gateway: 9704, storage: 9705, metadata: 9706, batch: 9708, arbiter: 9709 })
    .reduce((t, [name, port]) => t.replace(`name = "${name}"\n`, `$&link_port = ${port}\n`), text));
  const before = await nodes();
  const at = await height();
  const out = await cluster.command('up', file, '-d');
  assert.match(out, /^~ validator-1 \(link_port 9700 -> 9750; restarts\)$/m);
  assert.match(out, /^> gateway-1 \(dials validator-1 at 127\.0\.0\.1:9750, /m);
  const now = await nodes();
  for (const n of now) {
    assert.equal(n.peers, now.length - 1, `${n.name} is linked to all others`);
    assert.equal(n.is_current, true);
    const old = before.find((o) => o.name === n.name);
    assert.equal(n.pid === old.pid, !n.name.startsWith('validator'), `${n.name}: only validators restart`);
  }
  assert.ok((await height()) > at);
  const back = path.join(cluster.data, 'back.toml');
  fs.writeFileSync(back, text);
  await cluster.command('up', back, '-d');
});

test('what the genesis fixes is refused by name, and nothing is touched', async () => {
  const text = (await run(troupe, ['manifest', 'init', '-'])).stdout;
  const file = path.join(cluster.data, 'fixed.toml');
  const pids = (await nodes()).map((n) => n.pid);
  for (const [from, to, what] of [['dev = 64', 'dev = 65', /\[accounts\] dev 64 -> 65/], ['view_time_ms = 1000', 'view_time_ms = 900', /\[chain\] view_time_ms 1000 -> 900/],
    ['# [[account]]', '[[account]]\naddress = "0x00000000000000000000000000000000000000aa"\n#', /\[\[account\]\] 0x0+aa added/]]) {
    fs.writeFileSync(file, text.replace(from, to));
    const e = await cluster.command('up', file, '-d').then(() => assert.fail('must be refused'), (error) => error);
    assert.equal(e.code, 2);
    assert.match(e.stderr, what);
    assert.match(e.stderr, /troupe down --delete/);
  }
  assert.deepEqual((await nodes()).map((n) => n.pid), pids);
});

test('one command changes a cluster at a time; the others say so', async () => {
  const results = await Promise.all(['down', 'restart'].map((verb) => run(troupe, [verb === 'down' ? 'stop' : verb, 'gateway-1', '--data', cluster.data]).then(() => 0, (e) => e)));
  const refused = results.filter((r) => r !== 0);
  for (const e of refused) {
    assert.equal(e.code, 5);
    assert.match(e.stderr, /another troupe command is changing this cluster/);
  }
  await cluster.command('up', '-d');
});

test('a cluster with a name of its own is found without --data, and status tells its state by the exit code', async () => {
  const home = fs.mkdtempSync(path.join(cluster.data, 'home-'));
  const env = { ...process.env, HOME: home, TROUPE_DATA: '' };
  const t = (...args) => run(troupe, args, { env }).then((r) => ({ code: 0, ...r }), (e) => e);
  const file = path.join(home, 'mine.toml');
  fs.writeFileSync(file, 'name = "mine"\n[[node]]\nname = "v"\nlink_port = 9900\nroles = ["consensus", "chunk_builder", "chunk_signer", "executor", "vm_pool"]\n');
  assert.equal((await t('status')).code, 3);
  const up = await t('up', file, '-d');
  assert.equal(up.code, 0, up.stderr);
  try {
    for (const args of [[], ['--name', 'mine'], ['--name', file]]) {
      const status = await t('status', '--json', ...args);
      assert.equal(status.code, 0);
      assert.equal(JSON.parse(status.stdout).cluster, 'mine');
    }
    assert.match((await t('status', '--name', 'other')).stderr, /no cluster called other; there are: mine/);
    const lines = (await t('logs', '--json')).stdout.trim().split('\n').map((l) => JSON.parse(l));
    assert.ok(lines.length > 0 && lines.every((l) => l.node === 'v' && l.level && l.text));
    assert.equal((await t('stop', 'v')).code, 0);
    const stopped = await t('status');
    assert.equal(stopped.code, 3);
    assert.match(stopped.stdout, /Nothing is running/);
  } finally {
    assert.equal((await t('down', '--delete')).code, 0);
  }
  const faults = JSON.parse((await t('up', '-d', '--json', path.join(cluster.data, 'bad.toml'))).stdout).faults;
  for (const line of [3, 6]) assert.ok(faults.some((f) => f.line === line && f.message), `a fault at line ${line}`);
});

test('up with a changed manifest does the difference only', async () => {
  const text = (await run(troupe, ['manifest', 'init', '-'])).stdout;
  const file = path.join(cluster.data, 'changed.toml');
  fs.writeFileSync(file, text.replace('name = "gateway"\ncount = 1', 'name = "gateway"\ncount = 2'));
  const pids = new Map((await nodes()).map((n) => [n.name, n.pid]));
  assert.match(await cluster.command('up', file, '-d'), /^\+ gateway-2$/m);
  const now = await nodes();
  assert.equal(now.length, pids.size + 1);
  for (const n of now) if (pids.has(n.name)) assert.equal(n.pid, pids.get(n.name), `${n.name} was left alone`);
  const second = `http://127.0.0.1:${now.find((n) => n.name === 'gateway-2').rpc_port}`;
  await until(async () => Number((await rpc(second, 'eth_blockNumber')).result) >= (await height()) - 1, 'the new gateway catches up');
  fs.writeFileSync(file, text.replace('count = 4', 'count = 5'));
  await assert.rejects(cluster.command('up', file, '-d'), /validators/);
});
