// Points and scalars of BLS12-381 for tests, from a seed.
#pragma once

#include <random>
#include <span>

#include "runtime/crypto/bls12_381_group.hpp"

namespace troupe::bls12_381 {

class Samples {
public:
    explicit Samples(std::uint64_t seed) : bits_(seed) {}

    Fr scalar() {
        Fr::Limbs limbs;
        for (auto& limb : limbs) limb = bits_();
        return Fr::from_limbs(limbs);
    }
    Fp fp() {
        Fp::Limbs limbs;
        for (auto& limb : limbs) limb = bits_();
        return Fp::from_limbs(limbs);
    }
    Fp2 fp2() { return {fp(), fp()}; }
    /// On the curve, and almost certainly not in the group.
    G1Affine curve_point_1() {
        for (;;) {
            const auto x = fp();
            if (const auto y = (x.squared() * x + G1Curve::b).square_root()) return {x, *y, false};
        }
    }
    G2Affine curve_point_2() {
        for (;;) {
            const auto x = fp2();
            if (const auto y = (x.squared() * x + G2Curve::b).square_root()) return {x, *y, false};
        }
    }
    G1Affine g1() { return clear_cofactor(G1{curve_point_1()}).to_affine(); }
    G2Affine g2() { return clear_cofactor(G2{curve_point_2()}).to_affine(); }

private:
    std::mt19937_64 bits_;
};

/// Bit by bit, for any point of the curve.
template <class Point>
Point multiply_slowly(const Point& point, std::span<const std::uint64_t> scalar) {
    Point out;
    for (std::size_t i = 64 * scalar.size(); i-- > 0;) {
        out = out.doubled();
        if ((scalar[i / 64] >> (i % 64) & 1) != 0) out += point;
    }
    return out;
}

}  // namespace troupe::bls12_381
