// Contracts of the tests: OpenZeppelin's tokens, and one that reverts in every way a client must understand.
export const sources = {
  'Tokens.sol': `// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;
import "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import "@openzeppelin/contracts/token/ERC1155/ERC1155.sol";
contract Token is ERC20 {
  constructor(uint256 supply) ERC20("Test Token", "TT") { _mint(msg.sender, supply); }
}
contract Art is ERC721 {
  constructor() ERC721("Art", "ART") {}
  function mint(address to, uint256 id) external { _safeMint(to, id); }
}
contract Items is ERC1155 {
  constructor() ERC1155("ipfs://x") {}
  function mint(address to, uint256 id, uint256 n) external { _mint(to, id, n, ""); }
}`,
  'Reverter.sol': `// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;
contract Reverter {
  error Custom(uint256 code, address who);
  uint256 public value;
  event Changed(address indexed who, uint256 value);
  function withReason(uint256 n) external { require(n > 100, "n too small"); value = n; emit Changed(msg.sender, n); }
  function withCustom() external view { revert Custom(7, msg.sender); }
  function withPanic(uint256 d) external pure returns (uint256) { return 10 / d; }
  function withNothing() external pure { revert(); }
  function assertion() external pure { assert(false); }
  function setValue(uint256 n) external payable { value = n; emit Changed(msg.sender, n); }
}`,
};
