// BN254: encodings, addition, multiplication with the curve's endomorphism, the subgroup check of G2.
#include <algorithm>

#include "runtime/crypto/bn254.hpp"

namespace troupe::bn254 {
namespace {

[[nodiscard]] std::optional<Fp> decode_fp(ByteView bytes) noexcept { return Fp::from_bytes(bytes.first<32>()); }

// Width-5 non-adjacent form: odd digits of absolute value up to 15, at least four zeros between them.
constexpr int window = 5;
constexpr std::size_t table_size = std::size_t{1} << (window - 2);

struct SignedDigits {
    std::array<std::int8_t, 258> digit{};
    std::size_t size = 0;
};

[[nodiscard]] SignedDigits signed_digits(uint256 scalar) noexcept {
    SignedDigits out;
    while (!scalar.is_zero()) {
        int digit = 0;
        if (scalar.low64() & 1) {
            digit = static_cast<int>(scalar.low64() & ((1 << window) - 1));
            if (digit >= 1 << (window - 1)) digit -= 1 << window;
            scalar = digit > 0 ? scalar - uint256(static_cast<std::uint64_t>(digit))
                               : scalar + uint256(static_cast<std::uint64_t>(-digit));
        }
        out.digit[out.size++] = static_cast<std::int8_t>(digit);
        scalar = scalar >> 1;
    }
    return out;
}

/// psi: untwist, Frobenius, twist. On G2 it multiplies by p.
[[nodiscard]] JacobianPoint<G2Curve> psi(const JacobianPoint<G2Curve>& a) noexcept {
    return {a.x.conjugate() * Tower::frobenius_coefficients[2], a.y.conjugate() * Tower::frobenius_coefficients[3],
            a.z.conjugate()};
}

}  // namespace

std::optional<G1> decode_g1(std::span<const std::uint8_t, 64> bytes) noexcept {
    const auto x = decode_fp(bytes.first(32));
    const auto y = decode_fp(bytes.subspan(32, 32));
    if (!x || !y) return std::nullopt;
    if (x->is_zero() && y->is_zero()) return G1{};
    const G1 point{*x, *y, false};
    if (!point.is_on_curve()) return std::nullopt;
    return point;
}

std::optional<G2> decode_g2(std::span<const std::uint8_t, 128> bytes) noexcept {
    const auto x1 = decode_fp(bytes.first(32));
    const auto x0 = decode_fp(bytes.subspan(32, 32));
    const auto y1 = decode_fp(bytes.subspan(64, 32));
    const auto y0 = decode_fp(bytes.subspan(96, 32));
    if (!x0 || !x1 || !y0 || !y1) return std::nullopt;
    const G2 point{{*x0, *x1}, {*y0, *y1}, false};
    if (point.x.is_zero() && point.y.is_zero()) return G2{};
    if (!point.is_on_curve() || !is_in_subgroup(point)) return std::nullopt;
    return point;
}

std::array<std::uint8_t, 64> encode(const G1& point) noexcept {
    std::array<std::uint8_t, 64> out{};
    if (point.infinity) return out;
    std::ranges::copy(point.x.to_bytes(), out.begin());
    std::ranges::copy(point.y.to_bytes(), out.begin() + 32);
    return out;
}

G1 add(const G1& a, const G1& b) noexcept {
    if (a.infinity) return b;
    if (b.infinity) return a;
    if (a.x == b.x && a.y != b.y) return {};
    // The order is odd: no point is its own negative.
    const auto slope = a.x == b.x ? (a.x.squared().doubled() + a.x.squared()) * a.y.doubled().inverse()
                                  : (b.y - a.y) * (b.x - a.x).inverse();
    const auto x = slope.squared() - a.x - b.x;
    return {x, slope * (a.x - x) - a.y, false};
}

G1 multiply(const G1& point, const uint256& scalar) noexcept {
    if (point.infinity) return {};
    std::array<JacobianPoint<G1Curve>, table_size> odd_multiples;
    odd_multiples[0] = JacobianPoint<G1Curve>{point};
    const auto twice = odd_multiples[0].doubled();
    for (std::size_t i = 1; i < table_size; ++i) odd_multiples[i] = odd_multiples[i - 1] + twice;
    const auto digits = signed_digits(scalar % r);
    JacobianPoint<G1Curve> sum;
    for (std::size_t i = digits.size; i-- > 0;) {
        sum = sum.doubled();
        if (const int digit = digits.digit[i]; digit > 0)
            sum = sum + odd_multiples[static_cast<std::size_t>(digit / 2)];
        else if (digit < 0)
            sum = sum + -odd_multiples[static_cast<std::size_t>(-digit / 2)];
    }
    return sum.to_affine();
}

/// With a = [u]Q: a + Q + psi(a) + psi^2(a) = psi^3([2]a) (Dai, Lin, Zhao, Zhou: "Fast Subgroup Membership Testings for
/// G1, G2 and GT on Pairing-friendly Curves", 2022). Enough, since the norm of that polynomial in psi shares with the
/// order of E'(Fp2) only the factor r.
bool is_in_subgroup(const G2& point) noexcept {
    JacobianPoint<G2Curve> a{point};
    for (auto bit = std::bit_floor(u) >> 1; bit != 0; bit >>= 1) {
        a = a.doubled();
        if ((u & bit) != 0) a = a + point;
    }
    const auto psi_a = psi(a);
    const auto psi2_a = psi(psi_a);
    return a + point + psi_a + psi2_a == psi(psi2_a).doubled();
}

}  // namespace troupe::bn254
