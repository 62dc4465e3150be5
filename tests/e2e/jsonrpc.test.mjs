// The JSON-RPC surface as six client families need it (fields by leaving which out they break, error texts that they
// match, framing), asked plainly.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { ethers } from 'ethers';
import { compile, rpc, startCluster } from './cluster.mjs';
import { sources } from './contracts.mjs';

let cluster, wallet, other, chainId, contracts, token, receipt, revert;
let nonce = 0;
const ask = (method, params) => rpc(cluster.rpc, method, params);
const call = async (method, params) => {
  const answer = await ask(method, params);
  assert.ok('result' in answer, `${method}: ${JSON.stringify(answer.error)}`);
  return answer.result;
};
const sign = (o, w = wallet) => w.signTransaction({ chainId, type: 2, gasLimit: 21000, maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 1n, to: other, ...o });
const quantity = /^0x(0|[1-9a-f][0-9a-f]*)$/;
const word = /^0x[0-9a-f]{64}$/;

before(async () => {
  cluster = await startCluster();
  wallet = new ethers.Wallet(cluster.keys[3].private_key);
  other = cluster.keys[4].address;
  chainId = Number(await call('eth_chainId'));
  contracts = await compile(sources);
  const supply = ethers.AbiCoder.defaultAbiCoder().encode(['uint256'], [1000000]).slice(2);
  const hash = await call('eth_sendRawTransaction', [await sign({ nonce: nonce++, to: null, gasLimit: 3000000, data: contracts.Token.bytecode + supply })]);
  receipt = await call('eth_getTransactionReceipt', [hash]);
  token = receipt.contractAddress;
  revert = (await call('eth_sendRawTransactionSync', [await sign({ nonce: nonce++, to: null, gasLimit: 3000000, data: contracts.Reverter.bytecode })])).contractAddress;
});
after(() => cluster?.stop());

test('objects have every field without which a client breaks', async () => {
  const has = (object, fields) => { for (const f of fields.split(' ')) assert.ok(object[f] !== undefined, `${f} of ${JSON.stringify(object).slice(0, 200)}`); };
  has(receipt, 'type status cumulativeGasUsed logs logsBloom transactionHash transactionIndex gasUsed from to blockHash blockNumber effectiveGasPrice contractAddress');
  has(receipt.logs[0], 'address topics data blockHash blockNumber transactionHash transactionIndex logIndex removed');
  has(await call('eth_getTransactionByHash', [receipt.transactionHash]), 'type hash from nonce gas value input r s v yParity chainId blockHash blockNumber transactionIndex maxFeePerGas maxPriorityFeePerGas gasPrice accessList');
  for (const tag of ['latest', 'pending', 'safe', 'finalized', 'earliest', receipt.blockNumber])
    has(await call('eth_getBlockByNumber', [tag, true]), 'hash parentHash sha3Uncles miner stateRoot transactionsRoot receiptsRoot logsBloom difficulty number gasLimit gasUsed timestamp extraData baseFeePerGas transactions uncles mixHash nonce size');
  const history = await call('eth_feeHistory', ['0x4', 'latest', [25, 75]]);
  has(history, 'oldestBlock baseFeePerGas gasUsedRatio reward');
  assert.ok(history.gasUsedRatio.every((r) => typeof r === 'number'));
  assert.equal(history.baseFeePerGas.length, history.gasUsedRatio.length + 1);
  has(await call('eth_getProof', [token, ['0x2'], 'latest']), 'address balance codeHash nonce storageHash accountProof storageProof');
  has(await call('eth_getAccountInfo', [other, 'latest']), 'balance nonce code');
  const filled = await call('eth_fillTransaction', [{ from: wallet.address, to: other, value: '0x1' }]);
  has(filled, 'raw tx');
  has(filled.tx, 'nonce gas maxFeePerGas maxPriorityFeePerGas type chainId');
  has(await call('eth_createAccessList', [{ to: token, data: '0x18160ddd' }]), 'accessList gasUsed');
});

test('simple methods answer in the form that clients parse', async () => {
  for (const [method, params] of [['eth_blockNumber'], ['eth_gasPrice'], ['eth_maxPriorityFeePerGas'], ['eth_blobBaseFee'], ['net_peerCount'],
    ['eth_getTransactionCount', [wallet.address, 'pending']], ['eth_getTransactionCount', [wallet.address, receipt.blockNumber]], ['eth_getBalance', [other]],
    ['eth_getBalance', [other, { blockHash: receipt.blockHash }]], ['eth_getBlockTransactionCountByNumber', [receipt.blockNumber]], ['eth_getUncleCountByBlockNumber', ['latest']],
    ['eth_estimateGas', [{ from: wallet.address, to: other, value: '0x1', input: '0x', data: '0x', chainId: ethers.toQuantity(chainId), maxFeePerGas: '0x2540be400' }, 'latest']]])
    assert.match(await call(method, params), quantity, method);
  assert.equal(await call('net_version'), String(chainId));
  assert.equal(await call('net_listening'), true);
  assert.equal(await call('eth_syncing'), false);
  assert.deepEqual(await call('eth_accounts'), cluster.keys.map((k) => k.address.toLowerCase()));
  assert.equal(await call('web3_sha3', ['0x68656c6c6f']), ethers.keccak256('0x68656c6c6f'));
  assert.match(await call('web3_clientVersion'), /^troupe\//);
  assert.match(await call('eth_getStorageAt', [token, '0x2', 'latest']), word);
  assert.match(await call('eth_getCode', ['0x4e59b44847b379578588920cA78FbF26c0B4956C', 'latest']), /^0x[0-9a-f]{100,}$/);
  for (const id of ['eth_newBlockFilter', 'eth_newPendingTransactionFilter']) assert.match(await call(id), /^0x[0-9a-f]+$/);
  for (const filter of [{ address: token }, { address: [token], topics: [null, [null]] }, { topics: [receipt.logs[0].topics[0]] }, { topics: [[receipt.logs[0].topics[0], ethers.ZeroHash]] }])
    assert.ok((await call('eth_getLogs', [{ fromBlock: 'earliest', toBlock: 'latest', ...filter }])).length >= 1);
});

test('what is unknown is null, not an error', async () => {
  const unknown = '0x' + '22'.repeat(32);
  for (const [method, params] of [['eth_getTransactionReceipt', [unknown]], ['eth_getTransactionByHash', [unknown]], ['eth_getBlockByHash', [unknown, false]],
    ['eth_getBlockByNumber', ['0xffffff', false]], ['eth_getBlockReceipts', ['0xffffff']]])
    assert.equal(await call(method, params), null, method);
  assert.equal(await call('eth_uninstallFilter', ['0x1234']), false);
});

test('refusals have the codes and words that clients match', async () => {
  const refused = async (code, pattern, method, params) => {
    const { error } = await ask(method, params);
    assert.ok(error, `${method} ${JSON.stringify(params)}`);
    assert.equal(error.code, code, error.message);
    assert.match(error.message, pattern);
  };
  const raw = (code, pattern, o, w) => sign(o, w).then((signed) => refused(code, pattern, 'eth_sendRawTransaction', [signed]));
  await raw(-32000, /^nonce too low/, { nonce: 0 });
  const gap = await sign({ nonce: 20 });
  assert.match(await call('eth_sendRawTransaction', [gap]), word, 'a nonce gap is accepted');
  const pending = await call('eth_getTransactionByHash', [ethers.keccak256(gap)]);
  assert.deepEqual([pending.blockHash, pending.blockNumber, pending.transactionIndex], [null, null, null]);
  await refused(-32000, /^already known/, 'eth_sendRawTransaction', [gap]);
  await raw(-32000, /replacement transaction underpriced/, { nonce: 20, value: 1n });
  await raw(-32000, /^insufficient funds for gas \* price \+ value/, { nonce: 0 }, ethers.Wallet.createRandom());
  await raw(-32000, /^intrinsic gas too low/, { nonce, gasLimit: 20000 });
  await raw(-32000, /max fee per gas less than block base fee/, { nonce, maxFeePerGas: 1n, maxPriorityFeePerGas: 1n });
  await raw(-32000, /max initcode size exceeded/, { nonce, to: null, data: '0x' + '00'.repeat(49153), gasLimit: 10000000 });
  await raw(-32000, /invalid chain id for signer/, { nonce, chainId: 1 });
  await refused(-32601, /^the method nothing_here does not exist\/is not available$/, 'nothing_here');
  for (const probe of ['anvil_nodeInfo', 'hardhat_getAutomine', 'hardhat_metadata']) await refused(-32601, /does not exist/, probe);
  await refused(-32000, /filter not found/, 'eth_getFilterChanges', ['0x1234']);
  await refused(-32602, /BlockOutOfRangeError/, 'eth_call', [{ to: token }, '0xfffffff']);
  await refused(-32602, /odd number of digits/, 'eth_getBalance', ['0x123']);
  await refused(-32602, /hex string has length 2, want 40/, 'eth_getBalance', ['0x12', 'latest']);
  await refused(-32602, /missing value for required argument 0/, 'eth_getCode', []);
  await refused(-32602, /non-array args/, 'eth_chainId', { a: 1 });
  await refused(-32602, /cannot specify both BlockHash and FromBlock/, 'eth_getLogs', [{ blockHash: receipt.blockHash, fromBlock: '0x1' }]);
  await refused(-32000, /unknown account/, 'eth_sendTransaction', [{ from: '0x' + '77'.repeat(20), to: other }]);
});

test('reverts have code 3, their data, and their reason in words', async () => {
  const reverter = new ethers.Interface(contracts.Reverter.abi);
  for (const [name, args, pattern, data] of [
    ['withReason', [1], /^execution reverted: n too small$/, '0x08c379a0'], ['withCustom', [], /^execution reverted: custom error 0x2202f1fa/, '0x2202f1fa'],
    ['withPanic', [0], /^execution reverted: panic: division or modulo by zero \(0x12\)$/, '0x4e487b71'], ['withNothing', [], /^execution reverted$/, '0x'],
    ['assertion', [], /^execution reverted: panic: assertion failed \(0x01\)$/, '0x4e487b71']])
    for (const method of ['eth_call', 'eth_estimateGas', 'eth_fillTransaction']) {
      const { error } = await ask(method, [{ from: wallet.address, to: revert, data: reverter.encodeFunctionData(name, args) }]);
      assert.equal(error.code, 3);
      assert.match(error.message, pattern);
      assert.ok(error.data.startsWith(data));
    }
});

test('framing: ids, notifications, batches, paths, CORS', async () => {
  const post = (body, path = '/', headers = {}) => fetch(cluster.rpc + path, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } });
  for (const id of ['0', 'null', '"x"', '18446744073709551615', '1.5'])
    assert.match(await (await post(`{"jsonrpc":"2.0","id":${id},"method":"net_version"}`)).text(), new RegExp(`"id":${id.replace('.', '\\.')},"result"`));
  const silent = await post('{"jsonrpc":"2.0","method":"eth_chainId"}');
  assert.equal(silent.status, 204);
  assert.equal(await silent.text(), '');
  assert.equal((await (await post('{')).json()).error.code, -32700);
  assert.equal((await (await post('[]')).json()).error.code, -32600);
  const batch = await (await post('[{"jsonrpc":"2.0","id":7,"method":"eth_chainId"},5,{"jsonrpc":"2.0","method":"eth_chainId"},{"jsonrpc":"2.0","id":8,"method":"nope"}]')).json();
  assert.deepEqual(batch.map((a) => [a.id, a.error?.code]), [[7, undefined], [null, -32600], [8, -32601]]);
  assert.ok((await (await post('{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}', '/v1/some/key?x=1', { 'accept-encoding': 'gzip' })).json()).result);
  const preflight = await fetch(cluster.rpc, { method: 'OPTIONS' });
  assert.equal(preflight.status, 200);
  for (const answer of [preflight, silent]) assert.equal(answer.headers.get('access-control-allow-origin'), '*');
  assert.equal(preflight.headers.get('access-control-allow-headers'), '*');
});

test('a confirmation comes without traffic: blocks go on', async () => {
  const first = BigInt(await call('eth_blockNumber'));
  const provider = new ethers.JsonRpcProvider(cluster.rpc, undefined, { pollingInterval: 100 });
  await provider.waitForTransaction(receipt.transactionHash, Number(first - BigInt(receipt.blockNumber)) + 3, 20000);
  provider.destroy();
});
