// Points of y^2 = x^3 + b over any field (Fp, Fp2). Variable time: for public values only.
// Formulas: https://hyperelliptic.org/EFD/g1p/auto-shortw-jacobian-0.html
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace troupe {

template <class Field>
struct AffinePoint {
    Field x;
    Field y;
    bool infinity = true;

    bool operator==(const AffinePoint&) const = default;
    [[nodiscard]] constexpr AffinePoint operator-() const noexcept { return {x, -y, infinity}; }
    [[nodiscard]] constexpr bool is_on_curve(const Field& b) const noexcept {
        return infinity || y.squared() == x.squared() * x + b;
    }
};

/// (x / z^2, y / z^3); z = 0 is the point at infinity.
template <class Field>
struct JacobianPoint {
    Field x = Field::one();
    Field y = Field::one();
    Field z;

    JacobianPoint() = default;
    constexpr JacobianPoint(const Field& x_, const Field& y_, const Field& z_) noexcept : x(x_), y(y_), z(z_) {}
    explicit constexpr JacobianPoint(const AffinePoint<Field>& point) noexcept {
        if (!point.infinity) *this = {point.x, point.y, Field::one()};
    }

    [[nodiscard]] constexpr bool is_infinity() const noexcept { return z.is_zero(); }
    [[nodiscard]] constexpr JacobianPoint operator-() const noexcept { return {x, -y, z}; }
    constexpr bool operator==(const JacobianPoint& other) const noexcept {
        if (is_infinity() || other.is_infinity()) return is_infinity() == other.is_infinity();
        const auto zz = z.squared();
        const auto other_zz = other.z.squared();
        return x * other_zz == other.x * zz && y * other_zz * other.z == other.y * zz * z;
    }

    [[nodiscard]] constexpr AffinePoint<Field> to_affine() const noexcept {
        if (is_infinity()) return {};
        const auto inverse = z.inverse();
        const auto square = inverse.squared();
        return {x * square, y * square * inverse, false};
    }

    /// dbl-2009-l.
    [[nodiscard]] constexpr JacobianPoint doubled() const noexcept {
        const auto a = x.squared();
        const auto b = y.squared();
        const auto c = b.squared();
        const auto d = ((x + b).squared() - a - c).doubled();
        const auto e = a.doubled() + a;
        const auto x3 = e.squared() - d.doubled();
        return {x3, e * (d - x3) - c.doubled().doubled().doubled(), (y * z).doubled()};
    }

    /// madd-2007-bl.
    [[nodiscard]] constexpr JacobianPoint operator+(const AffinePoint<Field>& other) const noexcept {
        if (other.infinity) return *this;
        if (is_infinity()) return JacobianPoint{other};
        const auto zz = z.squared();
        const auto h = other.x * zz - x;
        const auto half_r = other.y * z * zz - y;
        if (h.is_zero()) return half_r.is_zero() ? doubled() : JacobianPoint{};
        const auto hh = h.squared();
        const auto i = hh.doubled().doubled();
        const auto j = h * i;
        const auto r = half_r.doubled();
        const auto v = x * i;
        const auto x3 = r.squared() - j - v.doubled();
        return {x3, r * (v - x3) - (y * j).doubled(), (z + h).squared() - zz - hh};
    }

    /// add-2007-bl.
    [[nodiscard]] constexpr JacobianPoint operator+(const JacobianPoint& other) const noexcept {
        if (other.is_infinity()) return *this;
        if (is_infinity()) return other;
        const auto zz1 = z.squared();
        const auto zz2 = other.z.squared();
        const auto u1 = x * zz2;
        const auto h = other.x * zz1 - u1;
        const auto s1 = y * other.z * zz2;
        const auto half_r = other.y * z * zz1 - s1;
        if (h.is_zero()) return half_r.is_zero() ? doubled() : JacobianPoint{};
        const auto i = h.doubled().squared();
        const auto j = h * i;
        const auto r = half_r.doubled();
        const auto v = u1 * i;
        const auto x3 = r.squared() - j - v.doubled();
        return {x3, r * (v - x3) - (s1 * j).doubled(), ((z + other.z).squared() - zz1 - zz2) * h};
    }
};

}  // namespace troupe
