// Modular exponentiation (EIP-198, 2565, 7823, 7883) on OpenSSL's big numbers. Variable time: nothing here is secret.
#include <algorithm>
#include <memory>

#include <openssl/bn.h>

#include "runtime/base/result.hpp"
#include "runtime/base/uint256.hpp"
#include "vm/evm/precompile_functions.hpp"

namespace troupe::evm::precompiles {
namespace {

struct Sizes {
    uint256 base;
    uint256 exponent;
    uint256 modulus;
};

[[nodiscard]] Sizes sizes_of(ByteView input) {
    const auto head = slice(input, 0, 96);
    return {from_big_endian(ByteView{head}.first(32)), from_big_endian(ByteView{head}.subspan(32, 32)),
            from_big_endian(ByteView{head}.subspan(64, 32))};
}

/// What a multiplication of numbers of `bytes` costs.
[[nodiscard]] uint256 complexity(const uint256& bytes, Revision revision) {
    if (revision >= Revision::Berlin) {
        const auto words = (bytes + uint256{7}) >> 3;
        if (revision < Revision::Osaka) return words * words;
        return bytes <= uint256{32} ? uint256{16} : uint256{2} * words * words;
    }
    const auto square = bytes * bytes;
    if (bytes <= uint256{64}) return square;
    if (bytes <= uint256{1024}) return (square >> 2) + uint256{96} * bytes - uint256{3072};
    return (square >> 4) + uint256{480} * bytes - uint256{199680};
}

// ---------------------------------------------------------------------------------------------------------------------

struct FreeNumber {
    void operator()(BIGNUM* number) const noexcept { BN_free(number); }
    void operator()(BN_CTX* context) const noexcept { BN_CTX_free(context); }
};
using Number = std::unique_ptr<BIGNUM, FreeNumber>;
using Context = std::unique_ptr<BN_CTX, FreeNumber>;

/// The library fails only when memory is exhausted, which must not become a result.
void require(int done) { TROUPE_ASSERT(done == 1); }

[[nodiscard]] Number make_number() {
    Number out{BN_new()};
    require(out != nullptr);
    return out;
}

[[nodiscard]] Number read_number(ByteView input, std::size_t offset, std::size_t size) {
    const auto bytes = slice(input, offset, size);
    Number out{BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr)};
    require(out != nullptr);
    return out;
}

/// base^exponent modulo 2^bits.
[[nodiscard]] Number power_of_two_exponentiation(const BIGNUM* base, const BIGNUM* exponent, int bits,
                                                 BN_CTX* context) {
    auto result = make_number();
    const auto b = Number{BN_dup(base)};
    const auto e = Number{BN_dup(exponent)};
    require(b != nullptr && e != nullptr);
    BN_mask_bits(b.get(), bits);
    if (BN_is_odd(b.get())) {
        // The order of an odd number divides 2^bits.
        BN_mask_bits(e.get(), bits);
    } else if (!BN_is_zero(e.get()) &&
               (BN_num_bits(e.get()) > 31 || BN_get_word(e.get()) >= static_cast<BN_ULONG>(bits))) {
        return result;
    }
    require(BN_one(result.get()));
    for (int i = BN_num_bits(e.get()) - 1; i >= 0; --i) {
        require(BN_sqr(result.get(), result.get(), context));
        BN_mask_bits(result.get(), bits);
        if (!BN_is_bit_set(e.get(), i)) continue;
        require(BN_mul(result.get(), result.get(), b.get(), context));
        BN_mask_bits(result.get(), bits);
    }
    return result;
}

/// The inverse of an odd number modulo 2^bits, by Newton's iteration.
[[nodiscard]] Number inverse_modulo_power_of_two(const BIGNUM* odd, int bits, BN_CTX* context) {
    auto inverse = make_number();
    const auto product = make_number();
    const auto correction = make_number();
    require(BN_one(inverse.get()));
    for (int known = 1; known < bits;) {
        known = std::min(2 * known, bits);
        // inverse * (2 - odd * inverse), kept positive.
        require(BN_copy(product.get(), odd) != nullptr);
        BN_mask_bits(product.get(), known);
        require(BN_mul(product.get(), product.get(), inverse.get(), context));
        BN_mask_bits(product.get(), known);
        BN_zero(correction.get());
        require(BN_set_bit(correction.get(), known));
        require(BN_add_word(correction.get(), 2));
        require(BN_sub(correction.get(), correction.get(), product.get()));
        require(BN_mul(inverse.get(), inverse.get(), correction.get(), context));
        BN_mask_bits(inverse.get(), known);
    }
    return inverse;
}

/// base^exponent modulo `modulus`, which is not zero. An even modulus is split into its odd part and its power of two
/// (Chinese remainder theorem), since Montgomery's reduction needs an odd one.
[[nodiscard]] Number exponentiate(const BIGNUM* base, const BIGNUM* exponent, const BIGNUM* modulus) {
    const Context context{BN_CTX_new()};
    require(context != nullptr);
    auto result = make_number();
    if (BN_is_odd(modulus)) {
        require(BN_mod_exp(result.get(), base, exponent, modulus, context.get()));
        return result;
    }
    int twos = 1;
    while (!BN_is_bit_set(modulus, twos)) ++twos;
    auto low = power_of_two_exponentiation(base, exponent, twos, context.get());
    const auto odd = make_number();
    require(BN_rshift(odd.get(), modulus, twos));
    if (BN_is_one(odd.get())) return low;
    require(BN_mod_exp(result.get(), base, exponent, odd.get(), context.get()));
    // result + odd * ((low - result) / odd modulo 2^twos)
    const auto inverse = inverse_modulo_power_of_two(odd.get(), twos, context.get());
    const auto power = make_number();
    require(BN_set_bit(power.get(), twos));
    require(BN_sub(low.get(), low.get(), result.get()));
    require(BN_nnmod(low.get(), low.get(), power.get(), context.get()));
    require(BN_mul(low.get(), low.get(), inverse.get(), context.get()));
    BN_mask_bits(low.get(), twos);
    require(BN_mul(low.get(), low.get(), odd.get(), context.get()));
    require(BN_add(result.get(), result.get(), low.get()));
    return result;
}

}  // namespace

Gas modexp_gas(ByteView input, Revision revision) {
    const auto sizes = sizes_of(input);
    const auto longest = std::max(sizes.base, sizes.modulus);
    if (revision >= Revision::Osaka && std::max(longest, sizes.exponent) > uint256{1024}) return std::nullopt;
    const std::int64_t least = revision >= Revision::Osaka ? 500 : revision >= Revision::Berlin ? 200 : 0;
    if (longest.is_zero() && revision < Revision::Osaka) return least;
    // Beyond either bound the price is above 2^63; below both, nothing here overflows.
    if (longest > uint256{std::uint64_t{1} << 36} || sizes.exponent > uint256{0, 0, 1 << 6, 0}) return std::nullopt;

    const auto head_size = static_cast<std::size_t>(std::min(sizes.exponent, uint256{32}).low64());
    const auto head_bits = bit_length(from_big_endian(slice(input, 96 + sizes.base.low64(), head_size)));
    uint256 iterations{head_bits > 0 ? head_bits - 1 : 0};
    if (sizes.exponent > uint256{32})
        iterations += uint256{revision >= Revision::Osaka ? 16u : 8u} * (sizes.exponent - uint256{32});
    iterations = std::max(iterations, uint256{1});
    const std::uint64_t divisor = revision >= Revision::Osaka ? 1 : revision >= Revision::Berlin ? 3 : 20;
    const auto gas = complexity(longest, revision) * iterations / uint256{divisor};
    if (gas >= uint256{std::uint64_t{1} << 63}) return std::nullopt;
    return std::max(least, static_cast<std::int64_t>(gas.low64()));
}

Output modexp(ByteView input, Revision) {
    const auto sizes = sizes_of(input);
    if (sizes.modulus.is_zero()) return Bytes{};
    // A second guard behind the price, which exceeds any block's gas by then.
    constexpr std::uint64_t size_max = 1 << 20;
    if (std::max({sizes.base, sizes.modulus, sizes.exponent}) > uint256{size_max}) return std::nullopt;
    const auto base_size = sizes.base.low64();
    const auto exponent_size = sizes.exponent.low64();
    const auto modulus_size = sizes.modulus.low64();
    const auto modulus = read_number(input, 96 + base_size + exponent_size, modulus_size);
    Bytes out(modulus_size);
    if (BN_is_zero(modulus.get())) return out;
    const auto base = read_number(input, 96, base_size);
    const auto exponent = read_number(input, 96 + base_size, exponent_size);
    const auto result = exponentiate(base.get(), exponent.get(), modulus.get());
    require(BN_bn2binpad(result.get(), out.data(), static_cast<int>(out.size())) >= 0);
    return out;
}

}  // namespace troupe::evm::precompiles
