// Points of secp256k1, y^2 = x^3 + 7. For secp256k1_*.cpp only. Not constant-time: it never sees a secret.
#pragma once

#include <optional>

#include "runtime/crypto/secp256k1_field.hpp"

namespace troupe::secp256k1_detail {

/// Never the point at infinity.
struct AffinePoint {
    FieldElement x;
    FieldElement y;
};

/// (x / z^2, y / z^3).
struct JacobianPoint {
    FieldElement x;
    FieldElement y;
    FieldElement z;
    bool infinity = true;
};

[[nodiscard]] inline FieldElement curve_equation(const FieldElement& x) noexcept {
    return squared(x) * x + FieldElement{7};
}

/// Nothing if the coordinates are not below p or not on the curve.
[[nodiscard]] inline std::optional<AffinePoint> point_from(const uint256& x, const uint256& y) noexcept {
    if (x >= field_prime || y >= field_prime) return std::nullopt;
    const AffinePoint point{{x}, {y}};
    if (!is_zero(squared(point.y) - curve_equation(point.x))) return std::nullopt;
    return point;
}

/// The point with that x and parity of y; nothing if there is none. x is below p.
[[nodiscard]] inline std::optional<AffinePoint> point_with_x(const uint256& x, bool odd_y) noexcept {
    const auto right = curve_equation({x});
    const auto y = square_root_candidate(right);
    if (!is_zero(squared(y) - right)) return std::nullopt;
    return AffinePoint{{x}, is_odd(y) == odd_y ? y : negated(y)};
}

[[nodiscard]] inline AffinePoint negated(const AffinePoint& a) noexcept { return {a.x, negated(a.y)}; }

[[nodiscard]] inline JacobianPoint doubled(const JacobianPoint& a) noexcept {
    if (a.infinity) return a;
    const auto y2 = squared(a.y);
    const auto twice_y2 = y2 + y2;
    const auto xy2 = a.x * twice_y2;
    const auto s = xy2 + xy2;  // 4 x y^2
    const auto x2 = squared(a.x);
    const auto m = x2 + x2 + x2;
    const auto yz = a.y * a.z;
    const auto y4 = squared(twice_y2);  // 4 y^4
    JacobianPoint r;
    r.infinity = false;  // no point has y = 0: the group's order is odd
    r.x = squared(m) - s - s;
    r.y = m * (s - r.x) - y4 - y4;
    r.z = yz + yz;
    return r;
}

/// The end of both additions, from h = u2 - u1 (not 0) and i = s2 - s1.
[[nodiscard, gnu::always_inline]] inline JacobianPoint sum_of_unequal(const FieldElement& u1, const FieldElement& s1,
                                                                      const FieldElement& h, const FieldElement& i,
                                                                      const FieldElement& z) noexcept {
    const auto h2 = squared(h);
    const auto h3 = h2 * h;
    const auto t = u1 * h2;
    JacobianPoint r;
    r.infinity = false;
    r.x = squared(i) - h3 - t - t;
    r.y = i * (t - r.x) - s1 * h3;
    r.z = z * h;
    return r;
}

/// a + b, all cases.
[[nodiscard]] inline JacobianPoint sum(const JacobianPoint& a, const AffinePoint& b) noexcept {
    if (a.infinity) return {b.x, b.y, {1}, false};
    const auto z2 = squared(a.z);
    const auto h = b.x * z2 - a.x;
    const auto i = b.y * (z2 * a.z) - a.y;
    if (is_zero(h)) return is_zero(i) ? doubled(a) : JacobianPoint{};
    return sum_of_unequal(a.x, a.y, h, i, a.z);
}

[[nodiscard]] inline JacobianPoint sum(const JacobianPoint& a, const JacobianPoint& b) noexcept {
    if (a.infinity) return b;
    if (b.infinity) return a;
    const auto a_z2 = squared(a.z);
    const auto b_z2 = squared(b.z);
    const auto u1 = a.x * b_z2;
    const auto s1 = a.y * (b_z2 * b.z);
    const auto h = b.x * a_z2 - u1;
    const auto i = b.y * (a_z2 * a.z) - s1;
    if (is_zero(h)) return is_zero(i) ? doubled(a) : JacobianPoint{};
    return sum_of_unequal(u1, s1, h, i, a.z * b.z);
}

inline constexpr AffinePoint generator{
    FieldElement{uint256{0x79BE667EF9DCBBACULL, 0x55A06295CE870B07ULL, 0x029BFCDB2DCE28D9ULL, 0x59F2815B16F81798ULL}},
    FieldElement{uint256{0x483ADA7726A3C465ULL, 0x5DA4FBFC0E1108A8ULL, 0xFD17B448A6855419ULL, 0x9C47D08FFB10D4B8ULL}}};

/// The endomorphism: (beta x, y) is lambda times (x, y).
inline constexpr FieldElement beta =
    FieldElement{uint256{0x7AE96A2B657C0710ULL, 0x6E64479EAC3434E9ULL, 0x9CF0497512F58995ULL, 0xC1396C28719501EEULL}};

[[nodiscard]] inline AffinePoint times_lambda(const AffinePoint& a) noexcept { return {a.x * beta, a.y}; }

}  // namespace troupe::secp256k1_detail
