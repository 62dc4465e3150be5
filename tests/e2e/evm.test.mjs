// Random programs on our EVM and on @ethereumjs/vm: the same state root (so the same gas, fees, storage, accounts) and
// logs. The cases are written as state tests, which `troupe vm statetest` runs.
// TROUPE_SEED, TROUPE_PROGRAMS: which and how many.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBlock } from '@ethereumjs/block';
import { Common, Hardfork, Mainnet } from '@ethereumjs/common';
import { RLP } from '@ethereumjs/rlp';
import { MerkleStateManager } from '@ethereumjs/statemanager';
import { createTx } from '@ethereumjs/tx';
import { Account, bytesToHex, createAddressFromPrivateKey, createAddressFromString, eoaCode7702SignAuthorization,
  hexToBytes } from '@ethereumjs/util';
import { createVM, runTx } from '@ethereumjs/vm';
import { keccak256, toQuantity } from 'ethers';
import { addresses, makeCase } from './evm_programs.mjs';

const first = Number(process.env.TROUPE_SEED ?? 1);
const count = Number(process.env.TROUPE_PROGRAMS ?? 400);
const keys = [1, 2, 3].map((n) => new Uint8Array(32).fill(n));
addresses.sender = createAddressFromPrivateKey(keys[0]).toString();

const word = (n) => '0x' + n.toString(16).padStart(64, '0');
const quantity = (n) => toQuantity(n);

/// The case as both sides read it: fields of the transaction with their signatures.
function transactionOf(one, common) {
  const { transaction: tx } = one;
  const fields = {
    type: tx.type, nonce: tx.nonce, gasLimit: tx.gasLimit, value: tx.value, data: '0x' + tx.data, to: tx.to ?? undefined,
    chainId: 1n,
  };
  if (tx.type < 2) fields.gasPrice = one.gasPrice;
  else Object.assign(fields, { maxFeePerGas: one.gasPrice, maxPriorityFeePerGas: 2n });
  if (tx.type === 0) delete fields.chainId;
  else fields.accessList = tx.accessList ?? [];
  if (tx.type === 4)
    fields.authorizationList = tx.authorizations.map(({ chainId, address, key, nonce }) =>
      eoaCode7702SignAuthorization({ chainId: quantity(chainId), address, nonce: quantity(key === 0 ? 6n : nonce) }, keys[key]));
  return createTx(fields, { common }).sign(keys[0]);
}

async function execute(one) {
  const common = new Common({ chain: Mainnet, hardfork: one.fork === 'Osaka' ? Hardfork.Osaka : Hardfork.Prague });
  const stateManager = new MerkleStateManager({ common });
  const vm = await createVM({ common, stateManager });
  for (const [name, account] of Object.entries(one.pre)) {
    const address = createAddressFromString(name);
    await stateManager.putAccount(address, new Account(account.nonce, account.balance));
    if (account.code) await stateManager.putCode(address, hexToBytes('0x' + account.code));
    for (const [slot, value] of Object.entries(account.storage))
      if (value) await stateManager.putStorage(address, hexToBytes(word(BigInt(slot))), hexToBytes(quantity(value).length % 2 ? '0x0' + quantity(value).slice(2) : quantity(value)));
  }
  const { block } = one;
  const header = {
    number: block.number, timestamp: block.timestamp, gasLimit: block.gasLimit, baseFeePerGas: block.baseFee,
    coinbase: block.coinbase, mixHash: block.random, difficulty: 0n, excessBlobGas: 0n,
  };
  const tx = transactionOf(one, common);
  const result = await runTx(vm, {
    tx, block: createBlock({ header }, { common, skipConsensusFormatValidation: true }),
    skipBlockGasLimitValidation: true, skipHardForkValidation: true,
  });
  return {
    tx, gas: result.totalGasSpent, error: result.execResult.exceptionError?.error,
    root: bytesToHex(await stateManager.getStateRoot()),
    logs: keccak256(RLP.encode(result.receipt.logs)),
  };
}

function stateTest(one, outcome) {
  const { transaction: tx, block } = one;
  const pre = {};
  for (const [address, account] of Object.entries(one.pre))
    pre[address] = {
      nonce: quantity(account.nonce), balance: quantity(account.balance), code: '0x' + account.code,
      storage: Object.fromEntries(Object.entries(account.storage).map(([k, v]) => [quantity(BigInt(k)), quantity(v)])),
    };
  const transaction = {
    sender: addresses.sender, secretKey: bytesToHex(keys[0]), nonce: quantity(tx.nonce), to: tx.to ?? '',
    data: ['0x' + tx.data], gasLimit: [quantity(tx.gasLimit)], value: [quantity(tx.value)],
  };
  if (tx.type < 2) transaction.gasPrice = quantity(one.gasPrice);
  else Object.assign(transaction, { maxFeePerGas: quantity(one.gasPrice), maxPriorityFeePerGas: '0x2' });
  if (tx.type !== 0) transaction.accessLists = [tx.accessList ?? []];
  if (tx.type === 4) {
    const list = outcome.tx.toJSON().authorizationList;
    transaction.authorizationList = list.map((a) => ({ ...a, chainId: a.chainId === '0x' ? '0x0' : a.chainId, nonce: a.nonce === '0x' ? '0x0' : a.nonce, yParity: a.yParity === '0x' ? '0x0' : a.yParity }));
  }
  return {
    env: {
      currentNumber: quantity(block.number), currentTimestamp: quantity(block.timestamp),
      currentGasLimit: quantity(block.gasLimit), currentBaseFee: quantity(block.baseFee),
      currentRandom: block.random, currentCoinbase: block.coinbase, currentExcessBlobGas: '0x0', currentDifficulty: '0x0',
    },
    pre, transaction,
    post: { [one.fork]: [{ indexes: { data: 0, gas: 0, value: 0 }, hash: outcome.root, logs: outcome.logs }] },
  };
}

test(`${count} random programs from seed ${first} come to what @ethereumjs/vm makes of them`, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'troupe-evm-'));
  const outcomes = new Map();
  const tests = {};
  for (let seed = first; seed < first + count; seed++) {
    const one = makeCase(seed);
    const outcome = await execute(one);
    outcomes.set(`program ${seed}`, `gas ${outcome.gas}, ${outcome.error ?? 'success'}`);
    tests[`program ${seed}`] = stateTest(one, outcome);
  }
  const file = join(directory, 'programs.json');
  writeFileSync(file, JSON.stringify(tests, null, 1));
  const run = spawnSync(process.env.TROUPE_BINARY, ['vm', 'statetest', file], { encoding: 'utf8', maxBuffer: 1 << 28 });
  const successes = [...outcomes.values()].filter((text) => text.endsWith('success')).length;
  t.diagnostic(`${successes} of ${count} transactions succeed`);
  assert(successes > count / 2, 'most programs should run');
  if (run.status !== 0) t.diagnostic(`kept: ${file}`);
  assert.equal(run.status, 0, run.stdout.slice(0, 4000) + run.stderr.slice(0, 1000));
  rmSync(directory, { recursive: true });
});
