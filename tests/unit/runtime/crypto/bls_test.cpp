#include "runtime/crypto/bls.hpp"

#include <doctest/doctest.h>

#include "runtime/crypto/bls12_381_encoding.hpp"
#include "tests/unit/runtime/crypto/bls12_381_samples.hpp"

using namespace troupe;

namespace {

bls::SecretKey key_of(const char* hex) {
    return *bls::SecretKey::from_bytes(*fixed_from_hex<bls::SecretKeyBytes>(hex));
}

/// The keys of Ethereum's consensus-spec tests.
const std::vector<bls::SecretKey>& keys() {
    static const std::vector<bls::SecretKey> out{
        key_of("263dbd792f5b1be47ed85f8938c0f29586af0d3ac7b977f21c278fe1462040e3"),
        key_of("47b8192d77bf871b62e87859d653922725724a5c031afeabc60bcef5ff665138"),
        key_of("328388aff0d4a5b7dc9205abd374e7e98f3cd9f3418edb4eafda5fb16473d216")};
    return out;
}

std::vector<bls::PublicKey> public_keys() {
    std::vector<bls::PublicKey> out;
    for (const auto& key : keys()) out.push_back(key.public_key());
    return out;
}

}  // namespace

// ethereum/bls12-381-tests.
TEST_CASE("keys and signatures are those of Ethereum's test vectors") {
    CHECK(to_hex(keys()[0].public_key().bytes().view()) ==
          "a491d1b0ecd9bb917989f0e74f0dea0422eac4a873e5e2644f368dffb9a6e20fd6e10c1b77654d067c0618f6e5a7f79a");
    CHECK(
        to_hex(keys()[0].sign(Bytes(32)).bytes().view()) ==
        "b6ed936746e01f8ecf281f020953fbf1f01debd5657c4a383940b020b26507f6076334f91e2366c96e9ab279fb5158090352ea1c5b0c92"
        "74504f4f0e7053af24802e51e4568d164fe986834f41e55c8e850ce1f98458c0cfc9ab380b55285a55");
}

// EIP-2333's first test case derives its master key by the same KeyGen.
TEST_CASE("keys are generated from key material as in the draft") {
    const auto seed = *from_hex(
        "c55257c360c07c72029aebc1b53c05ed0362ada38ead3e3e9efa3708e53495531f09a6987599d18264c1e1c92f2cf141630c7a3c4ab7c8"
        "1b"
        "2f001698e7463b04");
    CHECK(to_hex(bls::SecretKey::generate(seed)->bytes().view()) ==
          "0d7359d57963ab8fbbde1852dcf553fedbc31f464d80ee7d40ae683122b45070");
    CHECK_FALSE(bls::SecretKey::generate(Bytes(31)));
    CHECK(bls::SecretKey::generate(seed)->bytes() != bls::SecretKey::generate(seed, as_bytes("info"))->bytes());
}

TEST_CASE("a signature verifies under its key and message only") {
    const auto& key = keys()[0];
    const auto signature = key.sign(as_bytes("message"));
    CHECK(bls::verify(key.public_key(), as_bytes("message"), signature));
    CHECK_FALSE(bls::verify(key.public_key(), as_bytes("massage"), signature));
    CHECK_FALSE(bls::verify(keys()[1].public_key(), as_bytes("message"), signature));
    CHECK_FALSE(bls::verify(key.public_key(), as_bytes("message"), key.sign(as_bytes("other"))));
    CHECK_FALSE(bls::verify(key.public_key(), as_bytes("message"), bls::Signature{bls12_381::G2Affine{}}));
    CHECK(*bls::Signature::parse(signature.bytes().view()) == signature);
    CHECK(*bls::PublicKey::parse(key.public_key().bytes().view()) == key.public_key());
}

TEST_CASE("a proof of possession is no signature, and a signature no proof") {
    const auto& key = keys()[0];
    const auto proof = key.prove_possession();
    CHECK(bls::verify_possession(key.public_key(), proof));
    CHECK_FALSE(bls::verify_possession(keys()[1].public_key(), proof));
    CHECK_FALSE(bls::verify(key.public_key(), key.public_key().bytes().view(), proof));
    CHECK_FALSE(bls::verify_possession(key.public_key(), key.sign(key.public_key().bytes().view())));
}

TEST_CASE("signatures of one message add up to one that all the keys verify, and no subset") {
    const auto message = as_bytes("one message");
    std::vector<bls::Signature> signatures;
    for (const auto& key : keys()) signatures.push_back(key.sign(message));
    const auto all = public_keys();
    const auto sum = *bls::aggregate(signatures);
    CHECK(bls::fast_aggregate_verify(all, message, sum));
    CHECK_FALSE(bls::fast_aggregate_verify(std::span{all}.first(2), message, sum));
    CHECK_FALSE(bls::fast_aggregate_verify(all, as_bytes("another"), sum));
    CHECK_FALSE(bls::fast_aggregate_verify({}, message, sum));
    CHECK_FALSE(bls::fast_aggregate_verify({}, message, bls::Signature{bls12_381::G2Affine{}}));
    CHECK_FALSE(bls::aggregate({}));
    const std::vector<ByteView> same(3, message);
    CHECK(bls::aggregate_verify(all, same, sum));
}

TEST_CASE("signatures of different messages add up to one that verifies each key with its message") {
    const std::vector<ByteView> messages{as_bytes("a"), as_bytes("b"), as_bytes("c")};
    std::vector<bls::Signature> signatures;
    for (std::size_t i = 0; i < 3; ++i) signatures.push_back(keys()[i].sign(messages[i]));
    const auto all = public_keys();
    const auto sum = *bls::aggregate(signatures);
    CHECK(bls::aggregate_verify(all, messages, sum));
    const std::vector<ByteView> swapped{messages[1], messages[0], messages[2]};
    CHECK_FALSE(bls::aggregate_verify(all, swapped, sum));
    CHECK_FALSE(bls::aggregate_verify(all, std::span{messages}.first(2), sum));
    CHECK_FALSE(bls::aggregate_verify({}, {}, sum));
}

TEST_CASE("keys and signatures outside the groups are refused, and so is the key infinity") {
    bls12_381::Samples samples{12};
    CHECK_FALSE(bls::PublicKey::parse(bls12_381::compress(bls12_381::G1Affine{})));
    CHECK_FALSE(bls::PublicKey::parse(bls12_381::compress(samples.curve_point_1())));
    CHECK_FALSE(bls::Signature::parse(bls12_381::compress(samples.curve_point_2())));
    CHECK_FALSE(bls::SecretKey::from_bytes({}));
    CHECK_FALSE(bls::SecretKey::from_bytes(
        *fixed_from_hex<bls::SecretKeyBytes>("73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001")));
}
