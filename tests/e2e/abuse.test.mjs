// Hostile input for some seconds on every open port: what is sent is thrown away, memory stays bounded, and whoever
// behaves is served meanwhile.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import { ethers } from 'ethers';
import { rpc, sleep, startCluster, until } from './cluster.mjs';

const duration = Number(process.env.ABUSE_MS ?? 8000);
let cluster;
before(async () => { cluster = await startCluster(); });
after(() => cluster?.stop());

const nodes = async () => (await cluster.json('status')).nodes;
const rssMiB = (pid) => Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;
const port = () => Number(new URL(cluster.rpc).port);

/** A socket that swallows what comes; `talk` gets it when it is connected. */
function connect(to, talk, { reads = true } = {}) {
  const socket = net.connect(to, '127.0.0.1', () => talk?.(socket));
  socket.on('error', () => {});
  if (reads) socket.resume();
  return socket;
}
const post = (body, declared = Buffer.byteLength(body)) => `POST / HTTP/1.1\r\nhost: x\r\ncontent-length: ${declared}\r\n\r\n${body}`;
const call = (method, params = []) => JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });

/** Runs attacks over and over until the time is over; each gives the sockets that it opened. */
async function attack(...attacks) {
  const end = Date.now() + duration;
  await Promise.all(attacks.map(async (one) => {
    while (Date.now() < end) {
      const sockets = one();
      await sleep(400);
      for (const s of sockets) s.destroy();
    }
  }));
}
const many = (n, make) => Array.from({ length: n }, (_, i) => make(i));

/** An honest client with a connection of its own for each request; the longest that it had to wait. */
async function honest(until) {
  let worst = 0, answered = 0;
  while (Date.now() < until) {
    const start = Date.now();
    for (;;) {
      const r = await fetch(cluster.rpc, { method: 'POST', headers: { connection: 'close' }, body: call('eth_blockNumber'), signal: AbortSignal.timeout(5000) })
        .then((x) => x.json()).catch(() => null);
      if (r?.result) break;
      assert.ok(Date.now() - start < 15000, 'an honest client is not served');
      await sleep(50);
    }
    worst = Math.max(worst, Date.now() - start);
    answered += 1;
    await sleep(100);
  }
  return { worst, answered };
}

/** Memory of all nodes, highest during the body and after it. */
async function measured(t, body, limits) {
  const before = await nodes();
  const base = new Map(before.map((n) => [n.name, rssMiB(n.pid)]));
  const peak = new Map(base);
  let running = true;
  const watch = (async () => {
    while (running) {
      for (const n of before) peak.set(n.name, Math.max(peak.get(n.name), rssMiB(n.pid)));
      await sleep(100);
    }
  })();
  const probe = honest(Date.now() + duration);
  await body();
  const { worst, answered } = await probe;
  running = false;
  await watch;
  const after = await nodes();
  for (const n of before) {
    assert.equal(after.find((a) => a.name === n.name).pid, n.pid, `${n.name} lives`);
    const line = `${n.name}: ${base.get(n.name).toFixed(0)} MiB before, ${peak.get(n.name).toFixed(0)} at most, ${rssMiB(n.pid).toFixed(0)} after`;
    t.diagnostic(line);
    const allowed = n.name.startsWith('gateway') ? limits.gateway : limits.validator;
    assert.ok(peak.get(n.name) - base.get(n.name) < allowed, line);
  }
  t.diagnostic(`honest client: ${answered} answers, the slowest after ${worst} ms`);
  const height = Number((await rpc(cluster.rpc, 'eth_blockNumber')).result);
  await until(async () => Number((await rpc(cluster.rpc, 'eth_blockNumber')).result) > height, 'blocks go on');
}

test('garbage, half-open and silent connections on the links between nodes', async (t) => {
  const links = (await nodes()).map((n) => n.link_port);
  const noise = crypto.randomBytes(1 << 20);
  const hello = Buffer.concat([Buffer.from([0x16, 3, 1, 0x40, 0]), crypto.randomBytes(0x4000)]);
  const frame = Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 0xff]), noise.subarray(0, 4096)]);
  await measured(t, () => attack(...links.map((link) => () => [
    ...many(20, () => connect(link, (s) => s.write(noise))),
    ...many(20, () => connect(link, (s) => s.write(hello))),
    ...many(20, () => connect(link, (s) => s.write(frame))),
    ...many(60, () => connect(link)),
    ...many(20, () => connect(link, (s) => s.end(hello.subarray(0, 100)))),
  ])), { gateway: 100, validator: 100 });
});

test('garbage, slow, oversized and lying requests on RPC', async (t) => {
  const rpcPort = port();
  const noise = crypto.randomBytes(256 << 10);
  const deep = '['.repeat(100000);
  const batch = `[${many(1000, () => call('eth_getLogs', [{ fromBlock: 'earliest', toBlock: 'latest' }])).join(',')}]`;
  const wide = `[${many(1001, () => call('eth_chainId')).join(',')}]`;
  const odd = ['', '{', 'null', '"x"', '[[]]', '{"method":5}', call('eth_call', [{ data: 'zz' }]), call('eth_getBalance', [5]), call('x'.repeat(100000)),
    call('eth_sendRawTransaction', ['0x' + 'ff'.repeat(200000)]), '\u0000\u0001', '{"a":"\\ud800"}', '1e999999'];
  await measured(t, () => attack(
    () => many(60, () => connect(rpcPort, (s) => s.write(post('{', 5 << 20)))),
    () => many(20, () => connect(rpcPort, (s) => s.write(noise))),
    () => many(20, () => connect(rpcPort, (s) => s.write(post(deep)))),
    () => many(4, () => connect(rpcPort, (s) => s.write(post(batch)), { reads: false })),
    () => many(10, () => connect(rpcPort, (s) => s.write(post(wide)))),
    () => odd.map((body) => connect(rpcPort, (s) => s.write(post(body)))),
    () => many(20, () => connect(rpcPort, (s) => s.write('GET / HTTP/1.1\r\nx: ' + 'y'.repeat(20000)))),
    () => many(20, () => connect(rpcPort, (s) => s.write('POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nffffffff\r\n'))),
    () => many(10, () => connect(rpcPort, (s) => s.write('GET / HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n'
      + 'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n\u0001\u00ff'))),
    () => many(6, () => connect(rpcPort, (s) => s.write(post('[' + ' '.repeat((5 << 20) - 1))))),
  ), { gateway: 700, validator: 100 });
});

test('ten thousand connections on RPC', async (t) => {
  const rpcPort = port();
  const sockets = [];
  let connected = 0;
  await measured(t, async () => {
    const end = Date.now() + duration;
    while (sockets.length < 10000 && Date.now() < end + 20000) {
      for (let i = 0; i < 250; i++) sockets.push(connect(rpcPort, (s) => { connected++; s.write('POST / HTTP/1.1\r\nx'); }));
      await sleep(50);
    }
    await until(async () => connected >= 10000, 'ten thousand have connected', 30000);
  }, { gateway: 300, validator: 50 });
  for (const s of sockets) s.destroy();
});

test('after all this a transaction executes', async () => {
  const provider = new ethers.JsonRpcProvider(cluster.rpc, undefined, { cacheTimeout: -1 });
  const wallet = new ethers.Wallet(cluster.keys[20].private_key, provider);
  const receipt = await (await wallet.sendTransaction({ to: cluster.keys[21].address, value: 1n })).wait();
  assert.equal(receipt.status, 1);
  assert.ok((await nodes()).every((n) => n.state === 'ready'));
  provider.destroy();
});
