import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { createPublicClient, createWalletClient, defineChain, http, parseAbi, webSocket, ContractFunctionRevertedError, BaseError } from 'viem';
import { privateKeyToAccount, generatePrivateKey } from 'viem/accounts';
import { compile, rpc, startCluster, until } from './cluster.mjs';
import { sources } from './contracts.mjs';

let cluster, chain, reader, writer, account, contracts;
before(async () => {
  cluster = await startCluster();
  const id = Number((await rpc(cluster.rpc, 'eth_chainId')).result);
  chain = defineChain({ id, name: 'Troupe', nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 }, blockTime: 500, rpcUrls: { default: { http: [cluster.rpc], webSocket: [cluster.ws] } } });
  account = privateKeyToAccount(cluster.keys[2].private_key);
  reader = createPublicClient({ chain, transport: http() });
  writer = createWalletClient({ chain, account, transport: http() });
  contracts = await compile(sources);
});
after(() => cluster?.stop());

async function deploy(name, args = []) {
  const hash = await writer.deployContract({ ...contracts[name], args });
  return (await reader.waitForTransactionReceipt({ hash })).contractAddress;
}

test('deploy, write, read, simulate', async () => {
  const address = await deploy('Token', [10n ** 24n]);
  const to = privateKeyToAccount(generatePrivateKey()).address;
  const { request } = await reader.simulateContract({ account, address, abi: contracts.Token.abi, functionName: 'transfer', args: [to, 5n] });
  const receipt = await reader.waitForTransactionReceipt({ hash: await writer.writeContract(request) });
  assert.equal(receipt.status, 'success');
  assert.equal(await reader.readContract({ address, abi: contracts.Token.abi, functionName: 'balanceOf', args: [to] }), 5n);
});

test('sendRawTransactionSync answers with the receipt', async () => {
  const request = await writer.prepareTransactionRequest({ to: account.address, value: 1n });
  const answer = await rpc(cluster.rpc, 'eth_sendRawTransactionSync', [await writer.signTransaction(request)]);
  assert.equal(answer.result.status, '0x1');
});

test('a custom error is decoded', async () => {
  const address = await deploy('Reverter');
  await assert.rejects(reader.readContract({ address, abi: contracts.Reverter.abi, functionName: 'withCustom' }), (e) => {
    const cause = e instanceof BaseError && e.walk((x) => x instanceof ContractFunctionRevertedError);
    return cause && cause.data.errorName === 'Custom';
  });
});

test('debug traces by viem\'s requests', async () => {
  const address = await deploy('Reverter');
  const hash = await writer.writeContract({ address, abi: contracts.Reverter.abi, functionName: 'setValue', args: [3n] });
  const { gasUsed, blockNumber } = await reader.waitForTransactionReceipt({ hash });
  const call = await reader.request({ method: 'debug_traceTransaction', params: [hash, { tracer: 'callTracer' }] });
  assert.equal(call.to, address);
  assert.equal(BigInt(call.gasUsed), gasUsed);
  const block = await reader.request({ method: 'debug_traceBlockByNumber', params: [`0x${blockNumber.toString(16)}`, { tracer: 'prestateTracer' }] });
  assert.equal(block.find((one) => one.txHash === hash).result[address].balance, '0x0');
});

test('watching events over HTTP filters and over WebSocket', async () => {
  const address = await deploy('Reverter');
  // Without reconnecting: the sockets must not outlive the cluster.
  for (const transport of [http(), webSocket(undefined, { reconnect: false, keepAlive: false })]) {
    const client = createPublicClient({ chain, transport, pollingInterval: 200 });
    const logs = [];
    const stop = client.watchContractEvent({ address, abi: contracts.Reverter.abi, eventName: 'Changed', onLogs: (l) => logs.push(...l), onError: () => {} });
    let value = 1n;
    // The first change may come before the filter is there.
    await until(async () => {
      const hash = await writer.writeContract({ address, abi: contracts.Reverter.abi, functionName: 'setValue', args: [value++] });
      await reader.waitForTransactionReceipt({ hash });
      return logs.length > 0;
    }, 'a log is seen');
    stop();
    await client.getBlockNumber();
    (await client.transport.getRpcClient?.())?.close();
  }
});

test('watching blocks over HTTP', async () => {
  const client = createPublicClient({ chain, transport: http(), pollingInterval: 200 });
  const blocks = [];
  const stop = client.watchBlockNumber({ onBlockNumber: (n) => blocks.push(n), onError: () => {} });
  await until(() => blocks.length > 1, 'two blocks are seen');
  stop();
});

test('multicall-like batches, access lists, proofs, logs', async () => {
  const address = await deploy('Token', [1000n]);
  const batched = createPublicClient({ chain, transport: http(undefined, { batch: true }) });
  const [number, balance, code, id] = await Promise.all([
    batched.getBlockNumber(), batched.getBalance({ address: account.address }), batched.getCode({ address }), batched.getChainId()]);
  assert.ok(number > 0n && balance > 0n && code.length > 100 && id === chain.id);
  const proof = await reader.getProof({ address, storageKeys: ['0x' + '02'.padStart(64, '0')] });
  assert.equal(proof.storageProof.length, 1);
  const logs = await reader.getLogs({ address, event: parseAbi(['event Transfer(address indexed from, address indexed to, uint256 value)'])[0], fromBlock: 'earliest' });
  assert.equal(logs.length, 1);
});
