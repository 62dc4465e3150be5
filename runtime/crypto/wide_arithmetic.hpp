// Steps of multi-limb arithmetic with carries in registers, written out because compilers do not unroll loops over
// carries well. For secp256k1_*.cpp only.
#pragma once

#include <array>
#include <cstdint>

#include <immintrin.h>

#include "runtime/base/uint256.hpp"

namespace troupe::secp256k1_detail {

using Wide = std::array<std::uint64_t, 8>;

/// accumulator + a * b + carry, which fits 128 bits; the upper half goes to `carry`.
[[nodiscard, gnu::always_inline]] inline std::uint64_t multiply_add(std::uint64_t accumulator, std::uint64_t a,
                                                                    std::uint64_t b, std::uint64_t& carry) noexcept {
    const auto t = static_cast<uint128>(a) * b + accumulator + carry;
    carry = static_cast<std::uint64_t>(t >> 64);
    return static_cast<std::uint64_t>(t);
}

/// 0 or 1.
using Carry = unsigned char;

/// a + b + carry.
[[nodiscard, gnu::always_inline]] inline std::uint64_t add_carry(std::uint64_t a, std::uint64_t b,
                                                                 Carry& carry) noexcept {
    unsigned long long sum = 0;
    carry = _addcarry_u64(carry, a, b, &sum);
    return sum;
}

/// a - b - borrow.
[[nodiscard, gnu::always_inline]] inline std::uint64_t subtract_borrow(std::uint64_t a, std::uint64_t b,
                                                                       Carry& borrow) noexcept {
    unsigned long long difference = 0;
    borrow = _subborrow_u64(borrow, a, b, &difference);
    return difference;
}

[[nodiscard, gnu::always_inline]] inline Wide full_product(const uint256& x, const uint256& y) noexcept {
    const auto [a0, a1, a2, a3] = x.limb;
    const auto [b0, b1, b2, b3] = y.limb;
    Wide r;
    std::uint64_t carry = 0;
    r[0] = multiply_add(0, a0, b0, carry);
    r[1] = multiply_add(0, a1, b0, carry);
    r[2] = multiply_add(0, a2, b0, carry);
    r[3] = multiply_add(0, a3, b0, carry);
    r[4] = carry;
    carry = 0;
    r[1] = multiply_add(r[1], a0, b1, carry);
    r[2] = multiply_add(r[2], a1, b1, carry);
    r[3] = multiply_add(r[3], a2, b1, carry);
    r[4] = multiply_add(r[4], a3, b1, carry);
    r[5] = carry;
    carry = 0;
    r[2] = multiply_add(r[2], a0, b2, carry);
    r[3] = multiply_add(r[3], a1, b2, carry);
    r[4] = multiply_add(r[4], a2, b2, carry);
    r[5] = multiply_add(r[5], a3, b2, carry);
    r[6] = carry;
    carry = 0;
    r[3] = multiply_add(r[3], a0, b3, carry);
    r[4] = multiply_add(r[4], a1, b3, carry);
    r[5] = multiply_add(r[5], a2, b3, carry);
    r[6] = multiply_add(r[6], a3, b3, carry);
    r[7] = carry;
    return r;
}

/// Products of different limbs once and doubled, then the squares of the limbs.
[[nodiscard, gnu::always_inline]] inline Wide full_square(const uint256& x) noexcept {
    const auto [a0, a1, a2, a3] = x.limb;
    Wide r;
    std::uint64_t carry = 0;
    r[1] = multiply_add(0, a0, a1, carry);
    r[2] = multiply_add(0, a0, a2, carry);
    r[3] = multiply_add(0, a0, a3, carry);
    r[4] = carry;
    carry = 0;
    r[3] = multiply_add(r[3], a1, a2, carry);
    r[4] = multiply_add(r[4], a1, a3, carry);
    r[5] = carry;
    carry = 0;
    r[5] = multiply_add(r[5], a2, a3, carry);
    r[6] = carry;
    r[7] = r[6] >> 63;
    r[6] = r[6] << 1 | r[5] >> 63;
    r[5] = r[5] << 1 | r[4] >> 63;
    r[4] = r[4] << 1 | r[3] >> 63;
    r[3] = r[3] << 1 | r[2] >> 63;
    r[2] = r[2] << 1 | r[1] >> 63;
    r[1] = r[1] << 1;
    const auto d0 = static_cast<uint128>(a0) * a0;
    const auto d1 = static_cast<uint128>(a1) * a1;
    const auto d2 = static_cast<uint128>(a2) * a2;
    const auto d3 = static_cast<uint128>(a3) * a3;
    Carry over = 0;
    r[0] = static_cast<std::uint64_t>(d0);
    r[1] = add_carry(r[1], static_cast<std::uint64_t>(d0 >> 64), over);
    r[2] = add_carry(r[2], static_cast<std::uint64_t>(d1), over);
    r[3] = add_carry(r[3], static_cast<std::uint64_t>(d1 >> 64), over);
    r[4] = add_carry(r[4], static_cast<std::uint64_t>(d2), over);
    r[5] = add_carry(r[5], static_cast<std::uint64_t>(d2 >> 64), over);
    r[6] = add_carry(r[6], static_cast<std::uint64_t>(d3), over);
    r[7] = add_carry(r[7], static_cast<std::uint64_t>(d3 >> 64), over);
    return r;
}

}  // namespace troupe::secp256k1_detail
