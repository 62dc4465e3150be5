// node tests/bench/evm/compile.mjs: compiles Kernels.sol with tests/e2e's solc into kernels_bytecode.hpp.
import { createRequire } from 'node:module';
import { readFileSync, writeFileSync } from 'node:fs';

const here = new URL('.', import.meta.url);
const require = createRequire(new URL('../../e2e/package.json', here));
const solc = require('solc');
const input = {
  language: 'Solidity',
  sources: { 'Kernels.sol': { content: readFileSync(new URL('Kernels.sol', here), 'utf8') } },
  settings: {
    optimizer: { enabled: true, runs: 200 },
    evmVersion: 'cancun',
    metadata: { appendCBOR: false },
    outputSelection: { '*': { '*': ['evm.bytecode.object', 'evm.methodIdentifiers'] } },
  },
};
const output = JSON.parse(
  solc.compile(JSON.stringify(input), {
    import: (path) => ({ contents: readFileSync(require.resolve(path), 'utf8') }),
  }),
);
const errors = (output.errors ?? []).filter((e) => e.severity === 'error');
if (errors.length > 0) throw new Error(errors.map((e) => e.formattedMessage).join('\n'));
let text = `// Kernels.sol as solc ${solc.version()} compiles it (compile.mjs): init code of each contract.\n#pragma once\n\n#include <string_view>\n\nnamespace troupe::bench {\n\n// clang-format off\n`;
for (const [name, contract] of Object.entries(output.contracts['Kernels.sol'])) {
  const object = contract.evm.bytecode.object;
  const lines = object.match(/.{1,108}/g).map((line) => `    "${line}"`);
  text += `inline constexpr std::string_view ${name.toLowerCase()}_code =\n${lines.join('\n')};\n`;
  for (const [signature, selector] of Object.entries(contract.evm.methodIdentifiers))
    if (name === 'Kernels') text += `inline constexpr std::string_view ${signature.split('(')[0]}_selector = "${selector}";\n`;
}
text += '// clang-format on\n\n}  // namespace troupe::bench\n';
writeFileSync(new URL('kernels_bytecode.hpp', here), text);
