// Points of curves y^2 = x^3 + b over any field: affine, Jacobian (fast, for public data), and homogeneous with
// complete formulas (one course for all inputs, for secrets).
//
// `Curve`, a description, gives
//   Field                     the coordinates' field
//   b                         the curve's constant
//   multiply_by_3b(Field)     times 3 b
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace troupe {

template <class Curve>
struct AffinePoint {
    using Field = typename Curve::Field;

    Field x;
    Field y;
    /// The neutral element; then x and y are zero.
    bool infinity = true;

    constexpr bool operator==(const AffinePoint&) const noexcept = default;
    [[nodiscard]] constexpr AffinePoint operator-() const noexcept { return {x, -y, infinity}; }
    /// Infinity is on every curve.
    [[nodiscard]] constexpr bool is_on_curve() const noexcept {
        return infinity || y.squared() == x.squared() * x + Curve::b;
    }
};

/// (X / Z^2, Y / Z^3); infinity where Z is zero. Formulas: the Explicit-Formulas Database, "Jacobian coordinates with
/// a4=0". Not constant-time: additions branch on exceptional cases.
template <class Curve>
struct JacobianPoint {
    using Field = typename Curve::Field;
    using Affine = AffinePoint<Curve>;

    Field x = Field::one();
    Field y = Field::one();
    Field z;

    constexpr JacobianPoint() noexcept = default;
    constexpr JacobianPoint(const Field& x_in, const Field& y_in, const Field& z_in) noexcept
        : x(x_in), y(y_in), z(z_in) {}
    explicit constexpr JacobianPoint(const Affine& point) noexcept {
        if (point.infinity) return;
        x = point.x;
        y = point.y;
        z = Field::one();
    }

    [[nodiscard]] constexpr bool is_infinity() const noexcept { return z.is_zero(); }
    /// As points, whatever their coordinates.
    constexpr bool operator==(const JacobianPoint& other) const noexcept {
        if (is_infinity() || other.is_infinity()) return is_infinity() == other.is_infinity();
        const auto z1 = z.squared();
        const auto z2 = other.z.squared();
        return x * z2 == other.x * z1 && y * z2 * other.z == other.y * z1 * z;
    }
    constexpr bool operator==(const Affine& other) const noexcept {
        if (is_infinity() || other.infinity) return is_infinity() == other.infinity;
        const auto z1 = z.squared();
        return x == other.x * z1 && y == other.y * z1 * z;
    }
    [[nodiscard]] constexpr JacobianPoint operator-() const noexcept { return {x, -y, z}; }

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
    /// add-2007-bl.
    [[nodiscard]] friend constexpr JacobianPoint operator+(const JacobianPoint& p, const JacobianPoint& q) noexcept {
        if (p.is_infinity()) return q;
        if (q.is_infinity()) return p;
        const auto zz1 = p.z.squared();
        const auto zz2 = q.z.squared();
        const auto u1 = p.x * zz2;
        const auto h = q.x * zz1 - u1;
        const auto s1 = p.y * q.z * zz2;
        const auto r = (q.y * p.z * zz1 - s1).doubled();
        if (h.is_zero()) return r.is_zero() ? p.doubled() : JacobianPoint{};
        const auto i = h.doubled().squared();
        const auto j = h * i;
        const auto v = u1 * i;
        const auto x3 = r.squared() - j - v.doubled();
        return {x3, r * (v - x3) - (s1 * j).doubled(), ((p.z + q.z).squared() - zz1 - zz2) * h};
    }
    /// madd-2007-bl.
    [[nodiscard]] friend constexpr JacobianPoint operator+(const JacobianPoint& p, const Affine& q) noexcept {
        if (q.infinity) return p;
        if (p.is_infinity()) return JacobianPoint{q};
        const auto zz1 = p.z.squared();
        const auto h = q.x * zz1 - p.x;
        const auto r = (q.y * p.z * zz1 - p.y).doubled();
        if (h.is_zero()) return r.is_zero() ? p.doubled() : JacobianPoint{};
        const auto hh = h.squared();
        const auto i = hh.doubled().doubled();
        const auto j = h * i;
        const auto v = p.x * i;
        const auto x3 = r.squared() - j - v.doubled();
        return {x3, r * (v - x3) - (p.y * j).doubled(), (p.z + h).squared() - zz1 - hh};
    }
    constexpr JacobianPoint& operator+=(const JacobianPoint& q) noexcept { return *this = *this + q; }
    constexpr JacobianPoint& operator+=(const Affine& q) noexcept { return *this = *this + q; }

    [[nodiscard]] constexpr Affine to_affine() const noexcept {
        if (is_infinity()) return {};
        return to_affine(z.inverse());
    }
    /// With 1 / Z known.
    [[nodiscard]] constexpr Affine to_affine(const Field& z_inverse) const noexcept {
        const auto zz = z_inverse.squared();
        return {x * zz, y * zz * z_inverse, false};
    }
    /// Many points with one inversion (Montgomery's trick).
    [[nodiscard]] static std::vector<Affine> to_affine(std::span<const JacobianPoint> points) {
        std::vector<Field> products;
        products.reserve(points.size());
        auto product = Field::one();
        for (const auto& point : points) {
            products.push_back(product);
            if (!point.is_infinity()) product *= point.z;
        }
        auto inverse = product.inverse();
        std::vector<Affine> out(points.size());
        for (std::size_t i = points.size(); i-- > 0;) {
            if (points[i].is_infinity()) continue;
            out[i] = points[i].to_affine(inverse * products[i]);
            inverse *= points[i].z;
        }
        return out;
    }
};

/// (X / Z, Y / Z); infinity is (0, 1, 0). Complete for curves without points of order two: Renes, Costello and Batina,
/// "Complete addition formulas for prime order elliptic curves" (2016), algorithms 7 and 9.
template <class Curve>
struct CompletePoint {
    using Field = typename Curve::Field;

    Field x;
    Field y = Field::one();
    Field z;

    [[nodiscard]] static constexpr CompletePoint from(const AffinePoint<Curve>& point) noexcept {
        return {point.x, Field::select(point.infinity, Field::one(), point.y),
                Field::select(point.infinity, Field::zero(), Field::one())};
    }
    [[nodiscard]] static constexpr CompletePoint select(bool condition, const CompletePoint& yes,
                                                        const CompletePoint& no) noexcept {
        return {Field::select(condition, yes.x, no.x), Field::select(condition, yes.y, no.y),
                Field::select(condition, yes.z, no.z)};
    }

    [[nodiscard]] friend constexpr CompletePoint operator+(const CompletePoint& p, const CompletePoint& q) noexcept {
        const auto xx = p.x * q.x;
        const auto yy = p.y * q.y;
        const auto zz = p.z * q.z;
        const auto xy = (p.x + p.y) * (q.x + q.y) - xx - yy;
        const auto yz = (p.y + p.z) * (q.y + q.z) - yy - zz;
        const auto xz = Curve::multiply_by_3b((p.x + p.z) * (q.x + q.z) - xx - zz);
        const auto triple_xx = xx.doubled() + xx;
        const auto scaled_zz = Curve::multiply_by_3b(zz);
        const auto minus = yy - scaled_zz;
        const auto plus = yy + scaled_zz;
        return {xy * minus - yz * xz, minus * plus + xz * triple_xx, plus * yz + triple_xx * xy};
    }
    [[nodiscard]] constexpr CompletePoint doubled() const noexcept {
        const auto yy = y.squared();
        const auto yy8 = yy.doubled().doubled().doubled();
        const auto zz = Curve::multiply_by_3b(z.squared());
        const auto minus = yy - (zz.doubled() + zz);
        return {(minus * (x * y)).doubled(), zz * yy8 + minus * (yy + zz), y * z * yy8};
    }
    /// Whether the result is infinity is not hidden.
    [[nodiscard]] constexpr AffinePoint<Curve> to_affine() const noexcept {
        if (z.is_zero()) return {};
        const auto inverse = z.inverse();
        return {x * inverse, y * inverse, false};
    }
};

}  // namespace troupe
