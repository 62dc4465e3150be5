#include "runtime/crypto/bls12_381_pairing.hpp"

#include <bit>
#include <vector>

namespace troupe::bls12_381 {
namespace {

/// A line through points of E2, untwisted: c0 + c1 x_P v + c4 y_P v w.
struct Line {
    Fp2 c0;
    Fp2 c1;
    Fp2 c4;
};

/// A point of E2 in homogeneous coordinates, on its way from Q to |x| Q. Formulas: Costello, Lange and Naehrig, "Faster
/// pairing computations on curves with high-degree twists" (2010); Aranha et al., "Faster explicit formulas for
/// computing pairings over ordinary curves" (2010).
struct Walker {
    G1Affine p;
    G2Affine q;
    Fp2 x;
    Fp2 y;
    Fp2 z;

    /// Doubles, and gives the tangent. (All of the paper's values times two, to spare the halving: a factor of Fp2 in a
    /// line or a point does not matter.)
    Line double_step() noexcept {
        const auto b = y.squared();
        const auto c = z.squared();
        const auto e = G2Curve::multiply_by_3b(c);
        const auto f = e.doubled() + e;
        const auto a = x * y;
        const auto g = b + f;
        const auto h = (y + z).squared() - b - c;
        const auto j = x.squared();
        const auto ee = e.squared();
        x = (a * (b - f)).doubled();
        y = g.squared() - (ee.doubled() + ee).doubled().doubled();
        z = (b * h).doubled().doubled();
        return {e - b, j.doubled() + j, -h};
    }

    /// Adds q, and gives the line through both.
    Line add_step() noexcept {
        const auto theta = y - q.y * z;
        const auto lambda = x - q.x * z;
        const auto c = theta.squared();
        const auto d = lambda.squared();
        const auto e = lambda * d;
        const auto g = x * d;
        const auto h = e + z * c - g.doubled();
        x = lambda * h;
        y = theta * (g - h) - e * y;
        z *= e;
        return {theta * q.x - lambda * q.y, -theta, lambda};
    }

    void multiply(Fp12& f, const Line& line) const noexcept {
        f = f.multiply_by_014(line.c0, line.c1 * p.x, line.c4 * p.y);
    }
};

/// a^x for the negative parameter x, in the cyclotomic subgroup.
Fp12 power_of_x(const Fp12& a) noexcept { return a.cyclotomic_power(x_abs).conjugate(); }

}  // namespace

Fp12 miller_loop(std::span<const PairingInput> pairs) {
    std::vector<Walker> walkers;
    walkers.reserve(pairs.size());
    for (const auto& [p, q] : pairs)
        if (!p.infinity && !q.infinity) walkers.push_back({p, q, q.x, q.y, Fp2::one()});
    auto f = Fp12::one();
    if (walkers.empty()) return f;
    constexpr auto highest = std::bit_floor(x_abs);
    for (auto bit = highest >> 1; bit != 0; bit >>= 1) {
        if (bit != highest >> 1) f = f.squared();
        for (auto& walker : walkers) walker.multiply(f, walker.double_step());
        if ((x_abs & bit) == 0) continue;
        for (auto& walker : walkers) walker.multiply(f, walker.add_step());
    }
    // x is negative.
    return f.conjugate();
}

// (p^12 - 1) / r = (p^6 - 1) (p^2 + 1) * (p^4 - p^2 + 1) / r, and three times the last factor is
// (x - 1)^2 (x + p) (x^2 + p^2 - 1) + 3.
Fp12 final_exponentiation(const Fp12& f) noexcept {
    const auto unitary = f.conjugate() * f.inverse();
    const auto base = unitary.frobenius().frobenius() * unitary;
    auto t = power_of_x(base) * base.conjugate();
    t = power_of_x(t) * t.conjugate();
    t = power_of_x(t) * t.frobenius();
    t = power_of_x(power_of_x(t)) * t.frobenius().frobenius() * t.conjugate();
    return t * base.cyclotomic_squared() * base;
}

bool pairing_product_is_one(std::span<const PairingInput> pairs) {
    return final_exponentiation(miller_loop(pairs)).is_one();
}

}  // namespace troupe::bls12_381
