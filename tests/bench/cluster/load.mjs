// Load generator for one JSON-RPC endpoint: pre-signs ERC-20 transfers, sends them in batches, and follows the blocks
// until all are in. Prints one JSON line of figures. Used by run.mjs for Troupe and anvil alike.
//
//   node load.mjs --rpc URL --key FUNDED_KEY --token-bytecode FILE [--count 20000] [--accounts 64] [--recipients 1000]
//                 [--batch 100] [--connections 8] [--name NAME] [--receipts] [--rate TX_PER_SECOND] [--pids PID,PID...]
//
// Of the processes named by --pids the processor time is told that they use from the first transaction to the last block.
import fs from 'node:fs';
import http from 'node:http';
import { performance } from 'node:perf_hooks';
import { createRequire } from 'node:module';
import { processorSeconds } from './processor.mjs';

// The npm packages are those of the end-to-end tests.
const { ethers } = createRequire(new URL('../../e2e/package.json', import.meta.url))('ethers');

const args = Object.fromEntries(
  process.argv.slice(2).join(' ').split('--').filter(Boolean).map((a) => {
    const [k, ...v] = a.trim().split(' ');
    return [k, v.length ? v.join(' ') : true];
  }));
const rpc = new URL(args.rpc);
const count = Number(args.count ?? 20000);
const accounts = Number(args.accounts ?? 64);
const recipients = Number(args.recipients ?? 1000);
const batchSize = Number(args.batch ?? 100);
const connections = Number(args.connections ?? 8);
const rate = args.rate ? Number(args.rate) : 0;
const pids = args.pids ? args.pids.split(',') : [];

const agent = new http.Agent({ keepAlive: true, maxSockets: connections + 2 });
function post(body) {
  return new Promise((resolve, reject) => {
    const request = http.request(
      { host: rpc.hostname, port: rpc.port, path: '/', method: 'POST', agent,
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) } },
      (response) => {
        const parts = [];
        response.on('data', (d) => parts.push(d));
        response.on('end', () => {
          try { resolve(JSON.parse(Buffer.concat(parts).toString())); } catch (e) { reject(e); }
        });
      });
    request.on('error', reject);
    request.end(body);
  });
}
let nextId = 1;
async function call(method, params = []) {
  const answer = await post(JSON.stringify({ jsonrpc: '2.0', id: nextId++, method, params }));
  if (answer.error) throw new Error(`${method}: ${JSON.stringify(answer.error)}`);
  return answer.result;
}
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
async function receipt(hash) {
  for (const until = Date.now() + 60000; Date.now() < until;) {
    const r = await call('eth_getTransactionReceipt', [hash]);
    if (r) return r;
    await sleep(20);
  }
  throw new Error(`no receipt for ${hash}`);
}

const chainId = Number(await call('eth_chainId'));
const funder = new ethers.Wallet(args.key);
let nonce = Number(await call('eth_getTransactionCount', [funder.address, 'pending']));
const fees = { chainId, type: 2, maxFeePerGas: 20n * 10n ** 9n, maxPriorityFeePerGas: 10n ** 9n };
const send = async (tx) => call('eth_sendRawTransaction', [await funder.signTransaction({ ...fees, nonce: nonce++, ...tx })]);

const bytecode = fs.readFileSync(args['token-bytecode'], 'utf8').trim();
const deployed = await receipt(await send({ data: bytecode.startsWith('0x') ? bytecode : '0x' + bytecode, gasLimit: 3000000 }));
const token = deployed.contractAddress;
const erc20 = new ethers.Interface(['function transfer(address,uint256)', 'function balanceOf(address) view returns (uint256)']);

const wallets = Array.from({ length: accounts }, (_, i) =>
  new ethers.Wallet(ethers.keccak256(ethers.toUtf8Bytes(`troupe load ${process.pid} ${Date.now()} ${i}`))));
let last;
for (const w of wallets) {
  await send({ to: w.address, value: 10n ** 19n, gasLimit: 21000 });
  last = await send({ to: token, data: erc20.encodeFunctionData('transfer', [w.address, 10n ** 12n]), gasLimit: 100000 });
}
await receipt(last);

const to = Array.from({ length: recipients }, (_, i) => ethers.getAddress('0x' + (0xabcd0000 + i).toString(16).padStart(40, '0')));
const signed = [];
const nonces = wallets.map(() => 0);
const balanceBefore = await Promise.all(to.slice(0, 5).map(async (a) => BigInt(await call('eth_call', [{ to: token, data: erc20.encodeFunctionData('balanceOf', [a]) }, 'latest']))));
for (let i = 0; i < count; i++) {
  const w = i % accounts;
  signed.push(await wallets[w].signTransaction({
    ...fees, nonce: nonces[w]++, to: token, gasLimit: 60000,
    data: erc20.encodeFunctionData('transfer', [to[i % recipients], 1n]) }));
}
const hashes = signed.map((s) => ethers.keccak256(s));
const batches = [];
for (let i = 0; i < count; i += batchSize)
  batches.push({ first: i, body: JSON.stringify(signed.slice(i, i + batchSize).map((s, k) => ({ jsonrpc: '2.0', id: i + k, method: 'eth_sendRawTransaction', params: [s] }))) });

const sentAt = new Float64Array(count);
const seenAt = new Map();
const ack = [];
let rejected = 0;
const firstBlock = Number(await call('eth_blockNumber')) + 1;
// Signing has kept this process from noticing what the node closed meanwhile.
agent.destroy();
const processorBefore = processorSeconds(pids);
const start = performance.now();
let end = start;
let done = false;
const follower = (async () => {
  let next = firstBlock;
  const wanted = new Set(hashes);
  const deadline = Date.now() + Number(args.timeout ?? 180) * 1000;
  while (wanted.size && Date.now() < deadline) {
    const block = await call('eth_getBlockByNumber', ['0x' + next.toString(16), false]);
    if (!block) { await sleep(5); continue; }
    const now = performance.now();
    for (const h of block.transactions) if (wanted.delete(h)) { seenAt.set(h, now); end = now; }
    next++;
  }
  done = true;
  return { blocks: next - firstBlock, missing: wanted.size };
})();

let turn = 0;
await Promise.all(Array.from({ length: connections }, async () => {
  while (turn < batches.length) {
    const n = turn++;
    const batch = batches[n];
    if (rate) { const due = start + (batch.first / rate) * 1000; if (due > performance.now()) await sleep(due - performance.now()); }
    const t = performance.now();
    const size = Math.min(batchSize, count - batch.first);
    for (let k = 0; k < size; k++) sentAt[batch.first + k] = t;
    const answers = await post(batch.body);
    ack.push(performance.now() - t);
    for (const a of answers) if (a.error) { if (rejected++ === 0) console.error('rejected:', JSON.stringify(a.error)); }
  }
}));
const submitted = performance.now();
const { blocks, missing } = await follower;
const processorUsed = processorSeconds(pids) - processorBefore;

const latency = hashes.map((h, i) => (seenAt.has(h) ? seenAt.get(h) - sentAt[i] : NaN)).filter((x) => !Number.isNaN(x)).sort((a, b) => a - b);
const at = (list, q) => (list.length ? Math.round(list[Math.min(list.length - 1, Math.floor(q * list.length))]) : null);
ack.sort((a, b) => a - b);
let receiptsOk = null;
if (args.receipts) {
  receiptsOk = 0;
  for (let i = 0; i < count; i += batchSize) {
    const answers = await post(JSON.stringify(hashes.slice(i, i + batchSize).map((h, k) => ({ jsonrpc: '2.0', id: k, method: 'eth_getTransactionReceipt', params: [h] }))));
    receiptsOk += answers.filter((a) => a.result && a.result.status === '0x1').length;
  }
}
let balancesRight = true;
for (let i = 0; i < 5; i++) {
  const expected = balanceBefore[i] + BigInt(hashes.filter((_, k) => k % recipients === i).length);
  const got = BigInt(await call('eth_call', [{ to: token, data: erc20.encodeFunctionData('balanceOf', [to[i]]) }, 'latest']));
  if (got !== expected) balancesRight = false;
}
console.log(JSON.stringify({
  name: args.name ?? 'node', count, included: latency.length, missing, rejected, receiptsOk, balancesRight, blocks,
  tps: Math.round(latency.length / ((end - start) / 1000)), submitTps: Math.round(count / ((submitted - start) / 1000)),
  seconds: +((end - start) / 1000).toFixed(2), p50ms: at(latency, 0.5), p99ms: at(latency, 0.99), ackP50ms: at(ack, 0.5), ackP99ms: at(ack, 0.99),
  processorUsPerTx: pids.length ? Math.round(processorUsed / latency.length * 1e6) : null,
}));
agent.destroy();
