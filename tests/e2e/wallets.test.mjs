// Clients that the reference did not measure: web3.js 4, ethers 5, and MetaMask's way to a network: its block tracker and
// its JSON-RPC middleware (which caches by block, joins equal requests and retries), signing with the key outside.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { ethers as ethers5 } from 'ethers5';
import { Web3 } from 'web3';
import { ethers } from 'ethers';
import { PollingBlockTracker } from '@metamask/eth-block-tracker';
import {
  createBlockCacheMiddleware, createBlockRefMiddleware, createFetchMiddleware, createInflightCacheMiddleware, createRetryOnEmptyMiddleware,
} from '@metamask/eth-json-rpc-middleware';
import { providerFromEngine } from '@metamask/eth-json-rpc-provider';
import { JsonRpcEngine } from '@metamask/json-rpc-engine';
import { execFileSync } from 'node:child_process';
import { createWalletClient, http } from 'viem';
import { bin, compile, rpc, startCluster, until } from './cluster.mjs';
import { sources } from './contracts.mjs';

let cluster, contracts;
before(async () => {
  cluster = await startCluster();
  contracts = await compile(sources);
});
after(() => cluster?.stop());

test('ethers 5 deploys, calls, waits, reads logs and the reason of a revert', async () => {
  const provider = new ethers5.providers.JsonRpcProvider(cluster.rpc);
  provider.pollingInterval = 200;
  const wallet = new ethers5.Wallet(cluster.keys[1].private_key, provider);
  const { abi, bytecode } = contracts.Token;
  const token = await new ethers5.ContractFactory(abi, bytecode, wallet).deploy(10n ** 20n);
  await token.deployed();
  const to = ethers5.Wallet.createRandom().address;
  const receipt = await (await token.transfer(to, 77)).wait();
  assert.equal(receipt.events[0].event, 'Transfer');
  assert.equal((await token.balanceOf(to)).toString(), '77');
  assert.equal((await token.queryFilter(token.filters.Transfer(null, to))).length, 1);
  const reverter = await new ethers5.ContractFactory(contracts.Reverter.abi, contracts.Reverter.bytecode, wallet).deploy();
  await reverter.deployed();
  await assert.rejects(reverter.callStatic.withReason(1), (e) => e.reason === 'n too small');
  await assert.rejects(reverter.estimateGas.withReason(1), (e) => /n too small/.test(e.message));
  provider.removeAllListeners();
});

test('web3.js 4 deploys, calls, sends, reads past events, subscribes over WebSocket', async () => {
  const web3 = new Web3(cluster.rpc);
  const account = web3.eth.accounts.privateKeyToAccount(cluster.keys[2].private_key);
  web3.eth.accounts.wallet.add(account);
  const { abi, bytecode } = contracts.Token;
  const token = await new web3.eth.Contract(abi).deploy({ data: bytecode, arguments: [10n ** 20n] }).send({ from: account.address });
  const to = web3.eth.accounts.create().address;
  const receipt = await token.methods.transfer(to, 5).send({ from: account.address });
  assert.equal(receipt.status, 1n);
  assert.equal(receipt.events.Transfer.returnValues.value, 5n);
  assert.equal(await token.methods.balanceOf(to).call(), 5n);
  assert.equal((await token.getPastEvents('Transfer', { filter: { to }, fromBlock: 0 })).length, 1);
  const plain = await web3.eth.sendTransaction({ from: account.address, to, value: 9 });
  assert.equal(plain.status, 1n);
  assert.equal(await web3.eth.getBalance(to), 9n);
  await assert.rejects(web3.eth.sendTransaction({ from: account.address, to, value: 10n ** 40n }), /funds|balance/);

  const live = new Web3(cluster.ws);
  const heads = await live.eth.subscribe('newBlockHeaders');
  const head = await new Promise((resolve) => heads.once('data', resolve));
  assert.ok(head.number > 0n);
  await heads.unsubscribe();
  live.provider.disconnect();
});

test("MetaMask's block tracker and middleware send a transaction and see it confirmed", async () => {
  const plain = createFetchMiddleware({ rpcUrl: cluster.rpc, fetch, btoa });
  const direct = new JsonRpcEngine();
  direct.push(plain);
  const blockTracker = new PollingBlockTracker({ provider: providerFromEngine(direct), pollingInterval: 200 });
  const engine = new JsonRpcEngine();
  const provider = providerFromEngine(engine);
  engine.push(createBlockRefMiddleware({ blockTracker, provider: providerFromEngine(direct) }));
  engine.push(createBlockCacheMiddleware({ blockTracker }));
  engine.push(createInflightCacheMiddleware());
  engine.push(createRetryOnEmptyMiddleware({ blockTracker, provider: providerFromEngine(direct) }));
  engine.push(plain);
  const ask = (method, params = []) => provider.request({ method, params });
  try {
    // What the wallet asks when a network is added and a transaction is confirmed.
    const chainId = await ask('eth_chainId');
    assert.equal(BigInt(await ask('net_version')), BigInt(chainId));
    const block = await ask('eth_getBlockByNumber', ['latest', false]);
    assert.ok(block.baseFeePerGas, 'a network with EIP-1559');
    const wallet = new ethers.Wallet(cluster.keys[3].private_key);
    const to = ethers.Wallet.createRandom().address;
    assert.equal(await ask('eth_getBalance', [to, 'latest']), '0x0');
    assert.equal(await ask('eth_getCode', [to, 'latest']), '0x');
    const history = await ask('eth_feeHistory', ['0x5', 'latest', [10, 20, 30]]);
    assert.ok(history.baseFeePerGas.length >= 2);
    const nonce = Number(await ask('eth_getTransactionCount', [wallet.address, 'pending']));
    const gasLimit = BigInt(await ask('eth_estimateGas', [{ from: wallet.address, to, value: '0x7' }]));
    const raw = await wallet.signTransaction({
      type: 2, chainId: Number(chainId), nonce, to, value: 7n, gasLimit,
      maxFeePerGas: 2n * BigInt(block.baseFeePerGas) + 2_000_000_000n, maxPriorityFeePerGas: 1_000_000_000n,
    });
    const hash = await ask('eth_sendRawTransaction', [raw]);
    const receipt = await until(() => ask('eth_getTransactionReceipt', [hash]), 'a receipt');
    assert.equal(receipt.status, '0x1');
    await until(async () => BigInt(await blockTracker.checkForLatestBlock()) >= BigInt(receipt.blockNumber), 'the tracker');
    assert.equal((await ask('eth_getTransactionByHash', [hash])).blockHash, receipt.blockHash);
    assert.equal(await ask('eth_getBalance', [to, 'latest']), '0x7');
    await assert.rejects(ask('eth_sendRawTransaction', [raw]), (e) => /nonce too low|already known/.test(e.data.message));
    await assert.rejects(ask('wallet_nothing'), (e) => (e.data ?? e).code === -32601);
  } finally {
    await blockTracker.destroy();
  }
});

test('the gateway signs for development accounts: ethers, viem, cast --unlocked', async () => {
  const provider = new ethers.JsonRpcProvider(cluster.rpc);
  try {
    const all = await provider.send('eth_accounts', []);
    assert.deepEqual(all, cluster.keys.map((k) => k.address.toLowerCase()).slice(0, all.length));
    assert.equal(all.length, 64);
    const signer = await provider.getSigner(4);
    const to = ethers.Wallet.createRandom().address;
    const token = await (await new ethers.ContractFactory(contracts.Token.abi, contracts.Token.bytecode, signer).deploy(1000n)).waitForDeployment();
    await (await token.transfer(to, 5n)).wait();
    assert.equal(await token.balanceOf(to), 5n);
    // At once, without a nonce: each gets its own.
    const plain = { from: all[4], to, value: '0x1', gas: '0x5208' };
    const hashes = await Promise.all(Array.from({ length: 10 }, () => provider.send('eth_sendTransaction', [plain])));
    for (const hash of hashes) assert.equal((await provider.waitForTransaction(hash)).status, 1);
    assert.equal(await provider.getBalance(to), 10n);
    assert.equal(ethers.verifyMessage('hello', await signer.signMessage('hello')), signer.address);
    const domain = { name: 'Trade', version: '1', chainId: 74123, verifyingContract: await token.getAddress() };
    const types = { Order: [{ name: 'legs', type: 'Leg[]' }, { name: 'limit', type: 'int64' }, { name: 'tag', type: 'bytes3' }], Leg: [{ name: 'asset', type: 'address' }, { name: 'ids', type: 'uint256[2]' }] };
    const order = { legs: [{ asset: to, ids: [1, 2n ** 200n] }, { asset: all[0], ids: [0, 7] }], limit: -5, tag: '0x010203' };
    assert.equal(ethers.verifyTypedData(domain, types, order, await signer.signTypedData(domain, types, order)), signer.address);
    const raw = await provider.send('eth_signTransaction', [plain]);
    assert.equal(ethers.Transaction.from(raw).from.toLowerCase(), all[4]);
    await assert.rejects(provider.send('eth_sendTransaction', [{ from: to, to }]), /unknown account/);
    await assert.rejects(provider.send('eth_sendTransaction', [{ from: all[4], to, value: '0x' + 'f'.repeat(64) }]), /funds/);
  } finally {
    provider.destroy();
  }

  const client = createWalletClient({ chain: { id: 74123, name: 'troupe', nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 }, rpcUrls: { default: { http: [cluster.rpc] } } }, transport: http(cluster.rpc) });
  const [, account] = await client.getAddresses();
  const hash = await client.sendTransaction({ account, to: account, value: 1n });
  assert.equal((await rpc(cluster.rpc, 'eth_getTransactionReceipt', [hash])).result.status, '0x1');

  const sent = execFileSync(bin('cast'), ['send', '--unlocked', '--from', account, account, '--value', '2', '--rpc-url', cluster.rpc, '--json'], { encoding: 'utf8' });
  assert.equal(JSON.parse(sent).status, '0x1');
});
