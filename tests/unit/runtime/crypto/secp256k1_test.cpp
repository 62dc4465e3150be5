#include "runtime/crypto/secp256k1.hpp"

#include <type_traits>

#include <doctest/doctest.h>

#include "runtime/crypto/keccak.hpp"

using namespace troupe;

namespace {

Secp256k1SecretKey key_of(std::string_view hex) {
    auto key = Secp256k1SecretKey::from_bytes(*from_hex(hex));
    REQUIRE(key.has_value());
    return std::move(*key);
}

constexpr std::string_view order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";

}  // namespace

TEST_CASE("the first development account of Foundry and Hardhat has its known address") {
    const auto key = key_of("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");
    CHECK(to_hex(key.address().view()) == "f39fd6e51aad88f6f4ce6ab8827279cfffb92266");
}

TEST_CASE("recovery gives the sender of the EIP-155 example transaction") {
    const auto key = key_of("4646464646464646464646464646464646464646464646464646464646464646");
    const auto digest = *fixed_from_hex<Hash256>("daf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53");
    const auto r_s = *from_hex(
        "28ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276"
        "67cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83");
    const auto signature = key.sign(digest);
    CHECK(Bytes(signature.r_s.begin(), signature.r_s.end()) == r_s);
    CHECK(signature.recovery_id == 0);
    CHECK(recover_address(digest, r_s, 0) == key.address());
    CHECK(recover_address(digest, r_s, 1) != key.address());
}

TEST_CASE("what is signed is recovered, has low s, and is the same each time") {
    for (int i = 0; i < 50; ++i) {
        const auto key = Secp256k1SecretKey::generate();
        const auto digest = keccak256(key.public_key().view());
        const auto signature = key.sign(digest);
        REQUIRE(is_low_s(signature.r_s.view()));
        REQUIRE(key.sign(digest) == signature);
        REQUIRE(recover_public_key(digest, signature.r_s.view(), signature.recovery_id) == key.public_key());
        auto other_digest = digest;
        other_digest[31] ^= 1;
        REQUIRE(recover_address(other_digest, signature.r_s.view(), signature.recovery_id) != key.address());
    }
}

TEST_CASE("the mirrored signature with high s recovers the same key and is told apart") {
    const auto key = key_of("4646464646464646464646464646464646464646464646464646464646464646");
    const auto digest = keccak256(as_bytes("x"));
    auto mirrored = key.sign(digest);
    const auto n = *from_hex(order);
    int borrow = 0;
    for (std::size_t i = 32; i-- > 0;) {
        const int difference = n[i] - mirrored.r_s[32 + i] - borrow;
        borrow = difference < 0 ? 1 : 0;
        mirrored.r_s[32 + i] = static_cast<std::uint8_t>(difference);
    }
    CHECK_FALSE(is_low_s(mirrored.r_s.view()));
    CHECK(recover_address(digest, mirrored.r_s.view(), mirrored.recovery_id ^ 1) == key.address());
}

TEST_CASE("recovery refuses r or s out of range, a bad recovery id, and a bad length") {
    const auto digest = keccak256(as_bytes("x"));
    const auto key = Secp256k1SecretKey::generate();
    const auto good = key.sign(digest);
    const auto with = [&](std::size_t offset, std::string_view hex) {
        auto r_s = good.r_s;
        const auto bytes = *from_hex(hex);
        std::copy(bytes.begin(), bytes.end(), r_s.bytes.begin() + static_cast<std::ptrdiff_t>(offset));
        return recover_address(digest, r_s.view(), good.recovery_id);
    };
    const std::string zero(64, '0');
    CHECK_FALSE(with(0, zero));
    CHECK_FALSE(with(32, zero));
    CHECK_FALSE(with(0, order));
    CHECK_FALSE(with(32, order));
    CHECK_FALSE(recover_address(digest, good.r_s.view(), 4));
    CHECK_FALSE(recover_address(digest, good.r_s.view(), -1));
    CHECK_FALSE(recover_address(digest, good.r_s.view().first(63), 0));
    // r + n exceeds the field for nearly every r.
    CHECK_FALSE(recover_address(digest, good.r_s.view(), 2));
}

TEST_CASE("a secret key is neither zero nor the group order nor of another size, and cannot be copied") {
    CHECK_FALSE(Secp256k1SecretKey::from_bytes(Bytes(32)));
    CHECK_FALSE(Secp256k1SecretKey::from_bytes(*from_hex(order)));
    CHECK_FALSE(Secp256k1SecretKey::from_bytes(Bytes(31, 1)));
    static_assert(!std::is_copy_constructible_v<Secp256k1SecretKey>);
    auto key = Secp256k1SecretKey::generate();
    const auto moved = std::move(key);
    CHECK(std::ranges::all_of(key.reveal(), [](auto b) { return b == 0; }));
    CHECK(std::ranges::any_of(moved.reveal(), [](auto b) { return b != 0; }));
}
