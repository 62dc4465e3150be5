#include "runtime/crypto/public_inverse.hpp"

#include <random>

#include <doctest/doctest.h>

#include "runtime/crypto/bls12_381_field.hpp"
#include "runtime/crypto/bn254_field.hpp"

using namespace troupe;

TEST_CASE_TEMPLATE("the inverse of public values equals the inverse of secret ones", Field, bn254::Fp, bls12_381::Fp,
                   bls12_381::Fr) {
    std::mt19937_64 random{1};
    CHECK(public_inverse(Field::zero()).is_zero());
    for (std::uint64_t small = 0; small < 300; ++small) {
        const auto value = Field::from_uint64(small);
        REQUIRE(public_inverse(value) == value.inverse());
        REQUIRE(public_inverse(-value) == -value.inverse());
    }
    for (int i = 0; i < 2000; ++i) {
        typename Field::Limbs limbs;
        // Runs of zeros and ones, where carries go far.
        for (auto& limb : limbs) limb = random() % 4 == 0 ? 0 : random() % 4 == 0 ? ~std::uint64_t{0} : random();
        const auto value = Field::from_limbs(limbs);
        REQUIRE((value.is_zero() || (public_inverse(value) * value).is_one()));
        // The same limbs, where they are below the modulus, as the Montgomery form.
        if (!limb_arithmetic::less(limbs, Field::modulus)) continue;
        const auto raw = Field::from_montgomery(limbs);
        REQUIRE(public_inverse(raw) == raw.inverse());
    }
}
