// Compiles TroupeToken.sol beside this file to TroupeToken.bin and TroupeToken.abi.json.
//   (cd tests/e2e && npm ci) && node deploy/examples/erc20/compile.mjs
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const modules = path.resolve(here, '../../../tests/e2e/node_modules');
const solc = createRequire(path.join(modules, 'x.js'))('solc');
const out = JSON.parse(solc.compile(JSON.stringify({
  language: 'Solidity',
  sources: { 'TroupeToken.sol': { content: fs.readFileSync(path.join(here, 'TroupeToken.sol'), 'utf8') } },
  settings: { optimizer: { enabled: true, runs: 200 }, outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } } },
}), { import: (p) => ({ contents: fs.readFileSync(path.join(modules, p), 'utf8') }) }));
for (const e of out.errors ?? []) console.error(e.formattedMessage);
const token = out.contracts['TroupeToken.sol'].TroupeToken;
fs.writeFileSync(path.join(here, 'TroupeToken.bin'), token.evm.bytecode.object + '\n');
fs.writeFileSync(path.join(here, 'TroupeToken.abi.json'), JSON.stringify(token.abi, null, 1) + '\n');
const lines = token.evm.bytecode.object.match(/.{1,110}/g).map((l) => `    "${l}"`).join('\n');
fs.writeFileSync(path.join(here, 'token_bytecode.hpp'), `// TroupeToken.bin as text for \`troupe demo\`. Made by compile.mjs from TroupeToken.sol.
#pragma once

namespace troupe {

inline constexpr const char* token_bytecode =
${lines};

}  // namespace troupe
`);
