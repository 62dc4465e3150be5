// SPDX-License-Identifier: Apache-2.0
// Compiled with: node deploy/examples/erc20/compile.mjs (after `npm ci` in tests/e2e: solc 0.8.37, OpenZeppelin 5.7.0)
pragma solidity ^0.8.24;

import "@openzeppelin/contracts/token/ERC20/ERC20.sol";

contract TroupeToken is ERC20 {
    constructor() ERC20("Troupe Token", "TRP") {
        _mint(msg.sender, 10 ** 27);
    }
}
