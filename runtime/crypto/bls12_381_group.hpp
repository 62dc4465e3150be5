// The groups G1 and G2 of BLS12-381: subgroups of prime order r of E1: y^2 = x^3 + 4 over Fp and of its sextic twist
// E2: y^2 = x^3 + 4 (1 + u) over Fp2.
#pragma once

#include <array>
#include <cstdint>

#include "runtime/crypto/bls12_381_field.hpp"
#include "runtime/crypto/short_weierstrass.hpp"

namespace troupe::bls12_381 {

struct G1Curve {
    using Field = Fp;
    static constexpr Fp b = Fp::from_uint64(4);
    static constexpr Fp multiply_by_3b(const Fp& a) noexcept {
        const auto quadruple = a.doubled().doubled();
        return quadruple.doubled() + quadruple;
    }
};
struct G2Curve {
    using Field = Fp2;
    static constexpr Fp2 b{Fp::from_uint64(4), Fp::from_uint64(4)};
    static constexpr Fp2 multiply_by_3b(const Fp2& a) noexcept {
        const auto quadruple = Tower::multiply_by_nonresidue(a).doubled().doubled();
        return quadruple.doubled() + quadruple;
    }
};

using G1Affine = AffinePoint<G1Curve>;
using G1 = JacobianPoint<G1Curve>;
using G2Affine = AffinePoint<G2Curve>;
using G2 = JacobianPoint<G2Curve>;

extern const G1Affine g1_generator;
extern const G2Affine g2_generator;

/// Endomorphisms that multiply in constant time a point of G1 by -x^2, of G2 by x, the curve's (negative) parameter.
/// The first is x -> beta x for a cube root of unity, the second untwists, takes the Frobenius map and twists.
[[nodiscard]] G1Affine phi(const G1Affine& point) noexcept;
[[nodiscard]] G1 phi(const G1& point) noexcept;
[[nodiscard]] G2Affine psi(const G2Affine& point) noexcept;
[[nodiscard]] G2 psi(const G2& point) noexcept;

/// |x| times any point of the curve. Not for secret points.
[[nodiscard]] G1 multiply_by_x_abs(const G1& point) noexcept;
[[nodiscard]] G2 multiply_by_x_abs(const G2& point) noexcept;

/// Whether a point of the curve is of order r or infinity (Scott, "A note on group membership tests for G1, G2 and GT
/// on BLS pairing-friendly curves", 2021). Not for secret points.
[[nodiscard]] bool is_in_subgroup(const G1Affine& point) noexcept;
[[nodiscard]] bool is_in_subgroup(const G2Affine& point) noexcept;

/// The multiple by the effective cofactor of RFC 9380, section 8.8, of any point of the curve.
[[nodiscard]] G1 clear_cofactor(const G1& point) noexcept;
/// (Budroni and Pintore, "Efficient hash maps to G2 on BLS curves", 2017; RFC 9380, appendix G.3.)
[[nodiscard]] G2 clear_cofactor(const G2& point) noexcept;

/// d with d0 + d1 |x| + d2 |x|^2 + d3 |x|^3 = scalar, for a scalar below r; digits are below |x|. Constant-time.
[[nodiscard]] std::array<std::uint64_t, 4> digits_of_x_abs(const Fr::Limbs& scalar) noexcept;

/// `scalar` times a point of the group. Not for secrets.
[[nodiscard]] G1 multiply(const G1Affine& point, const Fr& scalar) noexcept;
[[nodiscard]] G2 multiply(const G2Affine& point, const Fr& scalar) noexcept;

/// `scalar` times a point of the group, in a course of instructions and memory addresses that depends on neither,
/// except that a result of infinity shows.
[[nodiscard]] G1Affine multiply_secret(const G1Affine& point, const Fr& scalar) noexcept;
[[nodiscard]] G2Affine multiply_secret(const G2Affine& point, const Fr& scalar) noexcept;

}  // namespace troupe::bls12_381
