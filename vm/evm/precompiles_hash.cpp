// ecrecover, sha256, ripemd160, identity and blake2f.
#include <algorithm>
#include <bit>

#include <openssl/evp.h>

#include "runtime/base/result.hpp"
#include "runtime/base/uint256.hpp"
#include "runtime/crypto/secp256k1.hpp"
#include "runtime/crypto/sha256.hpp"
#include "vm/evm/precompile_functions.hpp"

namespace troupe::evm::precompiles {
namespace {

[[nodiscard]] std::int64_t words(std::size_t bytes) { return static_cast<std::int64_t>((bytes + 31) / 32); }

}  // namespace

Bytes slice(ByteView input, std::size_t offset, std::size_t size) {
    Bytes out(size);
    if (offset < input.size())
        std::copy_n(input.begin() + static_cast<std::ptrdiff_t>(offset), std::min(size, input.size() - offset),
                    out.begin());
    return out;
}

Gas ecrecover_gas(ByteView, Revision) { return 3000; }
Output ecrecover(ByteView input, Revision) {
    const auto data = slice(input, 0, 128);
    const auto v = from_big_endian(ByteView{data}.subspan(32, 32));
    if (v != uint256{27} && v != uint256{28}) return Bytes{};
    const auto address = recover_address(*Hash256::from_view(ByteView{data}.first(32)), ByteView{data}.subspan(64, 64),
                                         static_cast<int>(v.low64() - 27));
    if (!address) return Bytes{};
    Bytes out(12);
    append(out, address->view());
    return out;
}

Gas sha256_gas(ByteView input, Revision) { return 60 + 12 * words(input.size()); }
Output sha256(ByteView input, Revision) {
    const auto hash = troupe::sha256(input);
    return Bytes{hash.begin(), hash.end()};
}

Gas ripemd160_gas(ByteView input, Revision) { return 600 + 120 * words(input.size()); }
Output ripemd160(ByteView input, Revision) {
    Bytes out(32);
    unsigned size = 20;
    TROUPE_ASSERT(EVP_Digest(input.data(), input.size(), out.data() + 12, &size, EVP_ripemd160(), nullptr) == 1);
    return out;
}

Gas identity_gas(ByteView input, Revision) { return 15 + 3 * words(input.size()); }
Output identity(ByteView input, Revision) { return Bytes{input.begin(), input.end()}; }

Gas blake2f_gas(ByteView input, Revision) {
    if (input.size() != 213) return 0;
    return static_cast<std::int64_t>(input[0]) << 24 | input[1] << 16 | input[2] << 8 | input[3];
}

Output blake2f(ByteView input, Revision) {
    if (input.size() != 213 || input[212] > 1) return std::nullopt;
    static constexpr std::uint64_t iv[8] = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b,
                                            0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x9b05688c2b3e6c1f,
                                            0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};
    static constexpr std::uint8_t sigma[10][16] = {
        {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
        {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4}, {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
        {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13}, {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
        {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11}, {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
        {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5}, {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0}};
    const auto rounds = static_cast<std::uint32_t>(*blake2f_gas(input, Revision::Osaka));
    std::uint64_t h[8];
    std::uint64_t m[16];
    std::uint64_t t[2];
    std::memcpy(h, input.data() + 4, 64);
    std::memcpy(m, input.data() + 68, 128);
    std::memcpy(t, input.data() + 196, 16);
    std::uint64_t v[16];
    for (int i = 0; i < 8; ++i) {
        v[i] = h[i];
        v[i + 8] = iv[i];
    }
    v[12] ^= t[0];
    v[13] ^= t[1];
    if (input[212] == 1) v[14] = ~v[14];
    const auto mix = [&v](int a, int b, int c, int d, std::uint64_t x, std::uint64_t y) {
        v[a] += v[b] + x;
        v[d] = std::rotr(v[d] ^ v[a], 32);
        v[c] += v[d];
        v[b] = std::rotr(v[b] ^ v[c], 24);
        v[a] += v[b] + y;
        v[d] = std::rotr(v[d] ^ v[a], 16);
        v[c] += v[d];
        v[b] = std::rotr(v[b] ^ v[c], 63);
    };
    for (std::uint32_t r = 0; r < rounds; ++r) {
        const auto* s = sigma[r % 10];
        mix(0, 4, 8, 12, m[s[0]], m[s[1]]);
        mix(1, 5, 9, 13, m[s[2]], m[s[3]]);
        mix(2, 6, 10, 14, m[s[4]], m[s[5]]);
        mix(3, 7, 11, 15, m[s[6]], m[s[7]]);
        mix(0, 5, 10, 15, m[s[8]], m[s[9]]);
        mix(1, 6, 11, 12, m[s[10]], m[s[11]]);
        mix(2, 7, 8, 13, m[s[12]], m[s[13]]);
        mix(3, 4, 9, 14, m[s[14]], m[s[15]]);
    }
    Bytes out(64);
    for (int i = 0; i < 8; ++i) h[i] ^= v[i] ^ v[i + 8];
    std::memcpy(out.data(), h, 64);
    return out;
}

}  // namespace troupe::evm::precompiles
