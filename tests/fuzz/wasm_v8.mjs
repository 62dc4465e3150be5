// What V8 says of the modules that wasm_v8_cases wrote: results, traps, memory and host calls are the same.
// Usage: node wasm_v8.mjs FOLDER
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = process.argv[2];
const mask = (1n << 64n) - 1n;
const mix = (hash, word) => ((hash ^ word) * 0x100000001B3n) & mask;

const view = new DataView(new ArrayBuffer(8));
function fromBits(type, bits) {
  view.setBigUint64(0, bits);
  switch (type) {
    case 'i32': return view.getInt32(4);
    case 'i64': return view.getBigInt64(0);
    case 'f32': return view.getFloat32(4);
    default: return view.getFloat64(0);
  }
}
function toBits(type, value) {
  view.setBigUint64(0, 0n);
  switch (type) {
    case 'i32': view.setInt32(4, value); break;
    case 'i64': view.setBigInt64(0, value); break;
    // JavaScript has one NaN.
    case 'f32': Number.isNaN(value) ? view.setUint32(4, 0x7fc00000) : view.setFloat32(4, value); break;
    default: Number.isNaN(value) ? view.setBigUint64(0, 0x7ff8000000000000n) : view.setFloat64(0, value);
  }
  return view.getBigUint64(0);
}

const traps = [
  ['unreachable', /unreachable/],
  ['out of bounds memory access', /memory access out of bounds/],
  ['out of bounds table access', /table index is out of bounds|table access|element segment|table (operation|index)/],
  ['undefined element', /table index is out of bounds/],
  ['uninitialized element', /null function or function signature mismatch|null reference/],
  ['indirect call type mismatch', /null function or function signature mismatch/],
  ['integer divide by zero', /divide by zero|remainder by zero/],
  ['integer overflow', /divide result unrepresentable|float unrepresentable/],
  ['invalid conversion to integer', /float unrepresentable/],
];

function hashOf(memory) {
  const words = new BigUint64Array(memory.buffer);
  let hash = 0xCBF29CE484222325n;
  for (const word of words) hash = mix(hash, word);
  return hash;
}

function check(test) {
  let host = 0n;
  const g = new WebAssembly.Global({ value: 'i64', mutable: true }, 5n);
  const env = {
    g,
    host(argument) {
      const word = BigInt.asUintN(64, argument);
      host = mix(host, word);
      return BigInt.asIntN(64, word * 0x9E3779B97F4A7C15n + 7n);
    },
  };
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(join(folder, test.file))), { env });
  test.calls.forEach((call, n) => {
    let results;
    let error = null;
    try {
      results = exports[call.function](...call.arguments.map(([type, bits]) => fromBits(type, BigInt(bits))));
    } catch (e) {
      error = e;
    }
    const where = `${test.file} call ${n} of ${call.function}`;
    if (error !== null) {
      const known = traps.find(([name]) => name === call.trap);
      if (!known || !known[1].test(error.message)) throw new Error(`${where}: ${call.trap}, V8: ${error.message}`);
      return;
    }
    if (call.trap !== 'none') throw new Error(`${where}: ${call.trap}, V8: no trap`);
    const list = call.results.length === 0 ? [] : call.results.length === 1 ? [results] : [...results];
    call.results.forEach(([type, bits], r) => {
      const value = fromBits(type, BigInt(bits));
      const ours = toBits(type, value);
      const theirs = toBits(type, list[r]);
      if (ours !== theirs) throw new Error(`${where} result ${r}: ${type} ${bits}, V8: ${theirs.toString(16)}`);
    });
  });
  if (exports.m.buffer.byteLength !== test.memory_bytes) throw new Error(`${test.file}: memory sizes differ`);
  if (hashOf(exports.m) !== BigInt(test.memory_hash)) throw new Error(`${test.file}: memories differ`);
  if (host !== BigInt(test.host_hash)) throw new Error(`${test.file}: host calls differ`);
  return test.calls.length;
}

const cases = JSON.parse(readFileSync(join(folder, 'cases.json')));
let calls = 0;
let wrong = 0;
for (const test of cases) {
  try {
    calls += check(test);
  } catch (e) {
    console.log(e.message);
    wrong += 1;
  }
}
console.log(`${cases.length} modules, ${calls} calls: ${wrong} modules differ`);
process.exit(wrong === 0 && calls > 0 ? 0 : 1);
