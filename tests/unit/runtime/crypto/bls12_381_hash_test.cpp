#include "runtime/crypto/bls12_381_hash.hpp"

#include <doctest/doctest.h>

#include "tests/unit/runtime/crypto/bls12_381_samples.hpp"

using namespace troupe;
using namespace troupe::bls12_381;

namespace {

const std::string tag_1 = "QUUX-V01-CS02-with-BLS12381G1_XMD:SHA-256_SSWU_RO_";
const std::string tag_2 = "QUUX-V01-CS02-with-BLS12381G2_XMD:SHA-256_SSWU_RO_";

}  // namespace

// RFC 9380, appendix K.1.
TEST_CASE("messages are expanded as in RFC 9380") {
    const auto tag = as_bytes("QUUX-V01-CS02-with-expander-SHA256-128");
    CHECK(to_hex(expand_message(as_bytes(""), tag, 32)) ==
          "68a985b87eb6b46952128911f2a4412bbc302a9d759667f87f7a21d803f07235");
    CHECK(to_hex(expand_message(as_bytes("abc"), tag, 32)) ==
          "d8ccab23b5985ccea865c6c97b6e5b8350e794e603b4b97902f53a8a0d605615");
    CHECK(expand_message(as_bytes("abc"), tag, 100).size() == 100);
}

// RFC 9380, appendices J.9.1 and J.10.1.
TEST_CASE("messages are hashed to the points of RFC 9380") {
    const auto p = hash_to_g1(as_bytes("abc"), as_bytes(tag_1));
    CHECK(to_hex(p.x.to_bytes()) ==
          "03567bc5ef9c690c2ab2ecdf6a96ef1c139cc0b2f284dca0a9a7943388a49a3aee664ba5379a7655d3c68900be2f6903");
    CHECK(to_hex(p.y.to_bytes()) ==
          "0b9c15f3fe6e5cf4211f346271d7b01c8f3b28be689c8429c85b67af215533311f0b8dfaaa154fa6b88176c229f2885d");
    const auto q = hash_to_g2(as_bytes("abc"), as_bytes(tag_2));
    CHECK(to_hex(q.x.c0.to_bytes()) ==
          "02c2d18e033b960562aae3cab37a27ce00d80ccd5ba4b7fe0e7a210245129dbec7780ccc7954725f4168aff2787776e6");
    CHECK(to_hex(q.y.c1.to_bytes()) ==
          "00aa65dae3c8d732d10ecd2c50f8a1baf3001578f71c694e03866e9f3d49ac1e1ce70dd94a733534f106d4cec0eddd16");
}

TEST_CASE("the maps reach the curves from every element, exceptional ones included") {
    Samples samples{8};
    CHECK(map_to_curve_1(Fp::zero()).to_affine().is_on_curve());
    CHECK(map_to_curve_2(bls12_381::Fp2::zero()).to_affine().is_on_curve());
    for (int i = 0; i < 20; ++i) {
        CHECK(map_to_curve_1(samples.fp()).to_affine().is_on_curve());
        CHECK(map_to_curve_2(samples.fp2()).to_affine().is_on_curve());
        CHECK(map_to_curve_2({samples.fp(), Fp::zero()}).to_affine().is_on_curve());
        CHECK(map_to_curve_2({Fp::zero(), samples.fp()}).to_affine().is_on_curve());
    }
}
