// Fixed-size integers as arrays of 64-bit limbs, least significant first: the steps from which prime fields are made.
// Nothing here branches on values. What is written here is portable and serves constant expressions; at run time the
// sizes that matter go to assembly where there is any.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "runtime/base/uint256.hpp"
#include "runtime/crypto/limb_arithmetic_x86.hpp"

namespace troupe::limb_arithmetic {

template <std::size_t N>
using Limbs = std::array<std::uint64_t, N>;

/// accumulator + a * b + carry, which fits 128 bits; the upper half goes to `carry`.
[[nodiscard, gnu::always_inline]] constexpr std::uint64_t multiply_add(std::uint64_t accumulator, std::uint64_t a,
                                                                       std::uint64_t b, std::uint64_t& carry) noexcept {
    const auto t = static_cast<uint128>(a) * b + accumulator + carry;
    carry = static_cast<std::uint64_t>(t >> 64);
    return static_cast<std::uint64_t>(t);
}
/// `carry` is 0 or 1, before and after.
[[nodiscard, gnu::always_inline]] constexpr std::uint64_t add_carry(std::uint64_t a, std::uint64_t b,
                                                                    std::uint64_t& carry) noexcept {
    const auto t = static_cast<uint128>(a) + b + carry;
    carry = static_cast<std::uint64_t>(t >> 64);
    return static_cast<std::uint64_t>(t);
}
/// `borrow` is 0 or 1, before and after.
[[nodiscard, gnu::always_inline]] constexpr std::uint64_t subtract_borrow(std::uint64_t a, std::uint64_t b,
                                                                          std::uint64_t& borrow) noexcept {
    const auto t = static_cast<uint128>(a) - b - borrow;
    borrow = static_cast<std::uint64_t>(t >> 64) & 1;
    return static_cast<std::uint64_t>(t);
}

/// The carry out.
template <std::size_t N>
[[gnu::always_inline]] constexpr std::uint64_t add(Limbs<N>& out, const Limbs<N>& a, const Limbs<N>& b) noexcept {
    std::uint64_t carry = 0;
#pragma GCC unroll 16
    for (std::size_t i = 0; i < N; ++i) out[i] = add_carry(a[i], b[i], carry);
    return carry;
}
/// The borrow out.
template <std::size_t N>
[[gnu::always_inline]] constexpr std::uint64_t subtract(Limbs<N>& out, const Limbs<N>& a, const Limbs<N>& b) noexcept {
    std::uint64_t borrow = 0;
#pragma GCC unroll 16
    for (std::size_t i = 0; i < N; ++i) out[i] = subtract_borrow(a[i], b[i], borrow);
    return borrow;
}
template <std::size_t N>
[[nodiscard]] constexpr bool less(const Limbs<N>& a, const Limbs<N>& b) noexcept {
    Limbs<N> unused;
    return subtract(unused, a, b) != 0;
}
template <std::size_t N>
[[nodiscard, gnu::always_inline]] constexpr Limbs<N> select(bool condition, const Limbs<N>& yes,
                                                            const Limbs<N>& no) noexcept {
    const auto mask = 0 - static_cast<std::uint64_t>(condition);
    Limbs<N> out;
#pragma GCC unroll 16
    for (std::size_t i = 0; i < N; ++i) out[i] = no[i] ^ (mask & (yes[i] ^ no[i]));
    return out;
}
/// Wraps.
template <std::size_t N>
[[nodiscard]] constexpr Limbs<N> add_small(Limbs<N> a, std::uint64_t b) noexcept {
    std::uint64_t carry = 0;
    for (auto& limb : a) {
        limb = add_carry(limb, b, carry);
        b = 0;
    }
    return a;
}
/// `bits` in 1..63.
template <std::size_t N>
[[nodiscard]] constexpr Limbs<N> shift_right(const Limbs<N>& a, unsigned bits) noexcept {
    Limbs<N> out;
    for (std::size_t i = 0; i < N; ++i) out[i] = a[i] >> bits | (i + 1 < N ? a[i + 1] << (64 - bits) : 0);
    return out;
}

/// Rounded down.
template <std::size_t N>
[[nodiscard]] constexpr Limbs<N> divide_small(Limbs<N> a, std::uint64_t divisor) noexcept {
    std::uint64_t remainder = 0;
    for (std::size_t i = N; i-- > 0;) {
        const auto t = static_cast<uint128>(remainder) << 64 | a[i];
        a[i] = static_cast<std::uint64_t>(t / divisor);
        remainder = static_cast<std::uint64_t>(t % divisor);
    }
    return a;
}

/// a mod m for a below 2 m < 2^(64 N).
template <std::size_t N>
[[gnu::always_inline]] constexpr void subtract_once(Limbs<N>& out, const Limbs<N>& a, const Limbs<N>& m) noexcept {
    Limbs<N> less_m;
    const auto borrow = subtract(less_m, a, m);
    out = select(borrow != 0, a, less_m);
}
/// What the functions below compute, in C++ alone.
namespace portable {

template <std::size_t N>
[[gnu::always_inline]] constexpr void add_mod(Limbs<N>& out, const Limbs<N>& a, const Limbs<N>& b,
                                              const Limbs<N>& m) noexcept {
    Limbs<N> sum;
    add(sum, a, b);
    subtract_once(out, sum, m);
}
template <std::size_t N>
[[gnu::always_inline]] constexpr void subtract_mod(Limbs<N>& out, const Limbs<N>& a, const Limbs<N>& b,
                                                   const Limbs<N>& m) noexcept {
    Limbs<N> difference;
    const auto mask = 0 - subtract(difference, a, b);
    std::uint64_t carry = 0;
#pragma GCC unroll 16
    for (std::size_t i = 0; i < N; ++i) out[i] = add_carry(difference[i], m[i] & mask, carry);
}

template <std::size_t N>
[[gnu::always_inline]] constexpr void add_mod_wide(Limbs<2 * N>& out, const Limbs<2 * N>& a, const Limbs<2 * N>& b,
                                                   const Limbs<N>& m) noexcept {
    Limbs<2 * N> shifted{};
    for (std::size_t i = 0; i < N; ++i) shifted[N + i] = m[i];
    Limbs<2 * N> sum;
    add(sum, a, b);
    subtract_once(out, sum, shifted);
}
template <std::size_t N>
[[gnu::always_inline]] constexpr void subtract_mod_wide(Limbs<2 * N>& out, const Limbs<2 * N>& a, const Limbs<2 * N>& b,
                                                        const Limbs<N>& m) noexcept {
    const auto mask = 0 - subtract(out, a, b);
    std::uint64_t carry = 0;
    for (std::size_t i = 0; i < N; ++i) out[N + i] = add_carry(out[N + i], m[i] & mask, carry);
}

template <std::size_t N>
constexpr void multiply(Limbs<2 * N>& out, const Limbs<N>& a, const Limbs<N>& b) noexcept {
    Limbs<2 * N> t{};
    for (std::size_t i = 0; i < N; ++i) {
        std::uint64_t carry = 0;
#pragma GCC unroll 8
        for (std::size_t j = 0; j < N; ++j) t[i + j] = multiply_add(t[i + j], a[j], b[i], carry);
        t[i + N] = carry;
    }
    out = t;
}

/// Without a carry limb: the highest bit of m is clear, so that the two carries of a row add up without overflow
/// (Gnark: "no-carry optimization").
template <std::size_t N>
constexpr void montgomery_multiply(Limbs<N>& out, const Limbs<N>& a, const Limbs<N>& b, const Limbs<N>& m,
                                   std::uint64_t inverse) noexcept {
    Limbs<N> t{};
#pragma GCC unroll 8
    for (std::size_t i = 0; i < N; ++i) {
        std::uint64_t product_carry = 0;
        std::uint64_t reduction_carry = 0;
        const auto low = multiply_add(t[0], a[0], b[i], product_carry);
        const auto factor = low * inverse;
        static_cast<void>(multiply_add(low, factor, m[0], reduction_carry));
#pragma GCC unroll 8
        for (std::size_t j = 1; j < N; ++j) {
            const auto sum = multiply_add(t[j], a[j], b[i], product_carry);
            t[j - 1] = multiply_add(sum, factor, m[j], reduction_carry);
        }
        t[N - 1] = product_carry + reduction_carry;
    }
    subtract_once(out, t, m);
}

template <std::size_t N>
constexpr void montgomery_reduce(Limbs<N>& out, const Limbs<2 * N>& a, const Limbs<N>& m,
                                 std::uint64_t inverse) noexcept {
    Limbs<2 * N> t = a;
    std::uint64_t upper_carry = 0;
#pragma GCC unroll 8
    for (std::size_t i = 0; i < N; ++i) {
        const auto factor = t[i] * inverse;
        std::uint64_t carry = 0;
#pragma GCC unroll 8
        for (std::size_t j = 0; j < N; ++j) t[i + j] = multiply_add(t[i + j], factor, m[j], carry);
        t[i + N] = add_carry(t[i + N], carry, upper_carry);
    }
    Limbs<N> upper;
    for (std::size_t i = 0; i < N; ++i) upper[i] = t[N + i];
    subtract_once(out, upper, m);
}

}  // namespace portable

/// a + b and a - b mod m, for a and b below m.
template <std::size_t N>
[[gnu::always_inline]] constexpr void add_mod(Limbs<N>& out, const Limbs<N>& a, const Limbs<N>& b,
                                              const Limbs<N>& m) noexcept {
    if constexpr (x86::Assembly<N>::exists)
        if (!std::is_constant_evaluated()) return x86::Assembly<N>::add_mod(out.data(), a.data(), b.data(), m.data());
    portable::add_mod(out, a, b, m);
}
template <std::size_t N>
[[gnu::always_inline]] constexpr void subtract_mod(Limbs<N>& out, const Limbs<N>& a, const Limbs<N>& b,
                                                   const Limbs<N>& m) noexcept {
    if constexpr (x86::Assembly<N>::exists)
        if (!std::is_constant_evaluated())
            return x86::Assembly<N>::subtract_mod(out.data(), a.data(), b.data(), m.data());
    portable::subtract_mod(out, a, b, m);
}

/// a + b, whose sum fits.
template <std::size_t N>
[[gnu::always_inline]] constexpr void add_fitting(Limbs<N>& out, const Limbs<N>& a, const Limbs<N>& b) noexcept {
    if constexpr (x86::Assembly<N>::exists)
        if (!std::is_constant_evaluated()) return x86::Assembly<N>::add_fitting(out.data(), a.data(), b.data());
    add(out, a, b);
}

/// a + b and a - b mod m 2^(64 N), for a and b below that: sums of products before they are reduced.
template <std::size_t N>
[[gnu::always_inline]] constexpr void add_mod_wide(Limbs<2 * N>& out, const Limbs<2 * N>& a, const Limbs<2 * N>& b,
                                                   const Limbs<N>& m) noexcept {
    if constexpr (x86::Assembly<N>::exists)
        if (!std::is_constant_evaluated())
            return x86::Assembly<N>::add_mod_wide(out.data(), a.data(), b.data(), m.data());
    portable::add_mod_wide(out, a, b, m);
}
template <std::size_t N>
[[gnu::always_inline]] constexpr void subtract_mod_wide(Limbs<2 * N>& out, const Limbs<2 * N>& a, const Limbs<2 * N>& b,
                                                        const Limbs<N>& m) noexcept {
    if constexpr (x86::Assembly<N>::exists)
        if (!std::is_constant_evaluated())
            return x86::Assembly<N>::subtract_mod_wide(out.data(), a.data(), b.data(), m.data());
    portable::subtract_mod_wide(out, a, b, m);
}

/// a * b; `out` is apart from them.
template <std::size_t N>
[[gnu::always_inline]] constexpr void multiply(Limbs<2 * N>& out, const Limbs<N>& a, const Limbs<N>& b) noexcept {
    if constexpr (x86::Assembly<N>::exists)
        if (!std::is_constant_evaluated() && x86::has_mulx_adx)
            return x86::Assembly<N>::multiply(out.data(), a.data(), b.data());
    portable::multiply(out, a, b);
}

/// a * b / 2^(64 N) mod m, for a below m and any b; `inverse` is -1 / m mod 2^64. The highest bit of m must be clear.
template <std::size_t N>
[[gnu::always_inline]] constexpr void montgomery_multiply(Limbs<N>& out, const Limbs<N>& a, const Limbs<N>& b,
                                                          const Limbs<N>& m, std::uint64_t inverse) noexcept {
    if constexpr (x86::Assembly<N>::exists)
        if (!std::is_constant_evaluated() && x86::has_mulx_adx)
            return x86::Assembly<N>::montgomery_multiply(out.data(), a.data(), b.data(), m.data(), inverse);
    portable::montgomery_multiply(out, a, b, m, inverse);
}

/// a / 2^(64 N) mod m for a below m 2^(64 N).
template <std::size_t N>
[[gnu::always_inline]] constexpr void montgomery_reduce(Limbs<N>& out, const Limbs<2 * N>& a, const Limbs<N>& m,
                                                        std::uint64_t inverse) noexcept {
    if constexpr (x86::Assembly<N>::exists)
        if (!std::is_constant_evaluated() && x86::has_mulx_adx)
            return x86::Assembly<N>::montgomery_reduce(out.data(), a.data(), m.data(), inverse);
    portable::montgomery_reduce(out, a, m, inverse);
}

}  // namespace troupe::limb_arithmetic
