// Arithmetic modulo p = 2^256 - 2^32 - 977, the field of secp256k1. For secp256k1_*.cpp only. Not constant-time: it
// never sees a secret.
//
// An element is any of its representations below 2^256, so that a carry or borrow out of 2^256 is all that needs
// folding (2^256 = 2^32 + 977 mod p); `to_uint256` gives the one below p. Four limbs of 64 bits beat libsecp256k1's
// five of 52 here by a fifth in products and two fifths in squares: compilers make slow double shifts of the latter's
// carries.
#pragma once

#include <cstdint>

#include "runtime/base/uint256.hpp"
#include "runtime/crypto/secp256k1_mulx.hpp"
#include "runtime/crypto/wide_arithmetic.hpp"

namespace troupe::secp256k1_detail {

struct FieldElement {
    uint256 n;
};

/// 2^256 mod p.
inline constexpr std::uint64_t field_fold = 0x1000003D1ULL;
inline constexpr uint256 field_prime{0xFFFFFFFFFFFFFFFFULL, 0xFFFFFFFFFFFFFFFFULL, 0xFFFFFFFFFFFFFFFFULL,
                                     0xFFFFFFFEFFFFFC2FULL};

[[nodiscard]] constexpr uint256 to_uint256(const FieldElement& a) noexcept {
    return a.n >= field_prime ? a.n - field_prime : a.n;
}
/// 2 p is above 2^256: only 0 and p stand for 0.
[[nodiscard]] inline bool is_zero(const FieldElement& a) noexcept { return a.n.is_zero() || a.n == field_prime; }
[[nodiscard]] inline bool is_odd(const FieldElement& a) noexcept { return (to_uint256(a).limb[0] & 1) != 0; }

[[nodiscard, gnu::always_inline]] inline FieldElement operator+(const FieldElement& a, const FieldElement& b) noexcept {
    Carry carry = 0;
    auto r0 = add_carry(a.n.limb[0], b.n.limb[0], carry);
    auto r1 = add_carry(a.n.limb[1], b.n.limb[1], carry);
    auto r2 = add_carry(a.n.limb[2], b.n.limb[2], carry);
    auto r3 = add_carry(a.n.limb[3], b.n.limb[3], carry);
    const std::uint64_t fold = carry != 0 ? field_fold : 0;
    carry = 0;
    r0 = add_carry(r0, fold, carry);
    r1 = add_carry(r1, 0, carry);
    r2 = add_carry(r2, 0, carry);
    r3 = add_carry(r3, 0, carry);
    // Only sums within 2^33 of 2^257 overflow a second time, and leave nearly nothing.
    if (carry != 0) [[unlikely]]
        r0 += field_fold;
    return {{r3, r2, r1, r0}};
}

[[nodiscard, gnu::always_inline]] inline FieldElement operator-(const FieldElement& a, const FieldElement& b) noexcept {
    Carry borrow = 0;
    auto r0 = subtract_borrow(a.n.limb[0], b.n.limb[0], borrow);
    auto r1 = subtract_borrow(a.n.limb[1], b.n.limb[1], borrow);
    auto r2 = subtract_borrow(a.n.limb[2], b.n.limb[2], borrow);
    auto r3 = subtract_borrow(a.n.limb[3], b.n.limb[3], borrow);
    const std::uint64_t fold = borrow != 0 ? field_fold : 0;
    borrow = 0;
    r0 = subtract_borrow(r0, fold, borrow);
    r1 = subtract_borrow(r1, 0, borrow);
    r2 = subtract_borrow(r2, 0, borrow);
    r3 = subtract_borrow(r3, 0, borrow);
    // Only differences within 2^33 of -2^256 borrow a second time; what is left is within 2^33 of 2^256.
    if (borrow != 0) [[unlikely]]
        r0 -= field_fold;
    return {{r3, r2, r1, r0}};
}

[[nodiscard]] inline FieldElement negated(const FieldElement& a) noexcept { return FieldElement{} - a; }

[[nodiscard, gnu::always_inline]] inline FieldElement field_reduced(const Wide& wide) noexcept {
    std::uint64_t high = 0;
    auto r0 = multiply_add(wide[0], wide[4], field_fold, high);
    auto r1 = multiply_add(wide[1], wide[5], field_fold, high);
    auto r2 = multiply_add(wide[2], wide[6], field_fold, high);
    auto r3 = multiply_add(wide[3], wide[7], field_fold, high);
    std::uint64_t above = 0;
    r0 = multiply_add(r0, high, field_fold, above);
    Carry carry = 0;
    r1 = add_carry(r1, above, carry);
    r2 = add_carry(r2, 0, carry);
    r3 = add_carry(r3, 0, carry);
    if (carry != 0) [[unlikely]] {
        // What overflowed leaves less than 2^67.
        carry = 0;
        r0 = add_carry(r0, field_fold, carry);
        r1 += carry;
    }
    return {{r3, r2, r1, r0}};
}

/// Without any help of the processor's.
[[nodiscard, gnu::noinline]] inline FieldElement portable_product(const FieldElement& a,
                                                                  const FieldElement& b) noexcept {
    return field_reduced(full_product(a.n, b.n));
}
[[nodiscard, gnu::noinline]] inline FieldElement portable_square(const FieldElement& a) noexcept {
    return field_reduced(full_square(a.n));
}

[[nodiscard, gnu::always_inline]] inline FieldElement operator*(const FieldElement& a, const FieldElement& b) noexcept {
#if defined(__x86_64__)
    if (has_mulx_adx) [[likely]]
        return {mulx_product(a.n, b.n)};
#endif
    return portable_product(a, b);
}
[[nodiscard, gnu::always_inline]] inline FieldElement squared(const FieldElement& a) noexcept {
#if defined(__x86_64__)
    if (has_mulx_adx) [[likely]]
        return {mulx_square(a.n)};
#endif
    return portable_square(a);
}

[[nodiscard]] inline FieldElement squared_times(FieldElement a, int count) noexcept {
    for (int i = 0; i < count; ++i) a = squared(a);
    return a;
}

/// a^(2^k - 1) for the runs of ones that the exponents below begin with: both are 223 ones, 0, 22 ones, ... in binary.
struct PowerRuns {
    FieldElement x2;
    FieldElement x22;
    FieldElement x223;
};

[[nodiscard]] inline PowerRuns power_runs(const FieldElement& a) noexcept {
    const auto x2 = squared(a) * a;
    const auto x3 = squared(x2) * a;
    const auto x6 = squared_times(x3, 3) * x3;
    const auto x9 = squared_times(x6, 3) * x3;
    const auto x11 = squared_times(x9, 2) * x2;
    const auto x22 = squared_times(x11, 11) * x11;
    const auto x44 = squared_times(x22, 22) * x22;
    const auto x88 = squared_times(x44, 44) * x44;
    const auto x176 = squared_times(x88, 88) * x88;
    const auto x220 = squared_times(x176, 44) * x44;
    return {x2, x22, squared_times(x220, 3) * x3};
}

/// a^((p + 1) / 4): a square root of `a` if it has one. The exponent ends in 4 zeros, 11, 00.
[[nodiscard]] inline FieldElement square_root_candidate(const FieldElement& a) noexcept {
    const auto runs = power_runs(a);
    auto t = squared_times(runs.x223, 23) * runs.x22;
    t = squared_times(t, 6) * runs.x2;
    return squared_times(t, 2);
}

/// a^(p - 2); 0 for 0. The exponent ends in 4 zeros, 101101.
[[nodiscard]] inline FieldElement inverse(const FieldElement& a) noexcept {
    const auto runs = power_runs(a);
    auto t = squared_times(runs.x223, 23) * runs.x22;
    t = squared_times(t, 5) * a;
    t = squared_times(t, 3) * runs.x2;
    return squared_times(t, 2) * a;
}

}  // namespace troupe::secp256k1_detail
