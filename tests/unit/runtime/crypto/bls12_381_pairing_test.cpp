#include "runtime/crypto/bls12_381_pairing.hpp"

#include <vector>

#include <doctest/doctest.h>

#include "tests/unit/runtime/crypto/bls12_381_samples.hpp"

using namespace troupe;
using namespace troupe::bls12_381;

namespace {

bls12_381::Fp12 pairing(const G1Affine& p, const G2Affine& q) {
    const PairingInput pair{p, q};
    return final_exponentiation(miller_loop({&pair, 1}));
}

}  // namespace

TEST_CASE("the pairing is bilinear and not degenerate, and its values are of order r") {
    Samples samples{6};
    const auto p = samples.g1();
    const auto q = samples.g2();
    const auto a = samples.scalar();
    const auto b = samples.scalar();
    const auto value = pairing(p, q);
    CHECK_FALSE(value.is_one());
    auto power = bls12_381::Fp12::one();
    const auto ab = (a * b).to_limbs();
    for (std::size_t i = 256; i-- > 0;) {
        power = power.squared();
        if ((ab[i / 64] >> (i % 64) & 1) != 0) power *= value;
    }
    CHECK(pairing(multiply(p, a).to_affine(), multiply(q, b).to_affine()) == power);
    CHECK(pairing(-p, q) == value.conjugate());
    CHECK(pairing(p, -q) == value.conjugate());
    CHECK(pairing(G1Affine{}, q).is_one());
    CHECK(pairing(p, G2Affine{}).is_one());
    auto to_r = bls12_381::Fp12::one();
    for (std::size_t i = 256; i-- > 0;) {
        to_r = to_r.squared();
        if ((Fr::modulus[i / 64] >> (i % 64) & 1) != 0) to_r *= value;
    }
    CHECK(to_r.is_one());
}

TEST_CASE("a product of pairings is the product of the pairings, whatever the number of pairs") {
    Samples samples{7};
    std::vector<PairingInput> pairs;
    auto product = bls12_381::Fp12::one();
    CHECK(pairing_product_is_one(pairs));
    for (int i = 0; i < 6; ++i) {
        pairs.push_back({samples.g1(), samples.g2()});
        if (i == 3) pairs.back().p = G1Affine{};
        product *= pairing(pairs.back().p, pairs.back().q);
        CHECK(final_exponentiation(miller_loop(pairs)) == product);
        CHECK_FALSE(pairing_product_is_one(pairs));
    }
    const auto n = pairs.size();
    for (std::size_t i = 0; i < n; ++i) pairs.push_back({pairs[i].p, -pairs[i].q});
    CHECK(pairing_product_is_one(pairs));
}
