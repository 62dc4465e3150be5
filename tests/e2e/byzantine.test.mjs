// A node of another operator can't reach any actor but through the messages of the protocol: not with what CAF's own
// remoting speaks on a node's ports, and not, as a peer that the genesis knows, over its link.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import tls from 'node:tls';
import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import { ethers } from 'ethers';
import { eventually, startCluster, troupe, until } from './cluster.mjs';

const run = promisify(execFile);
const byzantine = process.env.TROUPE_BYZANTINE ?? path.join(path.dirname(troupe), 'tests/e2e/byzantine_peer');
let cluster;
before(async () => { cluster = await startCluster(); });
after(() => cluster?.stop());

const nodes = async () => (await cluster.json('status')).nodes;
const log = (name) => fs.readFileSync(path.join(cluster.data, 'nodes', name, 'node.log'), 'utf8');
/** Every actor of the nodes that are honest, with what would show that it was ended or begun anew. */
const actors = async () => JSON.parse(await cluster.command('inspect', 'actors', '--json'))
  .filter((a) => a.node !== 'metadata-2').map((a) => `${a.id} restarts=${a.restarts}`).sort();
const pids = async () => (await nodes()).filter((n) => n.name !== 'metadata-2').map((n) => `${n.name} ${n.pid} ${n.state}`);
async function transfer() {
  const provider = new ethers.JsonRpcProvider(cluster.rpc, undefined, { cacheTimeout: -1 });
  const wallet = new ethers.Wallet(cluster.keys[5].private_key, provider);
  const receipt = await (await wallet.sendTransaction({ to: wallet.address, value: 1n })).wait();
  provider.destroy();
  assert.equal(receipt.status, 1);
}

/** BASP of CAF 0.17: what a CAF process sends first, and messages to the servers that each CAF system has. */
function basp(operation, to, payload) {
  const header = Buffer.alloc(32);
  header[0] = operation;
  header.writeUInt32BE(payload.length, 4);
  header.writeBigUInt64BE(77n, 16);
  header.writeBigUInt64BE(BigInt(to), 24);
  return Buffer.concat([header, Buffer.from(payload)]);
}
const conversation = Buffer.concat([
  basp(0, 0, '\x11caf-generic\0\0\0'), basp(1, 0, 'node-id'), basp(2, 1, 'ConfigServ get *'),
  basp(2, 2, 'SpawnServ spawn vm_pool'), basp(4, 1, '@exit exit_msg kill'), basp(5, 1, 'down'), basp(6, 0, ''),
]);
/** What the port answers, until it hangs up or a second is over. */
const answerTo = (socket) => new Promise((resolve) => {
  const chunks = [];
  socket.on('data', (d) => chunks.push(d));
  socket.on('error', () => {});
  const end = () => { socket.destroy(); resolve(Buffer.concat(chunks)); };
  socket.on('close', end);
  setTimeout(end, 1000);
});

test('no port of a node speaks what CAF processes speak to each other', async () => {
  const before = await actors();
  const running = await pids();
  for (const node of await nodes()) {
    const inspect = Number(fs.readFileSync(path.join(cluster.data, 'nodes', node.name, 'inspect.port'), 'utf8'));
    for (const port of [node.link_port, node.rpc_port, inspect]) {
      if (!port) continue;
      const socket = net.connect(port, '127.0.0.1', () => socket.write(conversation));
      const answer = await answerTo(socket);
      assert.ok(!answer.includes('caf'), `${node.name}:${port} answers ${answer.toString('latin1').slice(0, 80)}`);
      // A CAF process would have answered its own handshake: operation 0 with a payload.
      assert.ok(answer.length < 32 || answer[0] !== 0, `${node.name}:${port}`);
    }
  }
  await eventually(async () => assert.deepEqual(await actors(), before), 'every actor is as it was');
  await eventually(async () => assert.deepEqual(await pids(), running), 'every process is as it was');
  await transfer();
});

test('a key that the genesis does not know is refused, and the log says whose and why', async () => {
  const home = fs.mkdtempSync(path.join(cluster.data, 'stranger-'));
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ed25519', '-nodes', '-keyout', path.join(home, 'key'), '-out',
    path.join(home, 'cert'), '-subj', '/CN=stranger', '-days', '2'], { stdio: 'ignore' });
  const validator = (await nodes()).find((n) => n.name === 'validator-1');
  const socket = tls.connect({ port: validator.link_port, host: '127.0.0.1', rejectUnauthorized: false, minVersion: 'TLSv1.3',
    key: fs.readFileSync(path.join(home, 'key')), cert: fs.readFileSync(path.join(home, 'cert')) }, () => socket.write(conversation));
  assert.equal((await answerTo(socket)).length, 0);
  await until(() => /refused|unknown|not.*genesis/i.test(log('validator-1')), 'the refusal is logged');
});

test('a known peer that sends exit messages, registry look-ups and spawning over its link ends no actor', async (context) => {
  await cluster.command('stop', 'metadata-2');
  const before = await actors();
  const running = await pids();
  const { stdout } = await run(byzantine, [path.join(cluster.data, 'nodes', 'metadata-2')], { timeout: 120_000 });
  context.diagnostic(stdout.trim());
  await eventually(async () => assert.deepEqual(await actors(), before), 'every actor is as it was');
  await eventually(async () => assert.deepEqual(await pids(), running), 'every process is as it was');
  await transfer();
  await until(() => /metadata-2|node 7/.test(log('validator-1')), 'the log names the peer');
  await cluster.command('start', 'metadata-2');
  await until(async () => (await nodes()).every((n) => n.state === 'ready'), 'the node is welcome again when it behaves', 60000);
});
