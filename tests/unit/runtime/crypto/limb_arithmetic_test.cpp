#include "runtime/crypto/limb_arithmetic.hpp"

#include <random>

#include <doctest/doctest.h>

#include "runtime/crypto/bls12_381_field.hpp"
#include "runtime/crypto/bn254_field.hpp"

using namespace troupe;

namespace {

template <std::size_t N>
limb_arithmetic::Limbs<N> random_limbs(std::mt19937_64& random) {
    limb_arithmetic::Limbs<N> out;
    for (auto& limb : out) limb = random() % 5 == 0 ? ~std::uint64_t{0} : random() % 5 == 0 ? 0 : random();
    return out;
}

/// Below `bound`.
template <std::size_t N>
limb_arithmetic::Limbs<N> random_below(std::mt19937_64& random, const limb_arithmetic::Limbs<N>& bound) {
    if (random() % 16 == 0) {
        auto out = bound;
        out[0] -= 1 + random() % 2;
        return out;
    }
    for (;;) {
        auto out = random_limbs<N>(random);
        out[N - 1] %= bound[N - 1] + 1;
        if (limb_arithmetic::less(out, bound)) return out;
    }
}

}  // namespace

TEST_CASE_TEMPLATE("arithmetic in assembly agrees with that in C++", Field, bls12_381::Fp, bls12_381::Fr, bn254::Fp) {
    namespace portable = limb_arithmetic::portable;
    constexpr auto n = Field::limbs;
    const auto& m = Field::modulus;
    auto inverse = m[0];
    for (int i = 0; i < 6; ++i) inverse *= 2 - m[0] * inverse;
    inverse = 0 - inverse;
    std::mt19937_64 random{13};
    for (int i = 0; i < 20000; ++i) {
        const auto a = random_below<n>(random, m);
        const auto b = i % 7 == 0 ? a : random_below<n>(random, m);
        const auto any = random_limbs<n>(random);
        typename Field::Limbs expected;
        typename Field::Limbs got;
        typename Field::Wide wide_expected;
        typename Field::Wide wide;

        portable::add_mod(expected, a, b, m);
        limb_arithmetic::add_mod(got, a, b, m);
        REQUIRE(got == expected);
        portable::subtract_mod(expected, a, b, m);
        limb_arithmetic::subtract_mod(got, a, b, m);
        REQUIRE(got == expected);
        limb_arithmetic::add(expected, a, b);
        limb_arithmetic::add_fitting(got, a, b);
        REQUIRE(got == expected);
        portable::montgomery_multiply(expected, a, any, m, inverse);
        limb_arithmetic::montgomery_multiply(got, a, any, m, inverse);
        REQUIRE(got == expected);
        portable::multiply(wide_expected, any, b);
        limb_arithmetic::multiply(wide, any, b);
        REQUIRE(wide == wide_expected);

        portable::multiply(wide, a, b);
        portable::montgomery_reduce(expected, wide, m, inverse);
        limb_arithmetic::montgomery_reduce(got, wide, m, inverse);
        REQUIRE(got == expected);
        typename Field::Wide other;
        portable::multiply(other, random_below<n>(random, m), a);
        // Up to the bound m 2^(64 n).
        for (std::size_t k = 0; k < n; ++k) other[n + k] = b[k];
        portable::add_mod_wide(wide_expected, wide, other, m);
        limb_arithmetic::add_mod_wide(wide, wide, other, m);
        REQUIRE(wide == wide_expected);
        portable::subtract_mod_wide(wide_expected, wide, other, m);
        limb_arithmetic::subtract_mod_wide(wide, wide, other, m);
        REQUIRE(wide == wide_expected);
    }
}
