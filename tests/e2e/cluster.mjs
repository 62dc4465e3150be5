// A real cluster for a test file: `troupe up -d` in a directory of its own, down again at the end.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execFile, execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const troupe = process.env.TROUPE_BINARY ?? path.join(root, 'build/release/troupe');
export const bin = (name) => path.join(root, 'tests/e2e/node_modules/.bin', name);
export const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
const run = promisify(execFile);

/** Waits for `probe` to give something true; the deadline is a failure, not a pace. */
export async function until(probe, what, ms = 30000) {
  const deadline = Date.now() + ms;
  for (;;) {
    let last;
    try {
      const value = await probe();
      if (value) return value;
    } catch (e) { last = e; }
    if (Date.now() > deadline) throw new Error(`${what}: not within ${ms} ms${last ? ` (${last.message})` : ''}`);
    await sleep(20);
  }
}

/** Until `check` passes: nodes tell their figures each in their own time, and two of them need not agree at once. */
export const eventually = (check, what, ms) => until(async () => { await check(); return true; }, what, ms);

export async function startCluster(manifest) {
  const data = fs.mkdtempSync(path.join(os.tmpdir(), 'troupe-e2e-'));
  const command = async (...args) => (await run(troupe, [...args, '--data', data], { maxBuffer: 1 << 26 })).stdout;
  const json = async (...args) => {
    try {
      return JSON.parse(await command(...args, '--json'));
    } catch (e) {
      // `status` tells by its exit code that not every node is ready.
      if (args[0] === 'status' && (e.code === 3 || e.code === 4) && e.stdout.includes('"nodes"')) return JSON.parse(e.stdout);
      throw e;
    }
  };
  let file;
  if (manifest) fs.writeFileSync(file = path.join(data, 'manifest.toml'), manifest);
  try {
    await command('up', ...(file ? [file] : []), '-d');
    const status = await json('status');
    const keys = (await json('keys', 'list', '--secret')).accounts;
    return {
      data, command, json, keys, rpc: status.rpc, ws: status.rpc.replace('http', 'ws'),
      stop() {
        execFileSync(troupe, ['down', '--data', data], { stdio: 'ignore' });
        if (!process.env.TROUPE_KEEP) fs.rmSync(data, { recursive: true, force: true });
      },
    };
  } catch (e) {
    try { execFileSync(troupe, ['down', '--data', data], { stdio: 'ignore' }); } catch { /* nothing was started */ }
    throw e;
  }
}

export async function rpc(url, method, params, id = 1) {
  const body = { jsonrpc: '2.0', id, method };
  if (params !== undefined) body.params = params;
  const r = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  return r.json();
}

/** solc through npm; contracts by name with abi and bytecode. */
export async function compile(files) {
  const solc = (await import('solc')).default;
  const input = {
    language: 'Solidity',
    sources: Object.fromEntries(Object.entries(files).map(([name, content]) => [name, { content }])),
    settings: { optimizer: { enabled: true, runs: 200 }, outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } } },
  };
  const find = (p) => ({ contents: fs.readFileSync(path.join(root, 'tests/e2e/node_modules', p), 'utf8') });
  const out = JSON.parse(solc.compile(JSON.stringify(input), { import: find }));
  const errors = (out.errors ?? []).filter((e) => e.severity === 'error');
  if (errors.length) throw new Error(errors.map((e) => e.formattedMessage).join('\n'));
  const result = {};
  for (const file of Object.keys(files))
    for (const [name, c] of Object.entries(out.contracts[file])) result[name] = { abi: c.abi, bytecode: '0x' + c.evm.bytecode.object };
  return result;
}
