// The inverse modulo an odd prime, fast and in a time that depends on the value: for public data only.
// Bernstein and Yang, "Fast constant-time gcd computation and modular inversion" (2019), in the variable-time form in
// which runs of halving steps are taken at once.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "runtime/base/uint256.hpp"

namespace troupe {
namespace public_inverse_detail {

__extension__ typedef __int128 int128;

/// Steps taken with the lowest words alone before they are applied to the whole numbers.
inline constexpr int batch = 62;
inline constexpr std::uint64_t batch_mask = (std::uint64_t{1} << batch) - 1;

/// Two's complement: `batch` bits a limb, the highest one signed.
template <std::size_t L>
using Signed = std::array<std::int64_t, L>;

/// 2^batch times what a batch makes of (f, g) is (u f + v g, q f + r g).
struct Matrix {
    std::int64_t u = 1;
    std::int64_t v = 0;
    std::int64_t q = 0;
    std::int64_t r = 1;
};

/// f is odd. `eta` is minus the paper's delta.
[[nodiscard]] inline Matrix take_steps(std::int64_t& eta, std::uint64_t f, std::uint64_t g) noexcept {
    // Wrapping: the entries stay within 2^62, but products of bits that do not count pass.
    std::uint64_t u = 1;
    std::uint64_t v = 0;
    std::uint64_t q = 0;
    std::uint64_t r = 1;
    for (int left = batch;;) {
        const auto zeros = std::countr_zero(g | (~std::uint64_t{0} << left));
        g >>= zeros;
        u <<= zeros;
        v <<= zeros;
        eta -= zeros;
        left -= zeros;
        if (left == 0) break;
        if (eta < 0) {
            eta = -eta;
            f = std::exchange(g, 0 - f);
            u = std::exchange(q, 0 - u);
            v = std::exchange(r, 0 - v);
        }
        // The multiple of f that clears the lowest bits of g, up to eight, before f and g change places again.
        const auto bits = std::min({eta + 1, static_cast<std::int64_t>(left), std::int64_t{8}});
        // 1 / f modulo 16, then modulo 256.
        auto inverse = f + (((f + 1) & 4) << 1);
        inverse *= 2 - f * inverse;
        const auto w = (0 - g * inverse) & ((std::uint64_t{1} << bits) - 1);
        g += f * w;
        q += u * w;
        r += v * w;
    }
    return {static_cast<std::int64_t>(u), static_cast<std::int64_t>(v), static_cast<std::int64_t>(q),
            static_cast<std::int64_t>(r)};
}

/// (f, g) becomes the matrix times it, by 2^batch, which divides it.
template <std::size_t L>
void apply(Signed<L>& f, Signed<L>& g, const Matrix& m) noexcept {
    int128 new_f = static_cast<int128>(m.u) * f[0] + static_cast<int128>(m.v) * g[0];
    int128 new_g = static_cast<int128>(m.q) * f[0] + static_cast<int128>(m.r) * g[0];
    for (std::size_t i = 1; i < L; ++i) {
        new_f = (new_f >> batch) + static_cast<int128>(m.u) * f[i] + static_cast<int128>(m.v) * g[i];
        new_g = (new_g >> batch) + static_cast<int128>(m.q) * f[i] + static_cast<int128>(m.r) * g[i];
        f[i - 1] = static_cast<std::int64_t>(static_cast<std::uint64_t>(new_f) & batch_mask);
        g[i - 1] = static_cast<std::int64_t>(static_cast<std::uint64_t>(new_g) & batch_mask);
    }
    f[L - 1] = static_cast<std::int64_t>(new_f >> batch);
    g[L - 1] = static_cast<std::int64_t>(new_g >> batch);
}

/// The same modulo `modulus`, of which a multiple makes the division even. In and out: above -2 moduli, below one.
template <std::size_t L>
void apply_modulo(Signed<L>& d, Signed<L>& e, const Matrix& m, const Signed<L>& modulus,
                  std::uint64_t modulus_inverse) noexcept {
    const auto d_sign = d[L - 1] >> 63;
    const auto e_sign = e[L - 1] >> 63;
    // One modulus for each negative number, so that the results do not fall below -2 moduli.
    auto d_multiple = (m.u & d_sign) + (m.v & e_sign);
    auto e_multiple = (m.q & d_sign) + (m.r & e_sign);
    int128 new_d = static_cast<int128>(m.u) * d[0] + static_cast<int128>(m.v) * e[0];
    int128 new_e = static_cast<int128>(m.q) * d[0] + static_cast<int128>(m.r) * e[0];
    const auto to_even = [&](int128 value, std::int64_t multiple) {
        const auto correction =
            (modulus_inverse * static_cast<std::uint64_t>(value) + static_cast<std::uint64_t>(multiple)) & batch_mask;
        return multiple - static_cast<std::int64_t>(correction);
    };
    d_multiple = to_even(new_d, d_multiple);
    e_multiple = to_even(new_e, e_multiple);
    new_d += static_cast<int128>(modulus[0]) * d_multiple;
    new_e += static_cast<int128>(modulus[0]) * e_multiple;
    for (std::size_t i = 1; i < L; ++i) {
        new_d = (new_d >> batch) + static_cast<int128>(m.u) * d[i] + static_cast<int128>(m.v) * e[i] +
                static_cast<int128>(modulus[i]) * d_multiple;
        new_e = (new_e >> batch) + static_cast<int128>(m.q) * d[i] + static_cast<int128>(m.r) * e[i] +
                static_cast<int128>(modulus[i]) * e_multiple;
        d[i - 1] = static_cast<std::int64_t>(static_cast<std::uint64_t>(new_d) & batch_mask);
        e[i - 1] = static_cast<std::int64_t>(static_cast<std::uint64_t>(new_e) & batch_mask);
    }
    d[L - 1] = static_cast<std::int64_t>(new_d >> batch);
    e[L - 1] = static_cast<std::int64_t>(new_e >> batch);
}

template <std::size_t L, std::size_t N>
[[nodiscard]] constexpr Signed<L> to_signed(const std::array<std::uint64_t, N>& a) noexcept {
    Signed<L> out{};
    for (std::size_t i = 0; i < L; ++i) {
        const auto bit = i * batch;
        std::uint64_t limb = bit / 64 < N ? a[bit / 64] >> (bit % 64) : 0;
        if (bit % 64 > 64 - batch && bit / 64 + 1 < N) limb |= a[bit / 64 + 1] << (64 - bit % 64);
        out[i] = static_cast<std::int64_t>(limb & batch_mask);
    }
    return out;
}

template <std::size_t L>
void negate(Signed<L>& a) noexcept {
    std::int64_t carry = 0;
    for (std::size_t i = 0; i < L; ++i) {
        carry -= a[i];
        a[i] = i + 1 < L ? static_cast<std::int64_t>(static_cast<std::uint64_t>(carry) & batch_mask) : carry;
        carry >>= batch;
    }
}
template <std::size_t L>
void add(Signed<L>& a, const Signed<L>& b) noexcept {
    std::int64_t carry = 0;
    for (std::size_t i = 0; i < L; ++i) {
        carry += a[i] + b[i];
        a[i] = i + 1 < L ? static_cast<std::int64_t>(static_cast<std::uint64_t>(carry) & batch_mask) : carry;
        carry >>= batch;
    }
}

}  // namespace public_inverse_detail

/// Of zero: zero. `Field` is a PrimeField.
template <class Field>
[[nodiscard]] Field public_inverse(const Field& a) noexcept {
    using namespace public_inverse_detail;
    constexpr auto limbs = Field::limbs;
    // Room for a sign and a factor of two.
    constexpr auto L = (64 * limbs + batch - 1) / batch;
    static_assert(L * batch >= Field::modulus_bits + 2);
    static constexpr auto modulus = to_signed<L>(Field::modulus);
    static constexpr auto modulus_inverse = [] {
        std::uint64_t x = Field::modulus[0];
        for (int i = 0; i < 6; ++i) x *= 2 - Field::modulus[0] * x;
        return x & batch_mask;
    }();
    auto f = modulus;
    auto g = to_signed<L>(a.montgomery());
    // At each point d * a = f and e * a = g modulo the prime.
    Signed<L> d{};
    Signed<L> e{1};
    std::int64_t eta = -1;
    while (std::any_of(g.begin(), g.end(), [](auto limb) { return limb != 0; })) {
        const auto matrix =
            take_steps(eta, static_cast<std::uint64_t>(f[0]) | static_cast<std::uint64_t>(f[1]) << batch,
                       static_cast<std::uint64_t>(g[0]) | static_cast<std::uint64_t>(g[1]) << batch);
        apply_modulo(d, e, matrix, modulus, modulus_inverse);
        apply(f, g, matrix);
    }
    // f is 1 or -1 (or, for zero, the modulus, and then d is zero).
    if (f[L - 1] < 0) negate(d);
    while (d[L - 1] < 0) add(d, modulus);
    typename Field::Limbs inverse{};
    for (std::size_t i = 0; i < L; ++i) {
        const auto bit = i * batch;
        inverse[bit / 64] |= static_cast<std::uint64_t>(d[i]) << (bit % 64);
        if (bit % 64 > 64 - batch && bit / 64 + 1 < limbs)
            inverse[bit / 64 + 1] |= static_cast<std::uint64_t>(d[i]) >> (64 - bit % 64);
    }
    // The inverse of the Montgomery form: twice the factor 2^(64 limbs) is missing. `from_limbs` reduces.
    return Field::from_limbs(Field::from_limbs(inverse).montgomery());
}

}  // namespace troupe
