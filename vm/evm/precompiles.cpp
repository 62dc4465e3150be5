#include "vm/evm/precompiles.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include <boost/multiprecision/cpp_int.hpp>
#include <openssl/evp.h>

#include "runtime/base/uint256.hpp"
#include "runtime/crypto/secp256k1.hpp"
#include "runtime/crypto/sha256.hpp"

namespace troupe::evm {
namespace {

using BigInteger = boost::multiprecision::cpp_int;
using Gas = std::optional<std::int64_t>;
using Output = std::optional<Bytes>;

[[nodiscard]] std::int64_t words(std::size_t bytes) { return static_cast<std::int64_t>((bytes + 31) / 32); }

/// `size` bytes from `offset`, zeros where the input has ended.
[[nodiscard]] Bytes slice(ByteView input, std::size_t offset, std::size_t size) {
    Bytes out(size);
    if (offset < input.size()) std::copy_n(input.begin() + offset, std::min(size, input.size() - offset), out.begin());
    return out;
}

// 0x01 ecrecover
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

// 0x02 sha256, 0x03 ripemd160, 0x04 identity
Gas sha256_gas(ByteView input, Revision) { return 60 + 12 * words(input.size()); }
Output sha256_run(ByteView input, Revision) {
    const auto hash = sha256(input);
    return Bytes{hash.begin(), hash.end()};
}
Gas ripemd160_gas(ByteView input, Revision) { return 600 + 120 * words(input.size()); }
Output ripemd160_run(ByteView input, Revision) {
    Bytes out(32);
    unsigned size = 20;
    if (EVP_Digest(input.data(), input.size(), out.data() + 12, &size, EVP_ripemd160(), nullptr) != 1)
        return std::nullopt;
    return out;
}
Gas identity_gas(ByteView input, Revision) { return 15 + 3 * words(input.size()); }
Output identity_run(ByteView input, Revision) { return Bytes{input.begin(), input.end()}; }

// 0x05 modexp (EIP-198, 2565, 7823, 7883)
struct ModexpSizes {
    uint256 base;
    uint256 exponent;
    uint256 modulus;
};

[[nodiscard]] ModexpSizes modexp_sizes(ByteView input) {
    const auto head = slice(input, 0, 96);
    return {from_big_endian(ByteView{head}.first(32)), from_big_endian(ByteView{head}.subspan(32, 32)),
            from_big_endian(ByteView{head}.subspan(64, 32))};
}

Gas modexp_gas(ByteView input, Revision revision) {
    const auto sizes = modexp_sizes(input);
    constexpr std::uint64_t size_max = 1 << 20;  // beyond it the price is beyond any gas limit
    const auto longest = std::max(sizes.base, sizes.modulus);
    const std::int64_t least = revision >= Revision::Osaka ? 500 : revision >= Revision::Berlin ? 200 : 0;
    if (revision >= Revision::Osaka && std::max(longest, sizes.exponent) > uint256{1024}) return std::nullopt;
    if (longest.is_zero() && (sizes.base.is_zero() && sizes.modulus.is_zero()) &&
        (revision < Revision::Berlin || sizes.exponent > uint256{size_max}))
        return revision >= Revision::Berlin ? Gas{least} : Gas{0};
    if (longest > uint256{size_max} || sizes.exponent > uint256{std::uint64_t{1} << 40}) return std::nullopt;

    const auto length = longest.low64();
    const auto exponent_size = sizes.exponent.low64();
    const auto base_size = sizes.base > uint256{size_max} ? size_max : sizes.base.low64();
    const auto head = from_big_endian(slice(input, 96 + base_size, std::min<std::uint64_t>(exponent_size, 32)));
    const auto head_bits = bit_length(head);
    std::uint64_t iterations = head_bits > 0 ? head_bits - 1 : 0;
    const std::uint64_t per_byte = revision >= Revision::Osaka ? 16 : 8;
    if (exponent_size > 32) iterations += per_byte * (exponent_size - 32);
    iterations = std::max<std::uint64_t>(iterations, 1);

    uint256 complexity;
    const uint256 x{length};
    const uint256 words8{(length + 7) / 8};
    if (revision >= Revision::Osaka)
        complexity = length <= 32 ? uint256{16} : uint256{2} * words8 * words8;
    else if (revision >= Revision::Berlin)
        complexity = words8 * words8;
    else if (length <= 64)
        complexity = x * x;
    else if (length <= 1024)
        complexity = x * x / uint256{4} + uint256{96} * x - uint256{3072};
    else
        complexity = x * x / uint256{16} + uint256{480} * x - uint256{199680};
    const std::uint64_t divisor = revision >= Revision::Osaka ? 1 : revision >= Revision::Berlin ? 3 : 20;
    const auto gas = complexity * uint256{iterations} / uint256{divisor};
    if (gas > uint256{std::uint64_t{1} << 62}) return std::nullopt;
    return std::max(least, static_cast<std::int64_t>(gas.low64()));
}

Output modexp_run(ByteView input, Revision) {
    const auto sizes = modexp_sizes(input);
    if (sizes.modulus.is_zero()) return Bytes{};
    constexpr std::uint64_t size_max = 1 << 20;  // what the price lets through, as a second guard
    if (std::max({sizes.base, sizes.modulus, sizes.exponent}) > uint256{size_max}) return std::nullopt;
    const auto base_size = sizes.base.low64();
    const auto exponent_size = sizes.exponent.low64();
    const auto modulus_size = sizes.modulus.low64();
    const auto number = [&](std::size_t offset, std::size_t size) {
        const auto bytes = slice(input, offset, size);
        BigInteger out;
        // import_bits reads beyond an empty range.
        if (!bytes.empty()) boost::multiprecision::import_bits(out, bytes.begin(), bytes.end());
        return out;
    };
    const auto modulus = number(96 + base_size + exponent_size, modulus_size);
    Bytes out(modulus_size);
    if (modulus == 0) return out;
    BigInteger result = 1 % modulus;
    const auto exponent = number(96 + base_size, exponent_size);
    if (exponent != 0) result = boost::multiprecision::powm(number(96, base_size), exponent, modulus);
    Bytes digits;
    boost::multiprecision::export_bits(result, std::back_inserter(digits), 8);
    if (digits.size() > out.size())
        digits.erase(digits.begin(), digits.end() - static_cast<std::ptrdiff_t>(out.size()));
    std::copy(digits.begin(), digits.end(), out.end() - static_cast<std::ptrdiff_t>(digits.size()));
    return out;
}

// 0x09 blake2f (EIP-152)
Gas blake2f_gas(ByteView input, Revision) {
    if (input.size() != 213) return 0;
    return static_cast<std::int64_t>(input[0]) << 24 | input[1] << 16 | input[2] << 8 | input[3];
}

Output blake2f_run(ByteView input, Revision) {
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

/// Curve precompiles (BN254, KZG, BLS12-381, P-256) have no row yet: their addresses are ordinary empty accounts.
constexpr std::array table{
    Precompile{1, Revision::Frontier, "ecrecover", ecrecover_gas, ecrecover},
    Precompile{2, Revision::Frontier, "sha256", sha256_gas, sha256_run},
    Precompile{3, Revision::Frontier, "ripemd160", ripemd160_gas, ripemd160_run},
    Precompile{4, Revision::Frontier, "identity", identity_gas, identity_run},
    Precompile{5, Revision::Byzantium, "modexp", modexp_gas, modexp_run},
    Precompile{9, Revision::Istanbul, "blake2f", blake2f_gas, blake2f_run},
};

}  // namespace

const Precompile* find_precompile(const Address& address, Revision revision) noexcept {
    for (int i = 0; i < 18; ++i)
        if (address[static_cast<std::size_t>(i)] != 0) return nullptr;
    const auto number = static_cast<std::uint16_t>(address[18] << 8 | address[19]);
    for (const auto& row : table)
        if (row.address == number) return revision >= row.since ? &row : nullptr;
    return nullptr;
}

}  // namespace troupe::evm
