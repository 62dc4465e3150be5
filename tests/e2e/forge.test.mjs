// Foundry's own flow against a running cluster: build, create, script with broadcast, and cast on what came of it.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { bin, root, rpc, startCluster } from './cluster.mjs';

const run = promisify(execFile);
const modules = path.join(root, 'tests/e2e/node_modules');
let cluster, project;

before(async () => {
  cluster = await startCluster();
  project = path.join(cluster.data, 'project');
  for (const folder of ['src', 'script']) fs.mkdirSync(path.join(project, folder), { recursive: true });
  fs.writeFileSync(path.join(project, 'foundry.toml'), `[profile.default]
solc = "${path.join(root, 'tests/e2e/solc.mjs')}"
offline = true
evm_version = "cancun"
libs = []
remappings = ["@openzeppelin/=${modules}/@openzeppelin/"]
allow_paths = ["${modules}"]
`);
  fs.writeFileSync(path.join(project, 'src/Coin.sol'), `// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
contract Coin is ERC20, Ownable {
    constructor(string memory name, uint256 supply) ERC20(name, "CN") Ownable(msg.sender) { _mint(msg.sender, supply); }
    function mint(address to, uint256 amount) external onlyOwner { _mint(to, amount); }
}
`);
  // What forge-std's Script gives, as far as it is used here.
  fs.writeFileSync(path.join(project, 'script/Deploy.s.sol'), `// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;
import {Coin} from "../src/Coin.sol";
interface Vm {
    function envUint(string calldata name) external view returns (uint256);
    function addr(uint256 key) external pure returns (address);
    function startBroadcast(uint256 key) external;
    function stopBroadcast() external;
}
contract Deploy {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    event Deployed(address coin, address twin);
    function run() external {
        uint256 key = vm.envUint("KEY");
        vm.startBroadcast(key);
        Coin coin = new Coin("Coin", 1000);
        Coin twin = new Coin{salt: bytes32(uint256(7))}("Twin", 0);
        for (uint160 i = 1; i <= 5; i++) coin.transfer(address(0x1000 + i), i);
        coin.mint(vm.addr(key), 500);
        (bool sent,) = payable(address(0x2000)).call{value: 3}("");
        require(sent && address(twin) != address(0));
        vm.stopBroadcast();
    }
}
`);
});
after(() => cluster?.stop());

const environment = () => ({ ...process.env, FOUNDRY_DISABLE_NIGHTLY_WARNING: '1', NO_COLOR: '1', KEY: cluster.keys[5].private_key });
const forge = async (...args) => (await run(bin('forge'), args, { cwd: project, env: environment(), maxBuffer: 1 << 26 })).stdout;
const cast = async (...args) => (await run(bin('cast'), args, { cwd: project, env: { ...environment(), ETH_RPC_URL: cluster.rpc } })).stdout.trim();

test('forge create deploys an OpenZeppelin contract, and cast talks to it', async () => {
  const out = JSON.parse(await forge('create', 'src/Coin.sol:Coin', '--rpc-url', cluster.rpc, '--private-key', cluster.keys[4].private_key,
    '--broadcast', '--json', '--constructor-args', 'Made by forge', '5000'));
  assert.equal(await cast('call', out.deployedTo, 'name()(string)'), '"Made by forge"');
  assert.match(await cast('call', out.deployedTo, 'balanceOf(address)(uint256)', cluster.keys[4].address), /^5000/);
  const receipt = JSON.parse(await cast('receipt', out.transactionHash, '--json'));
  assert.equal(receipt.status, '0x1');
  assert.equal(receipt.contractAddress.toLowerCase(), out.deployedTo.toLowerCase());
  await assert.rejects(cast('send', '--private-key', cluster.keys[5].private_key, out.deployedTo, 'mint(address,uint256)', cluster.keys[5].address, '1'),
    /OwnableUnauthorizedAccount|0x118cdaa7/);
});

test('forge script broadcasts a deployment, a CREATE2 one, calls and a payment, all of which execute', async () => {
  const out = await forge('script', 'script/Deploy.s.sol:Deploy', '--rpc-url', cluster.rpc, '--broadcast', '--slow');
  assert.match(out, /ONCHAIN EXECUTION COMPLETE & SUCCESSFUL/);
  const chain = Number((await rpc(cluster.rpc, 'eth_chainId')).result);
  const record = JSON.parse(fs.readFileSync(path.join(project, `broadcast/Deploy.s.sol/${chain}/run-latest.json`), 'utf8'));
  assert.equal(record.receipts.length, 9);
  assert.ok(record.receipts.every((r) => r.status === '0x1'));
  const coin = record.transactions[0].contractAddress;
  assert.match(await cast('call', coin, 'totalSupply()(uint256)'), /^1500/);
  assert.match(await cast('call', coin, 'balanceOf(address)(uint256)', '0x0000000000000000000000000000000000001005'), /^5$/);
  assert.equal(await cast('balance', '0x0000000000000000000000000000000000002000'), '3');
  assert.equal(await cast('call', record.transactions[1].contractAddress, 'name()(string)'), '"Twin"');
});

test('forge script without --slow sends all at once', async () => {
  const out = await forge('script', 'script/Deploy.s.sol:Deploy', '--rpc-url', cluster.rpc, '--sig', 'run()', '--broadcast')
    .catch((e) => e.stdout + e.stderr);
  // The CREATE2 twin exists already: the simulation says so before anything is sent.
  assert.match(out, /CreateCollision|collision|revert|failed/i);
  const text = fs.readFileSync(path.join(project, 'script/Deploy.s.sol'), 'utf8');
  fs.writeFileSync(path.join(project, 'script/Deploy.s.sol'), text.replace('uint256(7)', 'uint256(8)'));
  assert.match(await forge('script', 'script/Deploy.s.sol:Deploy', '--rpc-url', cluster.rpc, '--broadcast'), /ONCHAIN EXECUTION COMPLETE & SUCCESSFUL/);
});

test('forge test runs against a fork of the cluster', async () => {
  fs.mkdirSync(path.join(project, 'test'), { recursive: true });
  fs.writeFileSync(path.join(project, 'test/Fork.t.sol'), `// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;
import {Coin} from "../src/Coin.sol";
contract ForkTest {
    function test_the_state_of_the_cluster_is_seen() external {
        require(address(${cluster.keys[3].address}).balance > 0, "no balance");
        require(address(0x4e59b44847b379578588920cA78FbF26c0B4956C).code.length > 0, "no deployer");
        require(new Coin("x", 5).totalSupply() == 5, "supply");
    }
}
`.replace(cluster.keys[3].address, await cast('to-check-sum-address', cluster.keys[3].address)));
  assert.match(await forge('test', '--fork-url', cluster.rpc), /1 passed/);
});
