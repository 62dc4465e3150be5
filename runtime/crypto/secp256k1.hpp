// Ethereum's signatures: ECDSA over secp256k1 with public-key recovery (libsecp256k1). All functions are thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "runtime/base/bytes.hpp"

namespace troupe {

/// Affine coordinates x then y, big-endian, without the 0x04 prefix.
using Secp256k1PublicKey = FixedBytes<64, struct Secp256k1PublicKeyKind>;

struct RecoverableSignature {
    /// r then s, big-endian.
    FixedBytes<64, struct Secp256k1SignatureKind> r_s;
    /// 0 or 1 in transactions (the y parity of R); 2 and 3 mean that R's x coordinate is r + n.
    std::uint8_t recovery_id = 0;

    bool operator==(const RecoverableSignature&) const = default;
};

/// 32 bytes that are wiped when the object dies. Cannot be copied, compared or printed.
class Secp256k1SecretKey {
public:
    /// Nothing if the number is zero or not below the group order.
    [[nodiscard]] static std::optional<Secp256k1SecretKey> from_bytes(ByteView bytes32) noexcept;
    [[nodiscard]] static Secp256k1SecretKey generate() noexcept;

    Secp256k1SecretKey(Secp256k1SecretKey&& other) noexcept;
    Secp256k1SecretKey& operator=(Secp256k1SecretKey&& other) noexcept;
    ~Secp256k1SecretKey();

    [[nodiscard]] Secp256k1PublicKey public_key() const noexcept;
    [[nodiscard]] Address address() const noexcept;
    /// Low s, nonce by RFC 6979: the same digest gives the same signature.
    [[nodiscard]] RecoverableSignature sign(const Hash256& digest) const noexcept;
    /// The raw key, for the keystore. The caller wipes copies.
    [[nodiscard]] ByteView reveal() const noexcept { return bytes_; }

private:
    Secp256k1SecretKey() = default;
    std::array<std::uint8_t, 32> bytes_{};
};

/// The signer's key; nothing if r or s is zero or not below the group order, if r is not the x of a point, or if
/// `recovery_id` is not 0..3. High s is accepted here, as by the ecrecover precompile: callers that must refuse it
/// (EIP-2) ask `is_low_s`.
[[nodiscard]] std::optional<Secp256k1PublicKey> recover_public_key(const Hash256& digest, ByteView r_s,
                                                                   int recovery_id) noexcept;
[[nodiscard]] std::optional<Address> recover_address(const Hash256& digest, ByteView r_s, int recovery_id) noexcept;

/// Last 20 bytes of keccak256 of the key.
[[nodiscard]] Address address_of(const Secp256k1PublicKey& key) noexcept;

/// s is at most half of the group order. `r_s` is 64 bytes.
[[nodiscard]] bool is_low_s(ByteView r_s) noexcept;

}  // namespace troupe
