// A cluster whose genesis chooses BLS signatures: chunks and blocks are signed with them, and it survives what any
// cluster does.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execFileSync } from 'node:child_process';
import { rpc, startCluster, troupe, until } from './cluster.mjs';

let cluster;
before(async () => {
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'troupe-manifest-')), 'troupe.toml');
  execFileSync(troupe, ['manifest', 'init', file]);
  cluster = await startCluster(fs.readFileSync(file, 'utf8').replace('signatures = "ed25519"', 'signatures = "bls"'));
});
after(() => cluster?.stop());

const genesis = () => JSON.parse(fs.readFileSync(path.join(cluster.data, 'genesis.json'), 'utf8'));
const height = async () => Number((await rpc(cluster.rpc, 'eth_blockNumber', [])).result);

test('every validator has a BLS key with a proof of its possession, and nobody else can read the secrets', () => {
  const { parameters, validators, followers } = genesis();
  assert.equal(parameters.signatures, 'bls');
  for (const one of validators) {
    assert.equal(one.bls_key.length, 2 + 2 * 48);
    assert.equal(one.bls_possession.length, 2 + 2 * 96);
  }
  assert.equal(new Set(validators.map((one) => one.bls_key)).size, validators.length);
  for (const one of followers) assert.equal(one.bls_key, '0x');
  const folder = path.join(cluster.data, 'keys');
  for (const name of fs.readdirSync(folder).filter((name) => name.includes('validator')))
    assert.equal(fs.statSync(path.join(folder, name)).mode & 0o777, 0o600, name);
});

test('transfers run, and go on without one validator', async () => {
  assert.equal((await cluster.json('demo', '--transfers', '200')).succeeded, 200);
  const { nodes } = await cluster.json('status');
  const victim = nodes.find((one) => one.name.includes('validator'));
  process.kill(victim.pid, 'SIGKILL');
  const before = await height();
  await until(async () => (await height()) > before + 3, 'blocks go on', 60000);
  assert.equal((await cluster.json('demo', '--transfers', '100')).succeeded, 100);
});

test('a genesis whose proof of possession is not the key\'s is refused', async () => {
  const file = path.join(cluster.data, 'genesis.json');
  const changed = genesis();
  const [first, second] = changed.validators;
  [first.bls_possession, second.bls_possession] = [second.bls_possession, first.bls_possession];
  const { nodes } = await cluster.json('status');
  // The one that was killed: to stop another would cost the quorum.
  const victim = nodes.find((one) => one.name.includes('validator'));
  const text = fs.readFileSync(file);
  fs.writeFileSync(file, JSON.stringify(changed));
  try {
    const restarting = cluster.command('restart', victim.name).catch(() => {});
    const log = path.join(cluster.data, 'nodes', victim.name, 'node.log');
    await until(() => /possession/.test(fs.readFileSync(log, 'utf8')), 'the node says why it does not start', 30000);
    await restarting;
  } finally {
    fs.writeFileSync(file, text);
  }
});
