// Hardhat's own flow with the cluster as its network: compile, a deployment script, and a test suite run by hardhat.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { root, startCluster } from './cluster.mjs';

const run = promisify(execFile);
const modules = path.join(root, 'tests/e2e/node_modules');
let cluster, project;

before(async () => {
  cluster = await startCluster();
  project = path.join(cluster.data, 'project');
  for (const folder of ['contracts', 'scripts', 'test']) fs.mkdirSync(path.join(project, folder), { recursive: true });
  fs.symlinkSync(modules, path.join(project, 'node_modules'));
  const write = (name, text) => fs.writeFileSync(path.join(project, name), text);
  write('package.json', '{"name": "project", "private": true}\n');
  // The compiler of the npm package instead of a download.
  write('hardhat.config.js', `require('@nomicfoundation/hardhat-ethers');
const { subtask } = require('hardhat/config');
const { TASK_COMPILE_SOLIDITY_GET_SOLC_BUILD } = require('hardhat/builtin-tasks/task-names');
const longVersion = require('solc').version().replace('.Emscripten.clang', '');
const version = longVersion.split('+')[0];
subtask(TASK_COMPILE_SOLIDITY_GET_SOLC_BUILD, async () => ({ compilerPath: require.resolve('solc/soljson.js'), isSolcJs: true, version, longVersion }));
module.exports = {
  solidity: { version, settings: { evmVersion: 'cancun', optimizer: { enabled: true, runs: 200 } } },
  networks: {
    cluster: { url: process.env.RPC, accounts: JSON.parse(process.env.KEYS) },
    // Hardhat's default: the node signs.
    keyless: { url: process.env.RPC },
  },
};
`);
  write('contracts/Vault.sol', `// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;
import "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import "@openzeppelin/contracts/utils/ReentrancyGuard.sol";
contract Gold is ERC20 { constructor() ERC20("Gold", "AU") { _mint(msg.sender, 1000); } }
contract Vault is ReentrancyGuard {
  IERC20 public immutable token;
  mapping(address => uint256) public deposits;
  error TooMuch(uint256 asked, uint256 there);
  event Deposited(address indexed who, uint256 amount);
  constructor(IERC20 t) { token = t; }
  function deposit(uint256 amount) external nonReentrant {
    token.transferFrom(msg.sender, address(this), amount);
    deposits[msg.sender] += amount;
    emit Deposited(msg.sender, amount);
  }
  function withdraw(uint256 amount) external nonReentrant {
    if (amount > deposits[msg.sender]) revert TooMuch(amount, deposits[msg.sender]);
    deposits[msg.sender] -= amount;
    token.transfer(msg.sender, amount);
  }
}
`);
  write('scripts/deploy.js', `const { ethers } = require('hardhat');
(async () => {
  const gold = await ethers.deployContract('Gold');
  await gold.waitForDeployment();
  const vault = await ethers.deployContract('Vault', [await gold.getAddress()]);
  await vault.waitForDeployment();
  console.log(JSON.stringify({ gold: await gold.getAddress(), vault: await vault.getAddress(), height: await ethers.provider.getBlockNumber() }));
})().catch((e) => { console.error(e); process.exit(1); });
`);
  write('test/vault.js', `const assert = require('node:assert/strict');
const { ethers, network } = require('hardhat');
describe('Vault', function () {
  this.timeout(60000);
  let gold, vault, owner, other;
  before(async () => {
    [owner, other] = await ethers.getSigners();
    gold = await ethers.deployContract('Gold');
    vault = await ethers.deployContract('Vault', [await gold.getAddress()]);
  });
  it('takes deposits and tells of them', async () => {
    await (await gold.approve(await vault.getAddress(), 100)).wait();
    const receipt = await (await vault.deposit(60)).wait();
    const event = receipt.logs.map((l) => { try { return vault.interface.parseLog(l); } catch { return null; } }).find((e) => e?.name === 'Deposited');
    assert.equal(event.args.amount, 60n);
    assert.equal(await vault.deposits(owner.address), 60n);
    assert.equal((await vault.queryFilter(vault.filters.Deposited(owner.address))).length, 1);
  });
  it('refuses with a custom error that is decoded', async () => {
    // Hardhat passes the node's error on as it came; the caller decodes its data.
    const data = (asked, there) => vault.interface.encodeErrorResult('TooMuch', [asked, there]);
    await assert.rejects(vault.connect(other).withdraw(5), (e) => e.code === 3 && (e.data?.data ?? e.data) === data(5, 0));
    await assert.rejects(vault.withdraw.staticCall(61), (e) => e.data === data(61, 60) || /TooMuch/.test(e.message));
  });
  it('traces what it did', async () => {
    const { hash } = await (await gold.approve(await vault.getAddress(), 5)).wait();
    const steps = await network.provider.send('debug_traceTransaction', [hash]);
    assert.equal(steps.failed, false);
    assert.ok(steps.structLogs.some((step) => step.op === 'SSTORE'));
    const call = await network.provider.send('debug_traceTransaction', [hash, { tracer: 'callTracer', tracerConfig: { withLog: true } }]);
    assert.equal(call.to, (await gold.getAddress()).toLowerCase());
    assert.equal(call.logs.length, 1);
  });
  it('gives back', async () => {
    await (await vault.withdraw(60)).wait();
    assert.equal(await gold.balanceOf(owner.address), 1000n);
  });
  it('sends many at once from one signer', async () => {
    const nonce = await owner.getNonce('pending');
    const sent = await Promise.all([...Array(20).keys()].map((i) => owner.sendTransaction({ to: other.address, value: 1, nonce: nonce + i })));
    for (const r of await Promise.all(sent.map((t) => t.wait()))) assert.equal(r.status, 1);
  });
});
`);
});
after(() => cluster?.stop());

const hardhat = async (...args) => (await run('node', [path.join(project, 'node_modules/hardhat/internal/cli/bootstrap.js'), ...args], {
  cwd: project, maxBuffer: 1 << 26,
  env: { ...process.env, HARDHAT_DISABLE_TELEMETRY_PROMPT: 'true', RPC: cluster.rpc, KEYS: JSON.stringify(cluster.keys.slice(8, 12).map((k) => k.private_key)) },
})).stdout;

test('hardhat compiles and runs a deployment script on the cluster', async () => {
  await hardhat('compile');
  const out = JSON.parse((await hardhat('run', '--no-compile', 'scripts/deploy.js', '--network', 'cluster')).trim().split('\n').pop());
  assert.match(out.vault, /^0x[0-9a-fA-F]{40}$/);
  assert.ok(out.height > 0);
});

for (const network of ['cluster', 'keyless']) {
  test(`hardhat test passes with the cluster as its network (${network})`, async () => {
    const out = await hardhat('test', '--no-compile', '--network', network).catch((e) => assert.fail(e.stdout + e.stderr));
    assert.match(out, /5 passing/);
  });
}
