// A thousand actors in one node: how long `troupe inspect` takes, and what `troupe top` costs.
//   node tests/bench/cluster/inspect.mjs
import fs from 'node:fs';
import { execFileSync, spawn } from 'node:child_process';
import { sleep, startCluster, troupe } from '../../e2e/cluster.mjs';

const seconds = 20;
const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
/** Seconds of CPU that a process has taken. */
function cpu(pid) {
  const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

const cluster = await startCluster(`name = "wide"
[[node]]
name = "v"
roles = ["consensus", "chunk_builder", "chunk_signer", "executor", "vm_pool"]
[[node]]
name = "gateway"
vm_workers = 1000
roles = ["gateway", "executor", "vm_pool"]
`);
try {
  const actors = (await cluster.json('inspect', 'actors')).length;
  const times = [];
  for (let i = 0; i < 10; i++) {
    const start = performance.now();
    await cluster.command('inspect');
    times.push(performance.now() - start);
  }
  console.log(`inspect of ${actors} actors: ${Math.min(...times).toFixed(0)} to ${Math.max(...times).toFixed(0)} ms`);
  const gateway = (await cluster.json('status')).nodes.find((n) => n.name === 'gateway').pid;
  const alone = cpu(gateway);
  await sleep(seconds * 1000);
  const before = cpu(gateway);
  // A terminal of its own.
  const terminal = spawn('script', ['-qec', `stty rows 40 cols 160; exec ${troupe} top --data ${cluster.data}`, '/dev/null'], { stdio: ['pipe', 'ignore', 'ignore'] });
  await sleep(2000);
  const top = Number(execFileSync('pgrep', ['-n', '-f', `^${troupe} top --data ${cluster.data}`], { encoding: 'utf8' }));
  const [topBefore, gatewayBefore] = [cpu(top), cpu(gateway)];
  await sleep(seconds * 1000);
  const share = (from, to) => `${(((to - from) / seconds) * 100).toFixed(1)} % of a core`;
  console.log(`top: ${share(topBefore, cpu(top))}; the node: ${share(gatewayBefore, cpu(gateway))}, unwatched ${share(alone, before)}`);
  terminal.stdin.write('q');
} finally {
  cluster.stop();
}
