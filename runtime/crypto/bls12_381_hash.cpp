#include "runtime/crypto/bls12_381_hash.hpp"

#include <array>
#include <span>

#include "runtime/base/result.hpp"
#include "runtime/crypto/bls12_381_isogeny.hpp"
#include "runtime/crypto/sha256.hpp"

namespace troupe::bls12_381 {
namespace {

/// The curves y^2 = x^3 + a x + b that the map reaches, and its constant z.
struct Isogenous1 {
    using Field = Fp;
    static constexpr Fp a =
        fp("144698a3b8e9433d693a02c96d4982b0ea985383ee66a8d8e8981aefd881ac98936f8da0e0f97f5cf428082d584c1d");
    static constexpr Fp b =
        fp("12e2908d11688030018b12e8753eee3b2016c1f0f24f4070a0b9c14fcef35ef55a23215a316ceaa5d1cc48e98e172be0");
    static constexpr Fp z = Fp::from_uint64(11);
};
struct Isogenous2 {
    using Field = Fp2;
    static constexpr Fp2 a{Fp::zero(), Fp::from_uint64(240)};
    static constexpr Fp2 b{Fp::from_uint64(1012), Fp::from_uint64(1012)};
    static constexpr Fp2 z{-Fp::from_uint64(2), -Fp::one()};
};

/// sqrt(-11) and sqrt(-norm(z)) = sqrt(-5).
constexpr Fp root_of_minus_z =
    fp("4610e003bd3ac94dfa9246c390d7a78942602029175a4ca366d601f33f3946e3ed39794735c38315d874bc1d70637c3");
constexpr Fp root_of_minus_norm_z =
    fp("186417302d5a65347a88b0f999ab2b504614aa5e2eebdeb1a014c40bceb7d2306c12a6d436befcf94d39c9db7b263cd4");

/// sqrt(numerator / denominator) if that is a square, otherwise sqrt(z numerator / denominator).
template <class Field>
struct RatioRoot {
    bool is_square;
    Field root;
};

/// RFC 9380, appendix F.2.1.2.
RatioRoot<Fp> root_of_ratio(const Fp& numerator, const Fp& denominator) noexcept {
    const auto product = numerator * denominator;
    const auto root = product * (product * denominator.squared()).inverse_square_root();
    const bool is_square = root.squared() * denominator == numerator;
    return {is_square, is_square ? root : root * root_of_minus_z};
}

/// The complex method of Fp2::square_root on numerator * conjugate(denominator) / norm(denominator) without an
/// inversion: two exponentiations.
RatioRoot<Fp2> root_of_ratio(const Fp2& numerator, const Fp2& denominator) noexcept {
    const auto scale = denominator.norm();
    auto value = numerator * denominator.conjugate();
    // The root of the value's norm: that of norm(numerator) / scale, up to the factor -1 if there is none.
    const auto norm = numerator.norm();
    const auto product = norm * scale;
    auto norm_root = product * (product * scale.squared()).inverse_square_root();
    const bool is_square = norm_root.squared() * scale == norm;
    if (!is_square) {
        value *= Isogenous2::z;
        norm_root *= root_of_minus_norm_z;
    }
    // t = top / bottom is (Re value / scale + norm_root) / 2.
    const auto shift = norm_root * scale;
    auto top = value.c0 + shift;
    if (top.is_zero()) top = value.c0 - shift;
    const auto bottom = scale.doubled();
    const auto w = (top * bottom.squared() * bottom).inverse_square_root() * bottom;
    const auto part = w * top;
    const auto other = value.c1 * w;
    return {is_square, part.squared() * bottom == top ? Fp2{part, other} : Fp2{other, -part}};
}

bool sign(const Fp& a) noexcept { return a.is_odd(); }
bool sign(const Fp2& a) noexcept { return a.c0.is_odd() || (a.c0.is_zero() && a.c1.is_odd()); }

/// x is x_numerator / x_denominator.
template <class Field>
struct MappedPoint {
    Field x_numerator;
    Field x_denominator;
    Field y;
};

/// RFC 9380, appendix F.2.
template <class Curve>
MappedPoint<typename Curve::Field> simplified_swu(const typename Curve::Field& u) noexcept {
    using Field = typename Curve::Field;
    const auto zuu = Curve::z * u.squared();
    const auto sum = zuu.squared() + zuu;
    const auto numerator = Curve::b * (sum + Field::one());
    const auto denominator = Curve::a * (sum.is_zero() ? Curve::z : -sum);
    const auto denominator_squared = denominator.squared();
    const auto denominator_cubed = denominator_squared * denominator;
    const auto g = (numerator.squared() + Curve::a * denominator_squared) * numerator + Curve::b * denominator_cubed;
    const auto [is_square, root] = root_of_ratio(g, denominator_cubed);
    const auto x = is_square ? numerator : zuu * numerator;
    const auto y = is_square ? root : zuu * u * root;
    return {x, denominator, sign(u) == sign(y) ? y : -y};
}

/// The polynomial of degree `count - 1` at x / z, times z^(count - 1).
template <class Field, std::size_t N>
Field homogeneous_value(const std::array<Field, N>& coefficients, const Field& x,
                        std::span<const Field> powers_of_z) noexcept {
    auto out = coefficients[N - 1];
    for (std::size_t i = N - 1; i-- > 0;) out = out * x + coefficients[i] * powers_of_z[N - 1 - i];
    return out;
}

/// The isogeny's image in Jacobian coordinates. Numerators and denominators in x may differ in degree.
template <class Point, class Field, std::size_t XN, std::size_t XD, std::size_t YN, std::size_t YD>
Point apply_isogeny(const MappedPoint<Field>& point, const std::array<Field, XN>& x_numerator,
                    const std::array<Field, XD>& x_denominator, const std::array<Field, YN>& y_numerator,
                    const std::array<Field, YD>& y_denominator) noexcept {
    static_assert(XN == XD + 1 && YN == YD);
    std::array<Field, YN> powers{};
    powers[0] = Field::one();
    for (std::size_t i = 1; i < powers.size(); ++i) powers[i] = powers[i - 1] * point.x_denominator;
    const std::span<const Field> powers_of_z{powers};
    const auto xn = homogeneous_value(x_numerator, point.x_numerator, powers_of_z);
    const auto xd = homogeneous_value(x_denominator, point.x_numerator, powers_of_z) * point.x_denominator;
    const auto yn = homogeneous_value(y_numerator, point.x_numerator, powers_of_z) * point.y;
    const auto yd = homogeneous_value(y_denominator, point.x_numerator, powers_of_z);
    const auto z = xd * yd;
    return {xn * yd * z, yn * xd * z.squared(), z};
}

constexpr std::size_t coordinate_bytes = 64;

/// RFC 9380, section 5.2.
template <std::size_t N>
std::array<Fp, N> hash_to_field(ByteView message, ByteView tag) {
    const auto bytes = expand_message(message, tag, N * coordinate_bytes);
    std::array<Fp, N> out;
    for (std::size_t i = 0; i < N; ++i)
        out[i] = Fp::from_bytes_reduced(ByteView{bytes}.subspan(i * coordinate_bytes, coordinate_bytes));
    return out;
}

}  // namespace

Bytes expand_message(ByteView message, ByteView tag, std::size_t size) {
    constexpr std::size_t digest_bytes = 32;
    constexpr std::size_t block_bytes = 64;
    TROUPE_ASSERT(size <= 255 * digest_bytes);
    Bytes suffix{tag.begin(), tag.end()};
    if (tag.size() > 255) {
        Sha256 hasher;
        const auto digest = hasher.update(as_bytes("H2C-OVERSIZE-DST-")).update(tag).finish();
        suffix.assign(digest.begin(), digest.end());
    }
    suffix.push_back(static_cast<std::uint8_t>(suffix.size()));

    constexpr std::array<std::uint8_t, block_bytes> padding{};
    const std::array<std::uint8_t, 3> length{static_cast<std::uint8_t>(size >> 8), static_cast<std::uint8_t>(size), 0};
    Sha256 hasher;
    const auto first = hasher.update(padding).update(message).update(length).update(suffix).finish();
    Hash256 block;
    Bytes out;
    out.reserve(size + digest_bytes);
    for (std::uint8_t counter = 1; out.size() < size; ++counter) {
        for (std::size_t i = 0; i < digest_bytes; ++i) block.bytes[i] ^= first[i];
        block = hasher.update(block.view()).update({&counter, 1}).update(suffix).finish();
        append(out, block.view());
    }
    out.resize(size);
    return out;
}

G1 map_to_curve_1(const Fp& u) noexcept {
    return apply_isogeny<G1>(simplified_swu<Isogenous1>(u), isogeny::g1_x_numerator, isogeny::g1_x_denominator,
                             isogeny::g1_y_numerator, isogeny::g1_y_denominator);
}
G2 map_to_curve_2(const Fp2& u) noexcept {
    return apply_isogeny<G2>(simplified_swu<Isogenous2>(u), isogeny::g2_x_numerator, isogeny::g2_x_denominator,
                             isogeny::g2_y_numerator, isogeny::g2_y_denominator);
}

G1Affine hash_to_g1(ByteView message, ByteView tag) {
    const auto u = hash_to_field<2>(message, tag);
    return clear_cofactor(map_to_curve_1(u[0]) + map_to_curve_1(u[1])).to_affine();
}
G2Affine hash_to_g2(ByteView message, ByteView tag) {
    const auto u = hash_to_field<4>(message, tag);
    return clear_cofactor(map_to_curve_2({u[0], u[1]}) + map_to_curve_2({u[2], u[3]})).to_affine();
}
G1Affine encode_to_g1(ByteView message, ByteView tag) {
    return clear_cofactor(map_to_curve_1(hash_to_field<1>(message, tag)[0])).to_affine();
}
G2Affine encode_to_g2(ByteView message, ByteView tag) {
    const auto u = hash_to_field<2>(message, tag);
    return clear_cofactor(map_to_curve_2({u[0], u[1]})).to_affine();
}

}  // namespace troupe::bls12_381
