#include "runtime/crypto/tower.hpp"

#include <random>

#include <doctest/doctest.h>

#include "runtime/crypto/bls12_381_field.hpp"

using namespace troupe;
using namespace troupe::bls12_381;

namespace {

std::mt19937_64 random_bits{3};

Fp random_fp() {
    Fp::Limbs limbs;
    for (auto& limb : limbs) limb = random_bits();
    return Fp::from_limbs(limbs);
}
bls12_381::Fp2 random_fp2() { return {random_fp(), random_fp()}; }
bls12_381::Fp6 random_fp6() { return {random_fp2(), random_fp2(), random_fp2()}; }
bls12_381::Fp12 random_fp12() { return {random_fp6(), random_fp6()}; }

bls12_381::Fp12 power_of_p(const bls12_381::Fp12& a) {
    auto out = bls12_381::Fp12::one();
    for (std::size_t i = 64 * Fp::limbs; i-- > 0;) {
        out = out.squared();
        if ((Fp::modulus[i / 64] >> (i % 64) & 1) != 0) out *= a;
    }
    return out;
}

}  // namespace

TEST_CASE("u squared is minus one, v cubed is the non-residue, w squared is v") {
    const bls12_381::Fp2 u{Fp::zero(), Fp::one()};
    CHECK(u * u == -bls12_381::Fp2::one());
    CHECK(u.squared() == -bls12_381::Fp2::one());
    const bls12_381::Fp6 v{{}, bls12_381::Fp2::one(), {}};
    const bls12_381::Fp6 xi{Tower::multiply_by_nonresidue(bls12_381::Fp2::one()), {}, {}};
    CHECK(v * v * v == xi);
    const bls12_381::Fp12 w{{}, bls12_381::Fp6::one()};
    CHECK(w * w == bls12_381::Fp12{v, {}});
}

TEST_CASE("the tower's fields are fields: products distribute, squares are products, inverses invert") {
    for (int i = 0; i < 20; ++i) {
        {
            const auto a = random_fp2();
            const auto b = random_fp2();
            const auto c = random_fp2();
            CHECK((a + b) * c == a * c + b * c);
            CHECK((a * b) * c == a * (b * c));
            CHECK(a.squared() == a * a);
            CHECK(a * a.inverse() == bls12_381::Fp2::one());
            CHECK(a * a.conjugate() == bls12_381::Fp2{a.norm(), Fp::zero()});
        }
        {
            const auto a = random_fp6();
            const auto b = random_fp6();
            const auto c = random_fp6();
            CHECK((a + b) * c == a * c + b * c);
            CHECK((a * b) * c == a * (b * c));
            CHECK(a.squared() == a * a);
            CHECK(a * a.inverse() == bls12_381::Fp6::one());
            CHECK(a.multiply_by_01(b.c0, b.c1) == a * bls12_381::Fp6{b.c0, b.c1, {}});
            CHECK(a.multiply_by_1(b.c1) == a * bls12_381::Fp6{{}, b.c1, {}});
            CHECK(a.multiply_by_v() == a.multiply_by_1(bls12_381::Fp2::one()));
        }
        {
            const auto a = random_fp12();
            const auto b = random_fp12();
            const auto c = random_fp12();
            CHECK((a * b) * c == a * (b * c));
            CHECK(a.squared() == a * a);
            CHECK((a * a.inverse()).is_one());
            CHECK(a.multiply_by_014(b.c0.c0, b.c0.c1, b.c1.c1) ==
                  a * bls12_381::Fp12{{b.c0.c0, b.c0.c1, {}}, {{}, b.c1.c1, {}}});
            CHECK(a.multiply_by_034(b.c0.c0, b.c1.c0, b.c1.c1) ==
                  a * bls12_381::Fp12{{b.c0.c0, {}, {}}, {b.c1.c0, b.c1.c1, {}}});
        }
    }
}

TEST_CASE("the Frobenius map is the power p, and six of them conjugate") {
    const auto a = random_fp12();
    CHECK(a.frobenius() == power_of_p(a));
    auto six = a;
    for (int i = 0; i < 6; ++i) six = six.frobenius();
    CHECK(six == a.conjugate());
}

TEST_CASE("cyclotomic squares and powers are squares and powers in the cyclotomic subgroup") {
    auto a = random_fp12();
    a = a.conjugate() * a.inverse();
    a = a.frobenius().frobenius() * a;
    CHECK((a * a.conjugate()).is_one());
    CHECK(a.cyclotomic_squared() == a.squared());
    CHECK(a.cyclotomic_power(0).is_one());
    CHECK(a.cyclotomic_power(11) == a.squared().squared().squared() * a.squared() * a);
}

TEST_CASE("square roots in the quadratic field exist for squares only, pure numbers included") {
    for (int i = 0; i < 10; ++i) {
        for (const auto& a :
             {random_fp2(), bls12_381::Fp2{random_fp(), Fp::zero()}, bls12_381::Fp2{Fp::zero(), random_fp()}}) {
            const auto root = a.squared().square_root();
            REQUIRE(root);
            CHECK((*root == a || *root == -a));
            CHECK_FALSE(Tower::multiply_by_nonresidue(a.squared()).square_root());
        }
    }
    CHECK(bls12_381::Fp2::zero().square_root() == bls12_381::Fp2::zero());
}
