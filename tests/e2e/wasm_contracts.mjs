// Contracts in WebAssembly, built as their authors would build them: clang and lld, rustc, AssemblyScript's compiler.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execFileSync } from 'node:child_process';
import { bin, root } from './cluster.mjs';

const examples = path.join(root, 'vm/contract/examples');
const linking = ['--stack-first', '-zstack-size=8192', '--strip-all'];

function build(name, command, args) {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'troupe-wasm-'));
  const out = path.join(directory, `${name}.wasm`);
  try {
    execFileSync(command, [...args, '-o', out], { stdio: ['ignore', 'inherit', 'inherit'] });
    return '0x' + fs.readFileSync(out).toString('hex');
  } finally {
    fs.rmSync(directory, { recursive: true, force: true });
  }
}

export const buildC = (file) => build(file, 'clang', [
  '--target=wasm32', '-Os', '-nostdlib', '-mbulk-memory', '-Wall', '-Wextra', '-Werror',
  `-Wl,--no-entry,${linking.join(',')}`, '-I', path.join(root, 'vm/contract/sdk'), path.join(examples, file)]);

export const buildCpp = (file) => build(file, 'clang++', [
  '--target=wasm32', '-std=c++20', '-Os', '-fno-exceptions', '-fno-rtti', '-nostdlib', '-mbulk-memory', '-Wall', '-Wextra', '-Werror',
  `-Wl,--no-entry,${linking.join(',')}`, '-I', path.join(root, 'vm/contract/sdk'), path.join(examples, file)]);

/** Debian's rustc, whose wasm32 target is the package libstd-rust-dev-wasm32. */
export const buildRust = (file) => build(file, process.env.RUSTC ?? '/usr/bin/rustc', [
  '--target', 'wasm32-unknown-unknown', '--crate-type', 'cdylib', '-C', 'opt-level=s', '-C', 'panic=abort', '-C', 'linker=wasm-ld',
  ...linking.flatMap((o) => ['-C', `link-arg=${o}`]), path.join(examples, file)]);

export const buildAssemblyScript = (file) => build(file, bin('asc'), [
  path.join(examples, file), '-O3', '--runtime', 'stub', '--use', 'abort=', '--disable', 'simd']);
