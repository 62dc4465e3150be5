// The latencies of wasm_latency_bench in V8, the same modules: node v8_latency.mjs SMALL.wasm LARGE.wasm
import fs from 'node:fs';

const [small, large] = process.argv.slice(2).map((f) => fs.readFileSync(f));
const imports = { host: { nop() {} } };
const ns = () => Number(process.hrtime.bigint());
const best = (n, f) => {
  let out = Infinity;
  for (let i = 0; i < n; ++i) { const start = ns(); f(); out = Math.min(out, ns() - start); }
  return out;
};
const print = (name, value, unit) => console.log(`${name.padEnd(36)}${value.toFixed(3).padStart(12)} ${unit}`);
const start = (bytes) => new WebAssembly.Instance(new WebAssembly.Module(bytes), imports);

// A byte more each time: V8 keeps code by the module's bytes.
let salt = 0;
const salted = (bytes) => {
  const name = Buffer.from(String(++salt));
  return Buffer.concat([bytes, Buffer.from([0, name.length + 1, name.length]), name]);
};
print('small: bytes to first result', best(200, () => start(salted(small)).exports.first(10n)) / 1e6, 'ms');
if (large) print('large: bytes to first result', best(10, () => start(salted(large)).exports.first(0n)) / 1e6, 'ms');
const { empty, imports: out } = start(small).exports;
for (let i = 0; i < 1e6; ++i) empty();
print('call into WebAssembly', best(5, () => { for (let i = 0; i < 1e7; ++i) empty(); }) / 1e7, 'ns');
out(1e6);
print('call of an import', best(5, () => out(1e7)) / 1e7, 'ns');
const module = new WebAssembly.Module(small);
print('instantiate, call, destroy', best(5, () => { for (let i = 0; i < 2000; ++i) new WebAssembly.Instance(module, imports).exports.write(); }) / 2000 / 1e3, 'us');
