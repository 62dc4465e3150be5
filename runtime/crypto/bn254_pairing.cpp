// The optimal ate pairing on BN254 (Vercauteren, "Optimal Pairings", 2010): Miller's loop of length 6 u + 2 over all
// pairs at once, one final exponentiation.
#include <vector>

#include "runtime/crypto/bn254.hpp"

namespace troupe::bn254 {
namespace {

/// 6 u + 2 in digits -1, 0, 1, most significant last; the leading 1 is left out.
constexpr auto loop_digits = [] {
    std::array<std::int8_t, 64> out{};
    uint128 left = static_cast<uint128>(6) * u + 2;
    for (auto& digit : out) {
        if (left & 1) digit = (left & 3) == 3 && left > 3 ? -1 : 1;
        left = digit < 0 ? (left + 1) >> 1 : (left - static_cast<uint128>(digit)) >> 1;
    }
    return left == 1 ? out : throw "the leading digit is 1";
}();

constexpr auto half = Fp::from_uint64(2).inverse();
/// 3 b of the twist.
constexpr Fp2 three_twist_b = G2Curve::b.doubled() + G2Curve::b;

/// b0 y_P + b3 x_P w + b4 v w: a line through points of the twist, at a point P of G1.
struct Line {
    Fp2 b0;
    Fp2 b3;
    Fp2 b4;
};

/// A point of the twist in homogeneous coordinates: (x / z, y / z).
struct Point {
    Fp2 x;
    Fp2 y;
    Fp2 z;
};

// Costello, Lange, Naehrig: "Faster Pairing Computations on Curves with High-Degree Twists" (2010), as in Aranha et
// al.: "Faster Explicit Formulas for Computing Pairings over Ordinary Curves" (2011).

/// Doubles the point and gives the tangent.
[[nodiscard]] Line double_step(Point& t) noexcept {
    const auto a = t.x * t.y * half;
    const auto b = t.y.squared();
    const auto c = t.z.squared();
    const auto e = three_twist_b * c;
    const auto f = e.doubled() + e;
    const auto g = (b + f) * half;
    const auto h = (t.y + t.z).squared() - b - c;
    const auto x_squared = t.x.squared();
    const auto e_squared = e.squared();
    t = {a * (b - f), g.squared() - e_squared.doubled() - e_squared, b * h};
    return {-h, x_squared.doubled() + x_squared, e - b};
}

/// Adds a point and gives the line through both.
[[nodiscard]] Line add_step(Point& t, const Fp2& x, const Fp2& y) noexcept {
    const auto theta = t.y - y * t.z;
    const auto lambda = t.x - x * t.z;
    const auto d = lambda.squared();
    const auto e = lambda * d;
    const auto g = t.x * d;
    const auto h = e + t.z * theta.squared() - g.doubled();
    t = {lambda * h, theta * (g - h) - e * t.y, t.z * e};
    return {lambda, -theta, theta * x - lambda * y};
}

struct Pair {
    G1 p;
    G2 q;
    Point t;
};

void multiply_by_line(Fp12& f, const Line& line, const G1& p) noexcept {
    f = f.multiply_by_034(line.b0 * p.y, line.b3 * p.x, line.b4);
}

[[nodiscard]] Fp12 miller_loop(std::vector<Pair>& pairs) noexcept {
    auto f = Fp12::one();
    for (std::size_t i = loop_digits.size(); i-- > 0;) {
        if (i + 1 != loop_digits.size()) f = f.squared();
        for (auto& [p, q, t] : pairs) multiply_by_line(f, double_step(t), p);
        if (loop_digits[i] == 0) continue;
        for (auto& [p, q, t] : pairs) multiply_by_line(f, add_step(t, q.x, loop_digits[i] > 0 ? q.y : -q.y), p);
    }
    const auto& gamma = Tower::frobenius_coefficients;
    for (auto& [p, q, t] : pairs) {
        // Frobenius of Q, and the negative of its square.
        const auto x1 = q.x.conjugate() * gamma[2];
        const auto y1 = q.y.conjugate() * gamma[3];
        multiply_by_line(f, add_step(t, x1, y1), p);
        multiply_by_line(f, add_step(t, x1.conjugate() * gamma[2], -(y1.conjugate() * gamma[3])), p);
    }
    return f;
}

/// f^u in the cyclotomic subgroup, where the inverse is the conjugate: signed digits of four bits.
[[nodiscard]] Fp12 power_u(const Fp12& f) noexcept {
    static constexpr auto digits = [] {
        std::array<std::int8_t, 63> out{};
        auto left = u;
        for (auto& digit : out) {
            if (left & 1)
                digit = static_cast<std::int8_t>((left & 15) >= 8 ? static_cast<int>(left & 15) - 16 : left & 15);
            left =
                (digit < 0 ? left + static_cast<std::uint64_t>(-digit) : left - static_cast<std::uint64_t>(digit)) >> 1;
        }
        return left == 0 && out.back() == 1 ? out : throw "the leading digit is 1";
    }();
    const auto square = f.cyclotomic_squared();
    std::array<Fp12, 4> odd_powers{f};
    for (std::size_t i = 1; i < odd_powers.size(); ++i) odd_powers[i] = odd_powers[i - 1] * square;
    auto out = f;
    for (std::size_t i = digits.size() - 1; i-- > 0;) {
        out = out.cyclotomic_squared();
        if (const int digit = digits[i]; digit > 0)
            out *= odd_powers[static_cast<std::size_t>(digit / 2)];
        else if (digit < 0)
            out *= odd_powers[static_cast<std::size_t>(-digit / 2)].conjugate();
    }
    return out;
}

/// To the power 2 u (6 u^2 + 3 u + 1) (p^12 - 1) / r: Fuentes-Castaneda, Knapp, Rodriguez-Henriquez, "Faster Hashing to
/// G2" (2011), section 5.
[[nodiscard]] Fp12 final_exponentiation(const Fp12& in) noexcept {
    auto f = in.conjugate() * in.inverse();
    f = f.frobenius().frobenius() * f;
    const auto f_2u = power_u(f).cyclotomic_squared();
    const auto f_6u = f_2u.cyclotomic_squared() * f_2u;
    const auto f_6uu = power_u(f_6u);
    const auto f_12uuu = power_u(f_6uu.cyclotomic_squared());
    const auto a = f_12uuu * f_6uu * f_6u;
    const auto b = a * f_2u.conjugate();
    return a * f_6uu * f * b.frobenius() * a.frobenius().frobenius() *
           (b * f.conjugate()).frobenius().frobenius().frobenius();
}

}  // namespace

Fp12 pairing_product(std::span<const PairingInput> inputs) {
    std::vector<Pair> pairs;
    pairs.reserve(inputs.size());
    for (const auto& [p, q] : inputs)
        if (!p.infinity && !q.infinity) pairs.push_back({p, q, {q.x, q.y, Fp2::one()}});
    if (pairs.empty()) return Fp12::one();
    return final_exponentiation(miller_loop(pairs));
}

bool pairing_product_is_one(std::span<const PairingInput> pairs) { return pairing_product(pairs).is_one(); }

}  // namespace troupe::bn254
