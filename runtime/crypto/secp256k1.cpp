#include "runtime/crypto/secp256k1.hpp"

#include <utility>

#include <secp256k1.h>
#include <secp256k1_recovery.h>

#include "runtime/base/result.hpp"
#include "runtime/crypto/keccak.hpp"
#include "runtime/crypto/random.hpp"

namespace troupe {
namespace {

/// One context for the process: after its randomization (which blinds signing against side channels) it is only read,
/// so all threads share it.
const secp256k1_context* shared_context() noexcept {
    static const secp256k1_context* const context = [] {
        auto* made = secp256k1_context_create(SECP256K1_CONTEXT_SIGN | SECP256K1_CONTEXT_VERIFY);
        std::array<std::uint8_t, 32> seed;
        fill_random(seed);
        TROUPE_ASSERT(secp256k1_context_randomize(made, seed.data()) == 1);
        wipe(seed);
        return made;
    }();
    return context;
}

Secp256k1PublicKey serialized(const secp256k1_pubkey& key) noexcept {
    std::array<std::uint8_t, 65> bytes;
    std::size_t size = bytes.size();
    secp256k1_ec_pubkey_serialize(shared_context(), bytes.data(), &size, &key, SECP256K1_EC_UNCOMPRESSED);
    Secp256k1PublicKey out;
    std::copy(bytes.begin() + 1, bytes.end(), out.bytes.begin());
    return out;
}

}  // namespace

std::optional<Secp256k1SecretKey> Secp256k1SecretKey::from_bytes(ByteView bytes32) noexcept {
    if (bytes32.size() != 32 || secp256k1_ec_seckey_verify(shared_context(), bytes32.data()) != 1) return std::nullopt;
    Secp256k1SecretKey key;
    std::copy(bytes32.begin(), bytes32.end(), key.bytes_.begin());
    return key;
}

Secp256k1SecretKey Secp256k1SecretKey::generate() noexcept {
    Secp256k1SecretKey key;
    do {
        fill_random(key.bytes_);
    } while (secp256k1_ec_seckey_verify(shared_context(), key.bytes_.data()) != 1);
    return key;
}

Secp256k1SecretKey::Secp256k1SecretKey(Secp256k1SecretKey&& other) noexcept : bytes_(other.bytes_) {
    wipe(other.bytes_);
}

Secp256k1SecretKey& Secp256k1SecretKey::operator=(Secp256k1SecretKey&& other) noexcept {
    if (this != &other) {
        bytes_ = other.bytes_;
        wipe(other.bytes_);
    }
    return *this;
}

Secp256k1SecretKey::~Secp256k1SecretKey() { wipe(bytes_); }

Secp256k1PublicKey Secp256k1SecretKey::public_key() const noexcept {
    secp256k1_pubkey key;
    TROUPE_ASSERT(secp256k1_ec_pubkey_create(shared_context(), &key, bytes_.data()) == 1);
    return serialized(key);
}

Address Secp256k1SecretKey::address() const noexcept { return address_of(public_key()); }

RecoverableSignature Secp256k1SecretKey::sign(const Hash256& digest) const noexcept {
    secp256k1_ecdsa_recoverable_signature signature;
    TROUPE_ASSERT(secp256k1_ecdsa_sign_recoverable(shared_context(), &signature, digest.data(), bytes_.data(),
                                                   secp256k1_nonce_function_rfc6979, nullptr) == 1);
    RecoverableSignature out;
    int recovery_id = 0;
    secp256k1_ecdsa_recoverable_signature_serialize_compact(shared_context(), out.r_s.data(), &recovery_id, &signature);
    out.recovery_id = static_cast<std::uint8_t>(recovery_id);
    return out;
}

std::optional<Secp256k1PublicKey> recover_public_key(const Hash256& digest, ByteView r_s, int recovery_id) noexcept {
    if (r_s.size() != 64 || recovery_id < 0 || recovery_id > 3) return std::nullopt;
    secp256k1_ecdsa_recoverable_signature signature;
    if (secp256k1_ecdsa_recoverable_signature_parse_compact(shared_context(), &signature, r_s.data(), recovery_id) != 1)
        return std::nullopt;
    secp256k1_pubkey key;
    if (secp256k1_ecdsa_recover(shared_context(), &key, &signature, digest.data()) != 1) return std::nullopt;
    return serialized(key);
}

std::optional<Address> recover_address(const Hash256& digest, ByteView r_s, int recovery_id) noexcept {
    const auto key = recover_public_key(digest, r_s, recovery_id);
    if (!key) return std::nullopt;
    return address_of(*key);
}

Address address_of(const Secp256k1PublicKey& key) noexcept {
    const auto digest = keccak256(key.view());
    Address out;
    std::copy(digest.begin() + 12, digest.end(), out.bytes.begin());
    return out;
}

bool is_low_s(ByteView r_s) noexcept {
    static constexpr std::array<std::uint8_t, 32> half_order{
        0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0x5d, 0x57, 0x6e, 0x73, 0x57, 0xa4, 0x50, 0x1d, 0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa0};
    if (r_s.size() != 64) return false;
    return !std::lexicographical_compare(half_order.begin(), half_order.end(), r_s.begin() + 32, r_s.end());
}

}  // namespace troupe
