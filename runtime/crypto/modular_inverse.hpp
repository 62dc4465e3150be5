// Inverses modulo an odd number: Pornin, "Optimized Binary GCD for Modular Inversion" (2020), algorithm 2. Takes the
// same course for all values, so that it may be used on secrets.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "runtime/crypto/limb_arithmetic.hpp"

namespace troupe::limb_arithmetic {

namespace inversion {

__extension__ typedef __int128 int128;

/// Steps of the binary algorithm that are done on approximations before the full numbers follow: as many as keep the
/// factors within 32 bits.
inline constexpr unsigned inner_steps = 31;

/// a -> (a f0 + b g0) / 2^31, b -> (a f1 + b g1) / 2^31; f and g are at most 2^31 in absolute sum.
struct Factors {
    std::int64_t f0 = 1;
    std::int64_t g0 = 0;
    std::int64_t f1 = 0;
    std::int64_t g1 = 1;
};

/// The lowest 31 and the highest 33 bits of two numbers, the highest counted from the longer one's first bit; the
/// numbers themselves where both fit 64 bits.
struct Approximations {
    std::uint64_t a;
    std::uint64_t b;
};
template <std::size_t N>
constexpr Approximations approximate(const Limbs<N>& a, const Limbs<N>& b) noexcept {
    std::uint64_t a_high = a[1];
    std::uint64_t a_low = a[0];
    std::uint64_t b_high = b[1];
    std::uint64_t b_low = b[0];
#pragma GCC unroll 8
    for (std::size_t i = 2; i < N; ++i) {
        const auto mask = 0 - static_cast<std::uint64_t>((a[i] | b[i]) != 0);
        a_high ^= mask & (a_high ^ a[i]);
        a_low ^= mask & (a_low ^ a[i - 1]);
        b_high ^= mask & (b_high ^ b[i]);
        b_low ^= mask & (b_low ^ b[i - 1]);
    }
    // The lowest bit keeps countl_zero from asking whether it counts a zero.
    const auto zeros = static_cast<unsigned>(std::countl_zero(a_high | b_high | 1));
    const auto short_mask = 0 - static_cast<std::uint64_t>((a_high | b_high) == 0);
    const auto top = [&](std::uint64_t high, std::uint64_t low) {
        const auto shifted = high << zeros | (low >> 1) >> (63 - zeros);
        return shifted ^ (short_mask & (shifted ^ low));
    };
    constexpr auto low_mask = (std::uint64_t{1} << inner_steps) - 1;
    return {(top(a_high, a_low) & ~low_mask) | (a[0] & low_mask), (top(b_high, b_low) & ~low_mask) | (b[0] & low_mask)};
}

constexpr Factors run_inner_steps(std::uint64_t a, std::uint64_t b) noexcept {
    Factors out;
    for (unsigned i = 0; i < inner_steps; ++i) {
        const auto odd = 0 - (a & 1);
        const auto swap = odd & (0 - static_cast<std::uint64_t>(a < b));
        const auto exchange = [swap](auto& x, auto& y) {
            const auto difference = static_cast<std::uint64_t>(x ^ y) & swap;
            x ^= static_cast<std::remove_reference_t<decltype(x)>>(difference);
            y ^= static_cast<std::remove_reference_t<decltype(y)>>(difference);
        };
        exchange(a, b);
        exchange(out.f0, out.f1);
        exchange(out.g0, out.g1);
        a -= odd & b;
        out.f0 -= static_cast<std::int64_t>(odd) & out.f1;
        out.g0 -= static_cast<std::int64_t>(odd) & out.g1;
        a >>= 1;
        out.f1 *= 2;
        out.g1 *= 2;
    }
    return out;
}

/// low / 2^31 of a number in two's complement of one more limb.
template <std::size_t N>
constexpr void shift_inner_steps(Limbs<N>& low, std::uint64_t high) noexcept {
#pragma GCC unroll 8
    for (std::size_t i = 0; i < N; ++i)
        low[i] = low[i] >> inner_steps | (i + 1 < N ? low[i + 1] : high) << (64 - inner_steps);
}

/// |a f + b g| / 2^31, which is whole. All ones if it was negative.
template <std::size_t N>
constexpr std::uint64_t combine(Limbs<N>& out, const Limbs<N>& a, std::int64_t f, const Limbs<N>& b,
                                std::int64_t g) noexcept {
    int128 sum = 0;
#pragma GCC unroll 8
    for (std::size_t i = 0; i < N; ++i) {
        sum += static_cast<int128>(a[i]) * f + static_cast<int128>(b[i]) * g;
        out[i] = static_cast<std::uint64_t>(sum);
        sum >>= 64;
    }
    const auto high = static_cast<std::uint64_t>(sum);
    const auto negative = 0 - (high >> 63);
    shift_inner_steps(out, high);
    std::uint64_t carry = negative & 1;
#pragma GCC unroll 8
    for (std::size_t i = 0; i < N; ++i) out[i] = add_carry(out[i] ^ negative, 0, carry);
    return negative;
}

/// (a f + b g) / 2^31 mod m, for a and b below m.
template <std::size_t N>
constexpr void combine_mod(Limbs<N>& out, const Limbs<N>& a, std::int64_t f, const Limbs<N>& b, std::int64_t g,
                           const Limbs<N>& m, std::uint64_t inverse) noexcept {
    const auto lowest = a[0] * static_cast<std::uint64_t>(f) + b[0] * static_cast<std::uint64_t>(g);
    const auto factor = static_cast<std::int64_t>(lowest * inverse & ((std::uint64_t{1} << inner_steps) - 1));
    int128 sum = 0;
    Limbs<N> t;
#pragma GCC unroll 8
    for (std::size_t i = 0; i < N; ++i) {
        sum += static_cast<int128>(a[i]) * f + static_cast<int128>(b[i]) * g + static_cast<int128>(m[i]) * factor;
        t[i] = static_cast<std::uint64_t>(sum);
        sum >>= 64;
    }
    const auto high = static_cast<std::uint64_t>(sum);
    const auto negative = 0 - (high >> 63);
    shift_inner_steps(t, high);
    // Between -m and 2 m.
    std::uint64_t carry = 0;
#pragma GCC unroll 8
    for (std::size_t i = 0; i < N; ++i) t[i] = add_carry(t[i], m[i] & negative, carry);
    subtract_once(out, t, m);
}

}  // namespace inversion

/// 1 / a mod m for a below m, an odd number with two free bits and prime to a; zero for zero. `inverse` is -1 / m mod
/// 2^64, `bits` the length of m.
template <std::size_t N>
[[nodiscard]] constexpr Limbs<N> modular_inverse(Limbs<N> a, const Limbs<N>& m, std::uint64_t inverse,
                                                 std::size_t bits) noexcept {
    auto b = m;
    Limbs<N> u{};
    Limbs<N> v{};
    u[0] = 1;
    for (std::size_t steps = 0; steps < 2 * bits - 1; steps += inversion::inner_steps) {
        const auto approximations = inversion::approximate(a, b);
        auto factors = inversion::run_inner_steps(approximations.a, approximations.b);
        Limbs<N> next;
        Limbs<N> next_b;
        const auto a_negative = static_cast<std::int64_t>(inversion::combine(next, a, factors.f0, b, factors.g0));
        const auto b_negative = static_cast<std::int64_t>(inversion::combine(next_b, a, factors.f1, b, factors.g1));
        a = next;
        b = next_b;
        factors.f0 = (factors.f0 ^ a_negative) - a_negative;
        factors.g0 = (factors.g0 ^ a_negative) - a_negative;
        factors.f1 = (factors.f1 ^ b_negative) - b_negative;
        factors.g1 = (factors.g1 ^ b_negative) - b_negative;
        inversion::combine_mod(next, u, factors.f0, v, factors.g0, m, inverse);
        inversion::combine_mod(v, u, factors.f1, v, factors.g1, m, inverse);
        u = next;
    }
    return v;
}

}  // namespace troupe::limb_arithmetic
