// The extension fields of pairing-friendly curves with embedding degree 12, as the usual tower
//   Fp2  = Fp[u]  / (u^2 + 1)
//   Fp6  = Fp2[v] / (v^3 - xi)     xi is the curve's non-residue: 1 + u for BLS12-381, 9 + u for BN254
//   Fp12 = Fp6[w] / (w^2 - v)
// Formulas: Devegili et al., "Multiplication and Squaring on Pairing-Friendly Fields" (2006); Granger and Scott,
// "Faster Squaring in the Cyclotomic Subgroup of Sixth Degree Extensions" (2009). Time does not depend on values,
// except in functions whose comment says so.
//
// `Tower`, a curve's description, gives
//   Field                                   the base field, a PrimeField with two free bits, p = 3 mod 4
//   multiply_by_nonresidue(Fp2<Field>)      times xi
//   frobenius_coefficients[k], k in 0..5    xi^(k (p - 1) / 6)
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "runtime/crypto/prime_field.hpp"

namespace troupe {

template <class Field>
struct Fp2 {
    using Base = Field;

    Field c0;
    Field c1;

    [[nodiscard]] static constexpr Fp2 zero() noexcept { return {}; }
    [[nodiscard]] static constexpr Fp2 one() noexcept { return {Field::one(), Field::zero()}; }

    [[nodiscard]] constexpr bool is_zero() const noexcept { return c0.is_zero() & c1.is_zero(); }
    [[nodiscard]] constexpr bool is_one() const noexcept { return c0.is_one() & c1.is_zero(); }
    constexpr bool operator==(const Fp2& b) const noexcept { return (c0 == b.c0) & (c1 == b.c1); }
    [[nodiscard]] static constexpr Fp2 select(bool condition, const Fp2& yes, const Fp2& no) noexcept {
        return {Field::select(condition, yes.c0, no.c0), Field::select(condition, yes.c1, no.c1)};
    }

    [[nodiscard]] friend constexpr Fp2 operator+(const Fp2& a, const Fp2& b) noexcept {
        return {a.c0 + b.c0, a.c1 + b.c1};
    }
    [[nodiscard]] friend constexpr Fp2 operator-(const Fp2& a, const Fp2& b) noexcept {
        return {a.c0 - b.c0, a.c1 - b.c1};
    }
    [[nodiscard]] constexpr Fp2 operator-() const noexcept { return {-c0, -c1}; }
    [[nodiscard]] constexpr Fp2 doubled() const noexcept { return {c0.doubled(), c1.doubled()}; }
    /// Karatsuba; each coordinate is reduced once.
    [[nodiscard]] friend constexpr Fp2 operator*(const Fp2& a, const Fp2& b) noexcept {
        static_assert(Field::modulus_bits <= 64 * Field::limbs - 2, "products of unreduced sums must fit");
        const auto v0 = Field::multiply_wide(a.c0.montgomery(), b.c0.montgomery());
        const auto v1 = Field::multiply_wide(a.c1.montgomery(), b.c1.montgomery());
        auto cross = Field::multiply_wide(unreduced_sum(a), unreduced_sum(b));
        limb_arithmetic::subtract_mod_wide(cross, cross, v0, Field::modulus);
        limb_arithmetic::subtract_mod_wide(cross, cross, v1, Field::modulus);
        return {Field::reduce(Field::subtract_wide(v0, v1)), Field::reduce(cross)};
    }
    [[nodiscard]] friend constexpr Fp2 operator*(const Fp2& a, const Field& b) noexcept { return {a.c0 * b, a.c1 * b}; }
    [[nodiscard]] constexpr Fp2 squared() const noexcept {
        const auto product = c0 * c1;
        return {(c0 + c1) * (c0 - c1), product.doubled()};
    }
    constexpr Fp2& operator+=(const Fp2& b) noexcept {
        c0 += b.c0;
        c1 += b.c1;
        return *this;
    }
    constexpr Fp2& operator-=(const Fp2& b) noexcept {
        c0 -= b.c0;
        c1 -= b.c1;
        return *this;
    }
    constexpr Fp2& operator*=(const Fp2& b) noexcept { return *this = *this * b; }

    /// Also the Frobenius map, since p = 3 mod 4.
    [[nodiscard]] constexpr Fp2 conjugate() const noexcept { return {c0, -c1}; }
    [[nodiscard]] constexpr Field norm() const noexcept { return c0.squared() + c1.squared(); }
    /// Of zero: zero.
    [[nodiscard]] constexpr Fp2 inverse() const noexcept {
        const auto scale = norm().inverse();
        return {c0 * scale, -(c1 * scale)};
    }
    /// Time depends on the exponent (least significant limb first), not on the base.
    [[nodiscard]] constexpr Fp2 power(std::span<const std::uint64_t> exponent) const noexcept {
        auto out = one();
        for (std::size_t i = 64 * exponent.size(); i-- > 0;) {
            out = out.squared();
            if ((exponent[i / 64] >> (i % 64) & 1) != 0) out *= *this;
        }
        return out;
    }
    /// One of the two square roots; nothing for a non-residue. Not for secrets.
    /// Complex method: with n^2 the norm, the root's real part is the root of (c0 + n) / 2 or of (c0 - n) / 2, whose
    /// product is -c1^2 / 4: exactly one of them is a square, and the negative of the other.
    [[nodiscard]] constexpr std::optional<Fp2> square_root() const noexcept {
        const auto norm_root = norm().square_root();
        if (!norm_root) return std::nullopt;
        auto t = c0 + *norm_root;
        if (t.is_zero()) t = c0 - *norm_root;
        t = half(t);
        const auto inverse_root = t.inverse_square_root();
        const auto part = t * inverse_root;
        const auto other = half(c1 * inverse_root);
        return part.squared() == t ? Fp2{part, other} : Fp2{other, -part};
    }

private:
    [[nodiscard]] static constexpr Field half(const Field& a) noexcept {
        constexpr auto one_half = Field::from_uint64(2).inverse();
        return a * one_half;
    }
    [[nodiscard]] static constexpr typename Field::Limbs unreduced_sum(const Fp2& a) noexcept {
        typename Field::Limbs sum;
        limb_arithmetic::add_fitting(sum, a.c0.montgomery(), a.c1.montgomery());
        return sum;
    }
};

template <class Tower>
struct Fp6 {
    using Coefficient = Fp2<typename Tower::Field>;

    Coefficient c0;
    Coefficient c1;
    Coefficient c2;

    [[nodiscard]] static constexpr Fp6 zero() noexcept { return {}; }
    [[nodiscard]] static constexpr Fp6 one() noexcept { return {Coefficient::one(), {}, {}}; }

    [[nodiscard]] constexpr bool is_zero() const noexcept { return c0.is_zero() & c1.is_zero() & c2.is_zero(); }
    constexpr bool operator==(const Fp6& b) const noexcept { return (c0 == b.c0) & (c1 == b.c1) & (c2 == b.c2); }

    [[nodiscard]] friend constexpr Fp6 operator+(const Fp6& a, const Fp6& b) noexcept {
        return {a.c0 + b.c0, a.c1 + b.c1, a.c2 + b.c2};
    }
    [[nodiscard]] friend constexpr Fp6 operator-(const Fp6& a, const Fp6& b) noexcept {
        return {a.c0 - b.c0, a.c1 - b.c1, a.c2 - b.c2};
    }
    [[nodiscard]] constexpr Fp6 operator-() const noexcept { return {-c0, -c1, -c2}; }
    [[nodiscard]] constexpr Fp6 doubled() const noexcept { return {c0.doubled(), c1.doubled(), c2.doubled()}; }
    [[nodiscard]] friend constexpr Fp6 operator*(const Fp6& a, const Fp6& b) noexcept {
        const auto v0 = a.c0 * b.c0;
        const auto v1 = a.c1 * b.c1;
        const auto v2 = a.c2 * b.c2;
        return {v0 + xi((a.c1 + a.c2) * (b.c1 + b.c2) - v1 - v2), (a.c0 + a.c1) * (b.c0 + b.c1) - v0 - v1 + xi(v2),
                (a.c0 + a.c2) * (b.c0 + b.c2) - v0 - v2 + v1};
    }
    /// Chung and Hasan's SQR2.
    [[nodiscard]] constexpr Fp6 squared() const noexcept {
        const auto s0 = c0.squared();
        const auto s1 = (c0 * c1).doubled();
        const auto s2 = (c0 - c1 + c2).squared();
        const auto s3 = (c1 * c2).doubled();
        const auto s4 = c2.squared();
        return {s0 + xi(s3), s1 + xi(s4), s1 + s2 + s3 - s0 - s4};
    }
    [[nodiscard]] friend constexpr Fp6 operator*(const Fp6& a, const Coefficient& b) noexcept {
        return {a.c0 * b, a.c1 * b, a.c2 * b};
    }
    /// Times b0 + b1 v.
    [[nodiscard]] constexpr Fp6 multiply_by_01(const Coefficient& b0, const Coefficient& b1) const noexcept {
        const auto v0 = c0 * b0;
        const auto v1 = c1 * b1;
        return {v0 + xi((c1 + c2) * b1 - v1), (c0 + c1) * (b0 + b1) - v0 - v1, (c0 + c2) * b0 - v0 + v1};
    }
    /// Times b1 v.
    [[nodiscard]] constexpr Fp6 multiply_by_1(const Coefficient& b1) const noexcept {
        return {xi(c2 * b1), c0 * b1, c1 * b1};
    }
    /// Times v.
    [[nodiscard]] constexpr Fp6 multiply_by_v() const noexcept { return {xi(c2), c0, c1}; }
    /// Of zero: zero.
    [[nodiscard]] constexpr Fp6 inverse() const noexcept {
        const auto t0 = c0.squared() - xi(c1 * c2);
        const auto t1 = xi(c2.squared()) - c0 * c1;
        const auto t2 = c1.squared() - c0 * c2;
        const auto scale = (c0 * t0 + xi(c2 * t1 + c1 * t2)).inverse();
        return {t0 * scale, t1 * scale, t2 * scale};
    }

private:
    [[nodiscard]] static constexpr Coefficient xi(const Coefficient& a) noexcept {
        return Tower::multiply_by_nonresidue(a);
    }
};

template <class Tower>
struct Fp12 {
    using Half = Fp6<Tower>;
    using Coefficient = typename Half::Coefficient;

    Half c0;
    Half c1;

    [[nodiscard]] static constexpr Fp12 one() noexcept { return {Half::one(), {}}; }
    [[nodiscard]] constexpr bool is_one() const noexcept { return *this == one(); }
    constexpr bool operator==(const Fp12& b) const noexcept { return (c0 == b.c0) & (c1 == b.c1); }

    [[nodiscard]] friend constexpr Fp12 operator*(const Fp12& a, const Fp12& b) noexcept {
        const auto v0 = a.c0 * b.c0;
        const auto v1 = a.c1 * b.c1;
        return {v0 + v1.multiply_by_v(), (a.c0 + a.c1) * (b.c0 + b.c1) - v0 - v1};
    }
    constexpr Fp12& operator*=(const Fp12& b) noexcept { return *this = *this * b; }
    /// Complex squaring.
    [[nodiscard]] constexpr Fp12 squared() const noexcept {
        const auto v = c0 * c1;
        return {(c0 + c1) * (c0 + c1.multiply_by_v()) - v - v.multiply_by_v(), v.doubled()};
    }
    /// Times b0 + b1 v + b4 v w: a line on an M-type twist (BLS12-381).
    [[nodiscard]] constexpr Fp12 multiply_by_014(const Coefficient& b0, const Coefficient& b1,
                                                 const Coefficient& b4) const noexcept {
        const auto v0 = c0.multiply_by_01(b0, b1);
        const auto v1 = c1.multiply_by_1(b4);
        return {v0 + v1.multiply_by_v(), (c0 + c1).multiply_by_01(b0, b1 + b4) - v0 - v1};
    }
    /// Times b0 + b3 w + b4 v w: a line on a D-type twist (BN254).
    [[nodiscard]] constexpr Fp12 multiply_by_034(const Coefficient& b0, const Coefficient& b3,
                                                 const Coefficient& b4) const noexcept {
        const auto v0 = c0 * b0;
        const auto v1 = c1.multiply_by_01(b3, b4);
        return {v0 + v1.multiply_by_v(), (c0 + c1).multiply_by_01(b0 + b3, b4) - v0 - v1};
    }
    /// The Frobenius map taken six times. The inverse, for elements of norm 1 over Fp6 (all of the cyclotomic
    /// subgroup).
    [[nodiscard]] constexpr Fp12 conjugate() const noexcept { return {c0, -c1}; }
    /// Of zero: zero.
    [[nodiscard]] constexpr Fp12 inverse() const noexcept {
        const auto scale = (c0.squared() - c1.squared().multiply_by_v()).inverse();
        return {c0 * scale, -(c1 * scale)};
    }
    /// To the power p.
    [[nodiscard]] constexpr Fp12 frobenius() const noexcept {
        const auto& gamma = Tower::frobenius_coefficients;
        return {{c0.c0.conjugate(), c0.c1.conjugate() * gamma[2], c0.c2.conjugate() * gamma[4]},
                {c1.c0.conjugate() * gamma[1], c1.c1.conjugate() * gamma[3], c1.c2.conjugate() * gamma[5]}};
    }

    /// The square, for elements of the cyclotomic subgroup only: those to a power of (p^6 - 1)(p^2 + 1).
    [[nodiscard]] constexpr Fp12 cyclotomic_squared() const noexcept {
        const auto a = square_pair(c0.c0, c1.c1);
        const auto b = square_pair(c1.c0, c0.c2);
        const auto c = square_pair(c0.c1, c1.c2);
        const auto xi_c1 = Tower::multiply_by_nonresidue(c.c1);
        return {{minus(a.c0, c0.c0), minus(b.c0, c0.c1), minus(c.c0, c0.c2)},
                {plus(xi_c1, c1.c0), plus(a.c1, c1.c1), plus(b.c1, c1.c2)}};
    }
    /// For elements of the cyclotomic subgroup only. Time depends on the exponent.
    [[nodiscard]] constexpr Fp12 cyclotomic_power(std::uint64_t exponent) const noexcept {
        if (exponent == 0) return one();
        auto out = *this;
        for (auto bit = std::bit_floor(exponent) >> 1; bit != 0; bit >>= 1) {
            out = out.cyclotomic_squared();
            if ((exponent & bit) != 0) out *= *this;
        }
        return out;
    }

private:
    struct Pair {
        Coefficient c0;
        Coefficient c1;
    };
    /// (a + b y)^2 with y^2 = xi.
    [[nodiscard]] static constexpr Pair square_pair(const Coefficient& a, const Coefficient& b) noexcept {
        const auto aa = a.squared();
        const auto bb = b.squared();
        return {aa + Tower::multiply_by_nonresidue(bb), (a + b).squared() - aa - bb};
    }
    /// 3 t - 2 a and 3 t + 2 a.
    [[nodiscard]] static constexpr Coefficient minus(const Coefficient& t, const Coefficient& a) noexcept {
        return (t - a).doubled() + t;
    }
    [[nodiscard]] static constexpr Coefficient plus(const Coefficient& t, const Coefficient& a) noexcept {
        return (t + a).doubled() + t;
    }
};

}  // namespace troupe
