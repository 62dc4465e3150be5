#!/usr/bin/env node
// The solc command as forge calls it, over the npm package: no download, the same compiler as in the other tests.
import fs from 'node:fs';
import solc from 'solc';

if (process.argv.includes('--version')) console.log(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}`);
else process.stdout.write(solc.compile(fs.readFileSync(0, 'utf8')));
