// Troupe's cluster beside Foundry's anvil under the same load, in one run. Prints a table with ratios; asserts nothing.
//
//   node run.mjs --troupe PATH [--count 20000] [--runs 1] [--only troupe|anvil] [--manifest FILE (cluster.toml)]
//
// anvil is the one of tests/e2e (npm @foundry-rs/anvil), started with --block-time 1 --gas-limit 2000000000.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execFileSync, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { processorSeconds } from './processor.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.resolve(here, '../../..');
const option = (name, otherwise) => {
  const i = process.argv.indexOf('--' + name);
  return i < 0 ? otherwise : process.argv[i + 1];
};
const troupe = option('troupe', path.join(root, 'build/release/troupe'));
const count = option('count', '20000');
const runs = Number(option('runs', '1'));
const only = option('only', '');
const manifest = option('manifest', path.join(here, 'cluster.toml'));
const bytecode = path.join(root, 'deploy/examples/erc20/TroupeToken.bin');
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

function load(name, rpc, key, pids, extra = []) {
  const out = execFileSync('node', [path.join(here, 'load.mjs'), '--rpc', rpc, '--key', key, '--token-bytecode', bytecode,
    '--count', count, '--name', name, '--pids', pids.join(','), ...extra], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  return JSON.parse(out.trim().split('\n').pop());
}

/// What it takes of one core while nobody asks anything.
async function idle(name, pids) {
  await sleep(3000);
  const before = processorSeconds(pids);
  await sleep(10000);
  return `${name} ${((processorSeconds(pids) - before) * 10).toFixed(1)} %`;
}

async function answers(rpc) {
  for (let i = 0; i < 200; i++) {
    try {
      const r = await fetch(rpc, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"jsonrpc":"2.0","id":1,"method":"eth_blockNumber"}' });
      if ((await r.json()).result) return;
    } catch { /* not up yet */ }
    await sleep(100);
  }
  throw new Error(`${rpc} does not answer`);
}

async function withAnvil(run) {
  const anvil = spawn(path.join(root, 'tests/e2e/node_modules/.bin/anvil'),
    ['--block-time', '1', '--gas-limit', '2000000000', '--port', '18545', '--silent'], { stdio: 'ignore' });
  try {
    await answers('http://127.0.0.1:18545');
    return await run('http://127.0.0.1:18545', [anvil.pid], '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80');
  } finally {
    anvil.kill();
  }
}

async function withTroupe(run) {
  const data = fs.mkdtempSync(path.join(os.tmpdir(), 'troupe-bench-'));
  const t = (...a) => execFileSync(troupe, [...a, '--data', data], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    t('up', manifest, '-d');
    const status = JSON.parse(t('status', '--json'));
    const keys = JSON.parse(t('keys', 'list', '--secret', '--json'));
    return await run(status.rpc, status.nodes.map((n) => n.pid), keys.accounts[0].private_key);
  } finally {
    try { t('down'); } catch { /* reported already */ }
    fs.rmSync(data, { recursive: true, force: true });
  }
}

const rows = [];
for (let i = 0; i < runs; i++) {
  if (only !== 'anvil') rows.push(await withTroupe((rpc, pids, key) => load('troupe, 4 validators', rpc, key, pids)));
  if (only !== 'troupe') rows.push(await withAnvil((rpc, pids, key) => load('anvil --block-time 1', rpc, key, pids)));
}
if (only !== 'anvil')
  rows.push(await withTroupe((rpc, pids, key) => load('troupe, light load (20 tx/s)', rpc, key, pids, ['--count', '200', '--batch', '1', '--rate', '20'])));
console.table(rows.map(({ name, included, missing, tps, p50ms, p99ms, ackP50ms, blocks, processorUsPerTx, balancesRight }) =>
  ({ name, included, missing, 'tx/s': tps, p50ms, p99ms, ackP50ms, blocks, 'CPU us/tx': processorUsPerTx, balancesRight })));
const best = (prefix) => Math.max(...rows.filter((r) => r.name.startsWith(prefix)).map((r) => r.tps));
if (!only) console.log(`ratio of tx/s, troupe / anvil: ${(best('troupe, 4') / best('anvil')).toFixed(2)}`);
const idles = [];
if (only !== 'anvil') idles.push(await withTroupe((rpc, pids) => idle('troupe', pids)));
if (only !== 'troupe') idles.push(await withAnvil((rpc, pids) => idle('anvil', pids)));
console.log(`of one core while nobody asks anything: ${idles.join(', ')}`);
