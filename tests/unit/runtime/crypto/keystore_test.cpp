#include "runtime/crypto/keystore.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace troupe;

namespace {

constexpr std::string_view definition_secret = "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d";

constexpr std::string_view pbkdf2_file = R"({"crypto":{"cipher":"aes-128-ctr",
"cipherparams":{"iv":"6087dab2f9fdbbfaddc31a909735c1e6"},
"ciphertext":"5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46","kdf":"pbkdf2",
"kdfparams":{"c":262144,"dklen":32,"prf":"hmac-sha256",
"salt":"ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd"},
"mac":"517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2"},
"id":"3198bc9c-6672-5ab3-d995-4942343ae5b6","version":3})";

constexpr std::string_view scrypt_file = R"({"crypto":{"cipher":"aes-128-ctr",
"cipherparams":{"iv":"83dbcc02d8ccb40e466191a123791e0e"},
"ciphertext":"d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c","kdf":"scrypt",
"kdfparams":{"dklen":32,"n":262144,"r":1,"p":8,
"salt":"ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19"},
"mac":"2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097"},
"id":"3198bc9c-6672-5ab3-d995-4942343ae5b6","version":3})";

std::string secret_in(std::string_view file) {
    const auto key = decrypt_keystore(file, "testpassword");
    REQUIRE(key.ok());
    return to_hex(key->reveal());
}

ErrorCode error_of(const nlohmann::json& file, std::string_view password = "testpassword") {
    const auto key = decrypt_keystore(file.dump(), password);
    REQUIRE_FALSE(key.ok());
    return key.error().code;
}

}  // namespace

TEST_CASE("both files of the Web3 Secret Storage definition are read") {
    CHECK(secret_in(pbkdf2_file) == definition_secret);
    CHECK(secret_in(scrypt_file) == definition_secret);
}

TEST_CASE("what is encrypted is decrypted with the same password only, and differs each time") {
    const auto key = Secp256k1SecretKey::generate();
    const KeystoreCost cheap{2, 8, 1};
    const auto file = *encrypt_keystore(key, "pässword", cheap);
    const auto back = decrypt_keystore(file, "pässword");
    REQUIRE(back.ok());
    CHECK(back->address() == key.address());
    CHECK(nlohmann::json::parse(file).at("address") == to_hex(key.address().view()));
    CHECK(nlohmann::json::parse(file).at("id").get<std::string>().size() == 36);
    CHECK(error_of(nlohmann::json::parse(file), "password") == ErrorCode::unauthorized);
    CHECK(*encrypt_keystore(key, "pässword", cheap) != file);
    CHECK(file.find(to_hex(key.reveal())) == std::string::npos);
}

TEST_CASE("a keystore file that is malformed or asks for too much is refused before any work") {
    const auto good = nlohmann::json::parse(scrypt_file);
    const auto with = [&](const char* pointer, const nlohmann::json& value) {
        auto changed = good;
        changed[nlohmann::json::json_pointer{pointer}] = value;
        return error_of(changed);
    };
    CHECK(error_of(nlohmann::json::array()) == ErrorCode::malformed);
    CHECK_FALSE(decrypt_keystore("{", "x").ok());
    CHECK_FALSE(decrypt_keystore(std::string(1 << 20, ' '), "x").ok());
    CHECK(error_of(nlohmann::json::object()) == ErrorCode::unsupported);
    CHECK(with("/version", 4) == ErrorCode::unsupported);
    CHECK(with("/crypto/cipher", "aes-256-cbc") == ErrorCode::unsupported);
    CHECK(with("/crypto/kdf", "argon2") == ErrorCode::unsupported);
    CHECK(with("/crypto", nullptr) == ErrorCode::unsupported);
    CHECK(with("/crypto/cipherparams/iv", "00") == ErrorCode::malformed);
    CHECK(with("/crypto/ciphertext", "xyz") == ErrorCode::malformed);
    CHECK(with("/crypto/mac", 7) == ErrorCode::malformed);
    CHECK(with("/crypto/kdfparams/salt", "") == ErrorCode::malformed);
    CHECK(with("/crypto/kdfparams/dklen", 16) == ErrorCode::malformed);
    CHECK(with("/crypto/kdfparams/n", 0) == ErrorCode::malformed);
    CHECK(with("/crypto/kdfparams/n", 3) == ErrorCode::malformed);
    CHECK(with("/crypto/kdfparams/n", -2) == ErrorCode::malformed);
    CHECK(with("/crypto/kdfparams/n", 1ULL << 63) == ErrorCode::too_large);
    CHECK(with("/crypto/kdfparams/r", 1U << 31) == ErrorCode::too_large);
    CHECK(with("/crypto/kdfparams/p", 1U << 31) == ErrorCode::too_large);
    CHECK(with("/crypto/kdfparams/r", 1ULL << 40) == ErrorCode::malformed);
    auto rounds = nlohmann::json::parse(pbkdf2_file);
    rounds["crypto"]["kdfparams"]["c"] = 1ULL << 40;
    CHECK(error_of(rounds) == ErrorCode::too_large);
    CHECK_FALSE(encrypt_keystore(Secp256k1SecretKey::generate(), "x", {12345, 8, 1}).ok());
}
