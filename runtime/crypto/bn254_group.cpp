// BN254: encodings, addition, multiplication with the curve's endomorphism, the subgroup check of G2.
#include <algorithm>

#include "runtime/crypto/bn254.hpp"
#include "runtime/crypto/public_inverse.hpp"

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

/// The endomorphism (x, y) -> (beta x, y) multiplies by lambda, a cube root of unity modulo r.
constexpr auto beta = Fp::from_limbs({0x5763473177fffffeULL, 0xd4f263f1acdb5c4fULL, 0x59e26bcea0d48bacULL, 0});

struct SignedScalar {
    uint256 magnitude;
    bool is_negative = false;
};
struct Split {
    SignedScalar first;
    SignedScalar second;
};

/// scalar = first + lambda second, both of about 128 bits (Gallant, Lambert and Vanstone, 2001). The lattice of (a, b)
/// with a + lambda b = 0 modulo r has the basis (2u + 1, -6u^2 - 2u), (6u^2 + 4u + 1, 2u + 1), of determinant r; what
/// is subtracted is the multiple of it that is nearest below (scalar, 0).
[[nodiscard]] Split split(const uint256& scalar) noexcept {
    constexpr uint256 a{0x89d3256894d213e3ULL};
    constexpr uint256 b{0, 0, 0x6f4d8248eeb859fcULL, 0x8211bbeb7d4f1128ULL};
    constexpr uint256 c{0, 0, 0x6f4d8248eeb859fdULL, 0x0be4e1541221250bULL};
    // 2^256 a / r and 2^256 b / r.
    constexpr uint256 a_by_r{0, 0, 2, 0xd91d232ec7e0b3d7ULL};
    constexpr uint256 b_by_r{0, 2, 0x4ccef014a773d2cfULL, 0x7a7bd9d4391eb18dULL};
    const auto upper_half = [&](const uint256& factor) {
        std::array<std::uint64_t, 8> product{};
        limb_arithmetic::multiply<4>(product, scalar.limb, factor.limb);
        return uint256{product[7], product[6], product[5], product[4]};
    };
    const auto c1 = upper_half(a_by_r);
    const auto c2 = upper_half(b_by_r);
    const auto with_sign = [](const uint256& wrapped) {
        const bool is_negative = wrapped.limb[3] >> 63 != 0;
        return SignedScalar{is_negative ? -wrapped : wrapped, is_negative};
    };
    return {with_sign(scalar - c1 * a - c2 * c), with_sign(c1 * b - c2 * a)};
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
    const auto slope = a.x == b.x ? (a.x.squared().doubled() + a.x.squared()) * public_inverse(a.y.doubled())
                                  : (b.y - a.y) * public_inverse(b.x - a.x);
    const auto x = slope.squared() - a.x - b.x;
    return {x, slope * (a.x - x) - a.y, false};
}

G1 multiply(const G1& point, const uint256& scalar) noexcept {
    if (point.infinity) return {};
    using Multiples = std::array<JacobianPoint<G1Curve>, table_size>;
    const auto [first, second] = split(scalar % r);
    Multiples odd_multiples;
    odd_multiples[0] = JacobianPoint<G1Curve>{first.is_negative ? -point : point};
    const auto twice = odd_multiples[0].doubled();
    for (std::size_t i = 1; i < table_size; ++i) odd_multiples[i] = odd_multiples[i - 1] + twice;
    auto lambda_multiples = odd_multiples;
    for (auto& multiple : lambda_multiples) {
        multiple.x *= beta;
        if (first.is_negative != second.is_negative) multiple.y = -multiple.y;
    }
    const auto first_digits = signed_digits(first.magnitude);
    const auto second_digits = signed_digits(second.magnitude);
    JacobianPoint<G1Curve> sum;
    const auto add_digit = [&](const Multiples& multiples, int digit) {
        if (digit > 0)
            sum += multiples[static_cast<std::size_t>(digit / 2)];
        else if (digit < 0)
            sum += -multiples[static_cast<std::size_t>(-digit / 2)];
    };
    for (std::size_t i = std::max(first_digits.size, second_digits.size); i-- > 0;) {
        sum = sum.doubled();
        add_digit(odd_multiples, first_digits.digit[i]);
        add_digit(lambda_multiples, second_digits.digit[i]);
    }
    return sum.is_infinity() ? G1{} : sum.to_affine(public_inverse(sum.z));
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
