// Kernels on node's V8: prints each one's checksum and best CPU time in milliseconds.
import { readFileSync } from 'node:fs';
const [file, ...rest] = process.argv.slice(2);
const { instance } = await WebAssembly.instantiate(readFileSync(file), {});
for (let i = 0; i + 1 < rest.length; i += 2) {
  let best = Infinity;
  let sum;
  for (let r = 0; r < 3; ++r) {
    const start = process.cpuUsage();
    sum = instance.exports[rest[i]](BigInt(rest[i + 1]));
    const took = process.cpuUsage(start);
    best = Math.min(best, (took.user + took.system) / 1e3);
  }
  console.log(`${rest[i]} ${sum} ${best}`);
}
