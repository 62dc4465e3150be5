#include "runtime/crypto/secp256k1_recover.hpp"

#include <random>

#include <doctest/doctest.h>

#include "runtime/base/uint256.hpp"
#include "runtime/crypto/keccak.hpp"

using namespace troupe;

namespace {

constexpr uint256 group_order{0xFFFFFFFFFFFFFFFFULL, 0xFFFFFFFFFFFFFFFEULL, 0xBAAEDCE6AF48A03BULL,
                              0xBFD25E8CD0364141ULL};

Hash256 digest_of(std::uint32_t number) {
    const std::uint8_t bytes[4] = {static_cast<std::uint8_t>(number), static_cast<std::uint8_t>(number >> 8), 7, 9};
    return keccak256(bytes);
}

UnknownKeySignature signed_by(std::uint8_t key, const Hash256& digest) {
    return {digest, Secp256k1SecretKey::from_bytes(Bytes(32, key))->sign(digest)};
}

RecoverableSignature signature_of(const uint256& r, const uint256& s, std::uint8_t recovery_id) {
    RecoverableSignature out;
    const auto r_bytes = to_big_endian(r);
    const auto s_bytes = to_big_endian(s);
    std::copy(r_bytes.begin(), r_bytes.end(), out.r_s.bytes.begin());
    std::copy(s_bytes.begin(), s_bytes.end(), out.r_s.bytes.begin() + 32);
    out.recovery_id = recovery_id;
    return out;
}

/// Each as libsecp256k1 recovers it alone.
void check_same(const std::vector<UnknownKeySignature>& signatures) {
    const auto keys = recover_public_keys(signatures);
    REQUIRE(keys.size() == signatures.size());
    for (std::size_t i = 0; i < keys.size(); ++i) {
        const auto& [digest, signature] = signatures[i];
        CAPTURE(i);
        CHECK(keys[i] == recover_public_key(digest, signature.r_s.view(), signature.recovery_id));
    }
}

TEST_CASE("many recovered at once are the keys that signed") {
    std::vector<UnknownKeySignature> signatures;
    for (std::uint32_t i = 0; i < 150; ++i)
        signatures.push_back(signed_by(static_cast<std::uint8_t>(1 + i % 200), digest_of(i)));
    const auto keys = recover_public_keys(signatures);
    for (std::uint32_t i = 0; i < 150; ++i)
        CHECK(keys[i] ==
              Secp256k1SecretKey::from_bytes(Bytes(32, static_cast<std::uint8_t>(1 + i % 200)))->public_key());
    check_same(signatures);
}

TEST_CASE("none and one are recovered too") {
    CHECK(recover_public_keys({}).empty());
    check_same({signed_by(5, digest_of(1))});
}

TEST_CASE("random numbers, and ones near the edges, give the key or nothing as libsecp256k1 does") {
    std::mt19937_64 random{77};
    const auto number = [&]() -> uint256 {
        switch (random() % 8) {
            case 0: return uint256{random() % 4};
            case 1: return group_order - uint256{random() % 4};
            case 2: return group_order + uint256{random() % 4};
            case 3: return uint256{} - uint256{1 + random() % 4};
            // Where r + n is still below the field's prime, so that recovery ids 2 and 3 mean something.
            case 4: return uint256{0, 0, 1, random()};
            case 5: return uint256{0, 0, random(), random()};
            default: return uint256{random(), random(), random(), random()};
        }
    };
    std::vector<UnknownKeySignature> signatures;
    for (int i = 0; i < 3000; ++i) {
        Hash256 digest;
        if (i % 7 != 0) digest = to_big_endian(number());
        signatures.push_back({digest, signature_of(number(), number(), static_cast<std::uint8_t>(random() % 4))});
    }
    check_same(signatures);
    const auto keys = recover_public_keys(signatures);
    CHECK(std::ranges::count_if(keys, [](const auto& key) { return key.has_value(); }) > 300);
}

TEST_CASE("a signature whose key would be the point at infinity has none") {
    // With digest = s * k for the nonce k, u1 G + u2 R = (-s k + s k) / r G. Nonce 1: R is the generator.
    constexpr uint256 generator_x{0x79BE667EF9DCBBACULL, 0x55A06295CE870B07ULL, 0x029BFCDB2DCE28D9ULL,
                                  0x59F2815B16F81798ULL};
    const uint256 s{12345};
    const UnknownKeySignature infinite{to_big_endian(s), signature_of(generator_x, s, 0)};
    const auto keys = recover_public_keys(std::vector{infinite, signed_by(3, digest_of(9))});
    CHECK_FALSE(keys[0].has_value());
    CHECK(keys[1].has_value());
    check_same({infinite, signed_by(3, digest_of(9))});
}

TEST_CASE("a recovery id above 3 gives nothing") {
    auto signature = signed_by(3, digest_of(9));
    signature.signature.recovery_id = 4;
    CHECK_FALSE(recover_public_keys(std::vector{signature})[0].has_value());
}

}  // namespace
