// Ed25519 (RFC 8032): the identity keys of nodes and, for now, what chunk certificates are made of.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "runtime/base/bytes.hpp"

struct evp_pkey_st;

namespace troupe {

using Ed25519PublicKey = FixedBytes<32, struct Ed25519PublicKeyKind>;
using Ed25519Signature = FixedBytes<64, struct Ed25519SignatureKind>;
/// RFC 8032 private key. A secret: wipe it after use.
using Ed25519Seed = FixedBytes<32, struct Ed25519SeedKind>;

namespace detail {
struct EvpKeyFree {
    void operator()(evp_pkey_st* key) const noexcept;
};
using EvpKey = std::unique_ptr<evp_pkey_st, EvpKeyFree>;
}  // namespace detail

/// A public key made ready for many verifications: keep it, creating it takes some microseconds.
/// `verify` may be called from several threads at once.
class Ed25519Verifier {
public:
    /// Nothing if OpenSSL does not accept the bytes.
    [[nodiscard]] static std::optional<Ed25519Verifier> from(const Ed25519PublicKey& key);

    [[nodiscard]] const Ed25519PublicKey& key() const noexcept { return key_; }
    /// False for any signature that is not 64 bytes of a valid signature.
    [[nodiscard]] bool verify(ByteView message, ByteView signature) const noexcept;

private:
    Ed25519Verifier(const Ed25519PublicKey& key, detail::EvpKey handle) : key_(key), handle_(std::move(handle)) {}

    Ed25519PublicKey key_;
    detail::EvpKey handle_;
};

/// A signing key. `sign` may be called from several threads at once. The seed is wiped when the object dies.
class Ed25519KeyPair {
public:
    /// `seed` is 32 bytes (RFC 8032 private key).
    [[nodiscard]] static std::optional<Ed25519KeyPair> from_seed(ByteView seed);
    [[nodiscard]] static Ed25519KeyPair generate();

    Ed25519KeyPair(Ed25519KeyPair&&) noexcept = default;
    Ed25519KeyPair& operator=(Ed25519KeyPair&&) noexcept = default;
    ~Ed25519KeyPair() = default;

    [[nodiscard]] const Ed25519PublicKey& public_key() const noexcept { return public_key_; }
    [[nodiscard]] Ed25519Signature sign(ByteView message) const noexcept;
    /// The seed, for a key file. The caller wipes it.
    [[nodiscard]] Ed25519Seed reveal_seed() const noexcept;

private:
    Ed25519KeyPair(const Ed25519PublicKey& key, detail::EvpKey handle) : public_key_(key), handle_(std::move(handle)) {}

    Ed25519PublicKey public_key_;
    detail::EvpKey handle_;
};

/// One verification without a kept key. Use Ed25519Verifier where the key is known for longer.
[[nodiscard]] bool ed25519_verify(const Ed25519PublicKey& key, ByteView message, ByteView signature) noexcept;

}  // namespace troupe
