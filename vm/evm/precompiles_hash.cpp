// ecrecover, sha256, ripemd160, identity and blake2f.
#include <algorithm>
#include <array>
#include <cstring>

#include <openssl/evp.h>

#include "runtime/base/result.hpp"
#include "runtime/base/uint256.hpp"
#include "runtime/crypto/blake2b.hpp"
#include "runtime/crypto/secp256k1.hpp"
#include "runtime/crypto/sha256.hpp"
#include "vm/evm/precompile_functions.hpp"

namespace troupe::evm::precompiles {
namespace {

[[nodiscard]] std::int64_t words(std::size_t bytes) { return static_cast<std::int64_t>((bytes + 31) / 32); }

/// Of an input of blake2f.
[[nodiscard]] std::uint32_t rounds_of(ByteView input) {
    return static_cast<std::uint32_t>(input[0]) << 24 | static_cast<std::uint32_t>(input[1]) << 16 |
           static_cast<std::uint32_t>(input[2]) << 8 | input[3];
}

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
    return rounds_of(input);
}
Output blake2f(ByteView input, Revision) {
    if (input.size() != 213 || input[212] > 1) return std::nullopt;
    std::array<std::uint64_t, 8> h;
    std::array<std::uint64_t, 16> m;
    std::array<std::uint64_t, 2> t;
    std::memcpy(h.data(), input.data() + 4, 64);
    std::memcpy(m.data(), input.data() + 68, 128);
    std::memcpy(t.data(), input.data() + 196, 16);
    blake2b_compress(rounds_of(input), h, m, t, input[212] == 1);
    Bytes out(64);
    std::memcpy(out.data(), h.data(), 64);
    return out;
}

}  // namespace troupe::evm::precompiles
