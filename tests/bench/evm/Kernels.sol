// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {ERC1155} from "@openzeppelin/contracts/token/ERC1155/ERC1155.sol";

contract Token20 is ERC20 {
    constructor() ERC20("Bench", "B") {
        _mint(msg.sender, 1e30);
    }
}

contract Token721 is ERC721 {
    constructor() ERC721("Bench", "B") {
        for (uint256 i = 0; i < 16; ++i) _mint(msg.sender, i);
    }
}

contract Token1155 is ERC1155 {
    constructor() ERC1155("https://example.org/{id}") {
        for (uint256 i = 0; i < 16; ++i) _mint(msg.sender, i, 1e30, "");
    }
}

/// Pure computing: each function takes a number of rounds and gives a word that depends on all of them.
contract Kernels {
    function fibonacci(uint256 rounds) external pure returns (uint256 a) {
        unchecked {
            uint256 b = 1;
            for (uint256 i = 0; i < rounds; ++i) (a, b) = (b, a + b);
        }
    }

    function checkedSum(uint256 rounds) external pure returns (uint256 sum) {
        for (uint256 i = 1; i <= rounds; ++i) sum = sum + (i * 7) / 3 - i % 5;
    }

    function hashChain(uint256 rounds) external pure returns (bytes32 hash) {
        for (uint256 i = 0; i < rounds; ++i) hash = keccak256(abi.encodePacked(hash, i));
    }

    function rotateRight(uint64 x, uint64 n) private pure returns (uint64) {
        unchecked {
            return (x >> n) | (x << (64 - n));
        }
    }

    /// BLAKE2b's mixing on a state of 16 words.
    function blake2b(uint256 rounds) external pure returns (uint256) {
        unchecked {
            uint64[16] memory v;
            for (uint256 i = 0; i < 16; ++i) v[i] = uint64(uint256(keccak256(abi.encode(i))));
            for (uint256 r = 0; r < rounds; ++r) {
                for (uint256 k = 0; k < 8; ++k) {
                    uint256 a = k & 3;
                    uint256 b = 4 + ((k + (k >> 2)) & 3);
                    uint256 c = 8 + ((k + 2 * (k >> 2)) & 3);
                    uint256 d = 12 + ((k + 3 * (k >> 2)) & 3);
                    v[a] = v[a] + v[b] + uint64(r);
                    v[d] = rotateRight(v[d] ^ v[a], 32);
                    v[c] = v[c] + v[d];
                    v[b] = rotateRight(v[b] ^ v[c], 24);
                    v[a] = v[a] + v[b] + uint64(k);
                    v[d] = rotateRight(v[d] ^ v[a], 16);
                    v[c] = v[c] + v[d];
                    v[b] = rotateRight(v[b] ^ v[c], 63);
                }
            }
            return uint256(v[0]) ^ v[5] ^ v[10] ^ v[15];
        }
    }

    /// SHA-1's compression of a block made up of the round's number.
    function sha1(uint256 rounds) external pure returns (uint256) {
        unchecked {
            uint32 h = 0x67452301;
            for (uint256 r = 0; r < rounds; ++r) {
                uint32[80] memory w;
                for (uint256 i = 0; i < 16; ++i) w[i] = uint32(r * 0x9e3779b9 + i);
                for (uint256 i = 16; i < 80; ++i) {
                    uint32 x = w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16];
                    w[i] = (x << 1) | (x >> 31);
                }
                uint32 a = h;
                uint32 b = 0xefcdab89;
                uint32 c = 0x98badcfe;
                uint32 d = 0x10325476;
                uint32 e = 0xc3d2e1f0;
                for (uint256 i = 0; i < 80; ++i) {
                    uint32 f = i < 20 ? (b & c) | (~b & d) : i < 40 || i >= 60 ? b ^ c ^ d : (b & c) | (b & d) | (c & d);
                    uint32 t = ((a << 5) | (a >> 27)) + f + e + w[i] + 0x5a827999;
                    (e, d, c, b, a) = (d, c, (b << 30) | (b >> 2), a, t);
                }
                h += a;
            }
            return h;
        }
    }

    /// Doubling and adding on secp256k1 in Jacobian coordinates.
    function weierstrass(uint256 rounds) external pure returns (uint256) {
        uint256 p = 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f;
        uint256 x = 0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798;
        uint256 y = 0x483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8;
        uint256 z = 1;
        for (uint256 i = 0; i < rounds; ++i) {
            uint256 yy = mulmod(y, y, p);
            uint256 s = mulmod(4, mulmod(x, yy, p), p);
            uint256 m = mulmod(3, mulmod(x, x, p), p);
            uint256 x2 = addmod(mulmod(m, m, p), p - mulmod(2, s, p), p);
            z = mulmod(2, mulmod(y, z, p), p);
            y = addmod(mulmod(m, addmod(s, p - x2, p), p), p - mulmod(8, mulmod(yy, yy, p), p), p);
            x = x2;
        }
        return x ^ y ^ z;
    }

    /// A full product divided, as automated market makers price a swap.
    function swapMath(uint256 rounds) external pure returns (uint256 out) {
        uint256 liquidity = 2 ** 96 * 3;
        uint256 price = 2 ** 96 + 12345;
        for (uint256 i = 0; i < rounds; ++i) {
            uint256 amount = 1e18 + i;
            uint256 product = amount * price;
            uint256 next = (liquidity * price) / (liquidity + product / 2 ** 96);
            out += (liquidity * (price - next)) / 2 ** 96;
            price = next + amount / 1e12;
        }
    }

    function sort(uint256 size) external pure returns (uint256) {
        uint256[] memory a = new uint256[](size);
        for (uint256 i = 0; i < size; ++i) a[i] = uint256(keccak256(abi.encode(i))) >> 200;
        for (uint256 i = 1; i < size; ++i) {
            uint256 x = a[i];
            uint256 j = i;
            while (j > 0 && a[j - 1] > x) {
                a[j] = a[j - 1];
                --j;
            }
            a[j] = x;
        }
        return a[size / 2];
    }
}
