#include "runtime/crypto/keystore.hpp"

#include <array>
#include <memory>

#include <nlohmann/json.hpp>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "runtime/crypto/keccak.hpp"
#include "runtime/crypto/random.hpp"
#include "runtime/crypto/scrypt.hpp"

namespace troupe {
namespace {

constexpr std::size_t json_bytes_max = 64 << 10;
constexpr std::uint64_t scrypt_memory_max = 1ULL << 30;
/// n * r * p of geth's standard (n = 2^18, r = 8, p = 1), 16 times.
constexpr std::uint64_t scrypt_work_max = 16ULL << 21;
constexpr std::uint64_t pbkdf2_rounds_max = 10'000'000;

/// 16 bytes to encrypt with, then 16 for the MAC. Wiped when it dies.
struct DerivedKey {
    std::array<std::uint8_t, 32> bytes{};

    DerivedKey() = default;
    DerivedKey(const DerivedKey&) = default;
    DerivedKey& operator=(const DerivedKey&) = default;
    ~DerivedKey() { wipe(bytes); }

    [[nodiscard]] Hash256 mac(ByteView ciphertext) const noexcept {
        return Keccak256{}.update(ByteView{bytes}.subspan(16)).update(ciphertext).finish();
    }
};

Status check_cost(const KeystoreCost& cost) {
    if (cost.n < 2 || (cost.n & (cost.n - 1)) != 0 || cost.r == 0 || cost.p == 0)
        return make_error(ErrorCode::malformed,
                          "keystore: kdfparams: n must be a power of two above 1, r and p above 0");
    if (cost.n > scrypt_memory_max / 128 / cost.r || cost.n * cost.r > scrypt_work_max / cost.p)
        return make_error(ErrorCode::too_large, "keystore: kdfparams: n, r and p ask for too much memory or time");
    return Done{};
}

Result<DerivedKey> derive_by_scrypt(std::string_view password, ByteView salt, const KeystoreCost& cost) {
    if (auto status = check_cost(cost); !status) return status.error();
    DerivedKey key;
    if (!scrypt(password, salt, cost.n, cost.r, cost.p, key.bytes))
        return make_error(ErrorCode::unavailable, "keystore: not enough memory for scrypt");
    return key;
}

Result<DerivedKey> derive_by_pbkdf2(std::string_view password, ByteView salt, std::uint64_t rounds) {
    if (rounds == 0 || rounds > pbkdf2_rounds_max)
        return make_error(ErrorCode::too_large,
                          "keystore: kdfparams.c is not within 1.." + std::to_string(pbkdf2_rounds_max));
    DerivedKey key;
    TROUPE_ASSERT(PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), salt.data(),
                                    static_cast<int>(salt.size()), static_cast<int>(rounds), EVP_sha256(),
                                    static_cast<int>(key.bytes.size()), key.bytes.data()) == 1);
    return key;
}

/// Encrypts and decrypts 32 bytes.
void aes_128_ctr(const DerivedKey& key, ByteView iv16, ByteView in32, std::uint8_t* out32) {
    const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context{EVP_CIPHER_CTX_new(),
                                                                                  EVP_CIPHER_CTX_free};
    int size = 0;
    TROUPE_ASSERT(context && iv16.size() == 16 && in32.size() == 32);
    TROUPE_ASSERT(EVP_EncryptInit_ex(context.get(), EVP_aes_128_ctr(), nullptr, key.bytes.data(), iv16.data()) == 1);
    TROUPE_ASSERT(EVP_EncryptUpdate(context.get(), out32, &size, in32.data(), 32) == 1 && size == 32);
}

std::string random_uuid() {
    std::array<std::uint8_t, 16> bytes;
    fill_random(bytes);
    bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0f) | 0x40);  // RFC 4122: version 4, variant 1
    bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3f) | 0x80);
    auto text = to_hex(bytes);
    for (const std::size_t at : {20, 16, 12, 8}) text.insert(at, 1, '-');
    return text;
}

// Fields of JSON that may be absent or of another type.

const nlohmann::json* member(const nlohmann::json* object, const char* name) {
    if (!object || !object->is_object()) return nullptr;
    const auto found = object->find(name);
    return found == object->end() ? nullptr : &*found;
}

std::string text_of(const nlohmann::json* value) {
    return value && value->is_string() ? value->get<std::string>() : std::string{};
}

std::optional<std::uint64_t> number_of(const nlohmann::json* value) {
    if (!value || !value->is_number_unsigned()) return std::nullopt;
    return value->get<std::uint64_t>();
}

std::optional<std::uint32_t> small_number_of(const nlohmann::json* value) {
    const auto number = number_of(value);
    if (!number || *number > UINT32_MAX) return std::nullopt;
    return static_cast<std::uint32_t>(*number);
}

std::optional<Bytes> hex_of(const nlohmann::json* value) {
    const auto text = text_of(value);
    return text.empty() ? std::nullopt : from_hex(text);
}

Error bad_field(const char* name) {
    return make_error(ErrorCode::malformed, std::string{"keystore: field "} + name + " is missing or malformed");
}

Result<DerivedKey> derive(const nlohmann::json* crypto, std::string_view password) {
    const auto* params = member(crypto, "kdfparams");
    const auto salt = hex_of(member(params, "salt"));
    if (!salt) return bad_field("crypto.kdfparams.salt");
    if (number_of(member(params, "dklen")) != 32) return bad_field("crypto.kdfparams.dklen (must be 32)");
    const auto kdf = text_of(member(crypto, "kdf"));
    if (kdf == "scrypt") {
        const auto n = number_of(member(params, "n"));
        const auto r = small_number_of(member(params, "r"));
        const auto p = small_number_of(member(params, "p"));
        if (!n || !r || !p) return bad_field("crypto.kdfparams.n, r or p");
        return derive_by_scrypt(password, *salt, {*n, *r, *p});
    }
    if (kdf == "pbkdf2") {
        const auto rounds = number_of(member(params, "c"));
        if (!rounds) return bad_field("crypto.kdfparams.c");
        if (text_of(member(params, "prf")) != "hmac-sha256")
            return make_error(ErrorCode::unsupported, "keystore: crypto.kdfparams.prf must be hmac-sha256");
        return derive_by_pbkdf2(password, *salt, *rounds);
    }
    return make_error(ErrorCode::unsupported, "keystore: crypto.kdf must be scrypt or pbkdf2, not '" + kdf + "'");
}

}  // namespace

Result<std::string> encrypt_keystore(const Secp256k1SecretKey& key, std::string_view password,
                                     const KeystoreCost& cost) {
    std::array<std::uint8_t, 32> salt;
    std::array<std::uint8_t, 16> iv;
    std::array<std::uint8_t, 32> ciphertext;
    fill_random(salt);
    fill_random(iv);
    const auto derived = derive_by_scrypt(password, salt, cost);
    if (!derived) return derived.error();
    aes_128_ctr(*derived, iv, key.reveal(), ciphertext.data());
    const nlohmann::json document{
        {"address", to_hex(key.address().view())},
        {"crypto",
         {{"cipher", "aes-128-ctr"},
          {"cipherparams", {{"iv", to_hex(iv)}}},
          {"ciphertext", to_hex(ciphertext)},
          {"kdf", "scrypt"},
          {"kdfparams", {{"dklen", 32}, {"n", cost.n}, {"p", cost.p}, {"r", cost.r}, {"salt", to_hex(salt)}}},
          {"mac", to_hex(derived->mac(ciphertext).view())}}},
        {"id", random_uuid()},
        {"version", 3}};
    return document.dump();
}

Result<Secp256k1SecretKey> decrypt_keystore(std::string_view json, std::string_view password) {
    if (json.size() > json_bytes_max) return make_error(ErrorCode::too_large, "keystore: more than 64 KiB");
    if (password.size() > json_bytes_max) return make_error(ErrorCode::too_large, "keystore: password too long");
    const auto document = nlohmann::json::parse(json, nullptr, false);
    if (document.is_discarded() || !document.is_object())
        return make_error(ErrorCode::malformed, "keystore: not a JSON object");
    if (number_of(member(&document, "version")) != 3)
        return make_error(ErrorCode::unsupported, "keystore: version must be 3");
    const auto* crypto = member(&document, "crypto");
    if (!crypto) crypto = member(&document, "Crypto");  // as early clients wrote it
    if (text_of(member(crypto, "cipher")) != "aes-128-ctr")
        return make_error(ErrorCode::unsupported, "keystore: crypto.cipher must be aes-128-ctr");
    const auto iv = hex_of(member(member(crypto, "cipherparams"), "iv"));
    if (!iv || iv->size() != 16) return bad_field("crypto.cipherparams.iv");
    const auto ciphertext = hex_of(member(crypto, "ciphertext"));
    if (!ciphertext || ciphertext->size() != 32) return bad_field("crypto.ciphertext");
    const auto mac = hex_of(member(crypto, "mac"));
    if (!mac || mac->size() != 32) return bad_field("crypto.mac");

    const auto derived = derive(crypto, password);
    if (!derived) return derived.error();
    if (CRYPTO_memcmp(derived->mac(*ciphertext).data(), mac->data(), 32) != 0)
        return make_error(ErrorCode::unauthorized, "keystore: wrong password");
    std::array<std::uint8_t, 32> secret;
    aes_128_ctr(*derived, *iv, *ciphertext, secret.data());
    auto key = Secp256k1SecretKey::from_bytes(secret);
    wipe(secret);
    if (!key) return make_error(ErrorCode::invalid, "keystore: what is inside is not a secp256k1 secret key");
    return std::move(*key);
}

}  // namespace troupe
