// The fields of the pairing-friendly curve BLS12-381 (draft-irtf-cfrg-pairing-friendly-curves-11, section 4.2.1): of
// its coordinates (p, 381 bits), of its scalars (r, 255 bits), and the tower of extensions.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "runtime/crypto/prime_field.hpp"
#include "runtime/crypto/tower.hpp"

namespace troupe::bls12_381 {

/// The curve's parameter is -x_abs: p = (x - 1)^2 (x^4 - x^2 + 1) / 3 + x, r = x^4 - x^2 + 1.
inline constexpr std::uint64_t x_abs = 0xd201000000010000ULL;

struct FpParams {
    static constexpr std::array<std::uint64_t, 6> modulus{0xb9feffffffffaaabULL, 0x1eabfffeb153ffffULL,
                                                          0x6730d2a0f6b0f624ULL, 0x64774b84f38512bfULL,
                                                          0x4b1ba7b6434bacd7ULL, 0x1a0111ea397fe69aULL};
};
struct FrParams {
    static constexpr std::array<std::uint64_t, 4> modulus{0xffffffff00000001ULL, 0x53bda402fffe5bfeULL,
                                                          0x3339d80809a1d805ULL, 0x73eda753299d7d48ULL};
};
using Fp = PrimeField<FpParams>;
using Fr = PrimeField<FrParams>;
using Fp2 = troupe::Fp2<Fp>;

/// For constants in the source: hexadecimal digits without prefix, at most 96.
[[nodiscard]] consteval Fp fp(std::string_view digits) {
    Fp::Limbs value{};
    for (std::size_t i = 0; i < digits.size(); ++i) {
        const char c = digits[digits.size() - 1 - i];
        const auto digit = static_cast<std::uint64_t>(c <= '9' ? c - '0' : c - 'a' + 10);
        value.at(i / 16) |= digit << (4 * (i % 16));
    }
    return Fp::from_limbs(value);
}

struct Tower {
    using Field = Fp;
    static constexpr Fp2 multiply_by_nonresidue(const Fp2& a) noexcept { return {a.c0 - a.c1, a.c0 + a.c1}; }
    static const std::array<Fp2, 6> frobenius_coefficients;
};
using Fp6 = troupe::Fp6<Tower>;
using Fp12 = troupe::Fp12<Tower>;

}  // namespace troupe::bls12_381
