#include "runtime/crypto/bls12_381_group.hpp"

#include <bit>

#include "runtime/crypto/bls12_381_msm.hpp"

namespace troupe::bls12_381 {

constinit const G1Affine g1_generator{
    fp("17f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb"),
    fp("08b3f481e3aaa0f1a09e30ed741d8ae4fcf5e095d5d00af600db18cb2c04b3edd03cc744a2888ae40caa232946c5e7e1"), false};
constinit const G2Affine g2_generator{
    {fp("024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8"),
     fp("13e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e")},
    {fp("0ce5d527727d6e118cc9cdc6da2e351aadfd9baa8cbdd3a76d429a695160d12c923ac9cc3baca289e193548608b82801"),
     fp("0606c4a02ea734cc32acd2b02bc28b99cb3e287e85a763af267492ab572e99ab3f370d275cec1da1aaa9075ff05f79be")},
    false};

namespace {

constexpr Fp beta = fp("5f19672fdf76ce51ba69c6076a0f77eaddb3a93be6f89688de17d813620a00022e01fffffffefffe");

/// 1 / (1 + u)^((p - 1) / 3), which is purely imaginary, and 1 / (1 + u)^((p - 1) / 2).
struct PsiCoefficients {
    Fp2 x;
    Fp2 y;
};
constexpr PsiCoefficients make_psi() noexcept {
    const Fp2 xi{Fp::one(), Fp::one()};
    const auto sixth = xi.power(limb_arithmetic::divide_small(Fp::modulus, 6)).inverse();
    return {sixth.squared(), sixth.squared() * sixth};
}
constexpr PsiCoefficients psi_coefficients = make_psi();

template <class Point>
Point multiply_by_x_abs_of(const Point& point) noexcept {
    auto out = point;
    for (auto bit = std::bit_floor(x_abs) >> 1; bit != 0; bit >>= 1) {
        out = out.doubled();
        if ((x_abs & bit) != 0) out += point;
    }
    return out;
}

/// numerator / |x| and the rest, for numerator < |x| 2^64 (Möller and Granlund, "Improved division by invariant
/// integers", 2011, algorithm 4). |x| is normalized: its highest bit is set.
struct Division {
    std::uint64_t quotient;
    std::uint64_t rest;
};
Division divide_by_x_abs(std::uint64_t high, std::uint64_t low) noexcept {
    constexpr auto reciprocal = static_cast<std::uint64_t>(~uint128{0} / x_abs);
    const auto estimate = static_cast<uint128>(reciprocal) * high + (static_cast<uint128>(high) << 64 | low);
    auto quotient = static_cast<std::uint64_t>(estimate >> 64) + 1;
    auto rest = low - quotient * x_abs;
    const auto too_high = 0 - static_cast<std::uint64_t>(rest > static_cast<std::uint64_t>(estimate));
    quotient += too_high;
    rest += too_high & x_abs;
    const auto too_low = 0 - static_cast<std::uint64_t>(rest >= x_abs);
    return {quotient - too_low, rest - (too_low & x_abs)};
}

/// table[index], reading all of it.
template <class Point, std::size_t N>
Point look_up(const std::array<Point, N>& table, std::uint64_t index) noexcept {
    auto out = table[0];
    for (std::size_t i = 1; i < N; ++i) out = Point::select(i == index, table[i], out);
    return out;
}

/// All sums of subsets of the four points: the sum of points k for the bits k of the index.
template <class Point>
std::array<Point, 16> subset_sums(const std::array<Point, 4>& points) noexcept {
    std::array<Point, 16> out{};
    for (std::size_t k = 0; k < 4; ++k)
        for (std::size_t i = 0; i < std::size_t{1} << k; ++i) out[i + (std::size_t{1} << k)] = out[i] + points[k];
    return out;
}

}  // namespace

G1Affine phi(const G1Affine& point) noexcept { return {point.x * beta, point.y, point.infinity}; }
G1 phi(const G1& point) noexcept { return {point.x * beta, point.y, point.z}; }
G2Affine psi(const G2Affine& point) noexcept {
    return {point.x.conjugate() * psi_coefficients.x, point.y.conjugate() * psi_coefficients.y, point.infinity};
}
G2 psi(const G2& point) noexcept {
    return {point.x.conjugate() * psi_coefficients.x, point.y.conjugate() * psi_coefficients.y, point.z.conjugate()};
}

G1 multiply_by_x_abs(const G1& point) noexcept { return multiply_by_x_abs_of(point); }
G2 multiply_by_x_abs(const G2& point) noexcept { return multiply_by_x_abs_of(point); }

bool is_in_subgroup(const G1Affine& point) noexcept {
    return multiply_by_x_abs(multiply_by_x_abs(G1{point})) == -phi(point);
}
bool is_in_subgroup(const G2Affine& point) noexcept { return multiply_by_x_abs(G2{point}) == -psi(point); }

G1 clear_cofactor(const G1& point) noexcept { return multiply_by_x_abs(point) + point; }

// (x^2 - x - 1) P + (x - 1) psi(P) + psi^2(2 P) with x = -|x|, where x^2 P + x psi(P) is x (x P + psi(P)).
G2 clear_cofactor(const G2& point) noexcept {
    const auto psi_point = psi(point);
    const auto minus_x = multiply_by_x_abs(point);
    const auto inner = multiply_by_x_abs(minus_x + -psi_point);
    return inner + minus_x + -point + -psi_point + psi(psi(point.doubled()));
}

std::array<std::uint64_t, 4> digits_of_x_abs(const Fr::Limbs& scalar) noexcept {
    auto left = scalar;
    std::array<std::uint64_t, 4> out{};
    for (std::size_t k = 0; k < 3; ++k) {
        // What is left is below |x|^(4 - k): its upper limbs shrink to zero.
        std::uint64_t rest = 0;
        for (std::size_t i = 4; i-- > 0;) {
            const auto step = divide_by_x_abs(rest, left[i]);
            left[i] = step.quotient;
            rest = step.rest;
        }
        out[k] = rest;
    }
    out[3] = left[0];
    return out;
}

G1 multiply(const G1Affine& point, const Fr& scalar) noexcept { return multi_multiply({&point, 1}, {&scalar, 1}); }
G2 multiply(const G2Affine& point, const Fr& scalar) noexcept { return multi_multiply({&point, 1}, {&scalar, 1}); }

G1Affine multiply_secret(const G1Affine& point, const Fr& scalar) noexcept {
    using Point = CompletePoint<G1Curve>;
    const auto digits = digits_of_x_abs(scalar.to_limbs());
    // The scalar is low + high x^2, both of 128 bits, and x^2 P = -phi(P). Two bits of each make a step.
    const auto low = static_cast<uint128>(digits[1]) * x_abs + digits[0];
    const auto high = static_cast<uint128>(digits[3]) * x_abs + digits[2];
    const auto base = Point::from(point);
    const auto upper = Point::from(-phi(point));
    const auto sums = subset_sums<Point>({base, base.doubled(), upper, upper.doubled()});
    Point out{};
    for (int i = 126; i >= 0; i -= 2) {
        out = out.doubled().doubled();
        out = out +
              look_up(sums, static_cast<std::uint64_t>(low >> i & 3) | static_cast<std::uint64_t>(high >> i & 3) << 2);
    }
    return out.to_affine();
}

G2Affine multiply_secret(const G2Affine& point, const Fr& scalar) noexcept {
    using Point = CompletePoint<G2Curve>;
    const auto digits = digits_of_x_abs(scalar.to_limbs());
    // |x| P = -psi(P), so the powers of |x| alternate in sign.
    const auto once = psi(point);
    const auto twice = psi(once);
    const auto sums =
        subset_sums<Point>({Point::from(point), Point::from(-once), Point::from(twice), Point::from(-psi(twice))});
    Point out{};
    for (int i = 63; i >= 0; --i) {
        out = out.doubled();
        out = out + look_up(sums, (digits[0] >> i & 1) | (digits[1] >> i & 1) << 1 | (digits[2] >> i & 1) << 2 |
                                      (digits[3] >> i & 1) << 3);
    }
    return out.to_affine();
}

}  // namespace troupe::bls12_381
