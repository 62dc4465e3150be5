// BLS signatures over BLS12-381 with keys in G1 and signatures in G2: draft-irtf-cfrg-bls-signature-05, the
// proof-of-possession ciphersuite BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_ (Ethereum's). Signatures of one message
// add up to one signature, which is safe only among keys whose possession was proven.
#pragma once

#include <span>

#include "runtime/base/bytes.hpp"
#include "runtime/base/result.hpp"
#include "runtime/crypto/bls12_381_group.hpp"

namespace troupe::bls {

/// Compressed points.
using PublicKeyBytes = FixedBytes<48, struct BlsPublicKeyKind>;
using SignatureBytes = FixedBytes<96, struct BlsSignatureKind>;
using SecretKeyBytes = FixedBytes<32, struct BlsSecretKeyKind>;

/// A point of G1 other than infinity: KeyValidate holds.
class PublicKey {
public:
    /// An error unless the bytes (compressed or not) are a valid key.
    [[nodiscard]] static Result<PublicKey> parse(ByteView bytes);
    /// `point` must be in the group and not infinity.
    explicit PublicKey(const bls12_381::G1Affine& point) noexcept : point_(point) {}

    [[nodiscard]] PublicKeyBytes bytes() const noexcept;
    [[nodiscard]] const bls12_381::G1Affine& point() const noexcept { return point_; }
    bool operator==(const PublicKey&) const noexcept = default;

private:
    bls12_381::G1Affine point_;
};

/// A point of G2.
class Signature {
public:
    /// An error unless the bytes (compressed or not) are a point of the group.
    [[nodiscard]] static Result<Signature> parse(ByteView bytes);
    /// `point` must be in the group.
    explicit Signature(const bls12_381::G2Affine& point) noexcept : point_(point) {}

    [[nodiscard]] SignatureBytes bytes() const noexcept;
    [[nodiscard]] const bls12_381::G2Affine& point() const noexcept { return point_; }
    bool operator==(const Signature&) const noexcept = default;

private:
    bls12_381::G2Affine point_;
};

/// Wiped when it dies. What is done with it takes the same course whatever its value.
class SecretKey {
public:
    /// KeyGen, section 2.3. Nothing if the key material is shorter than 32 bytes.
    [[nodiscard]] static Result<SecretKey> generate(ByteView key_material, ByteView key_info = {});
    /// Big-endian. An error on zero and on the group's order or more.
    [[nodiscard]] static Result<SecretKey> from_bytes(const SecretKeyBytes& bytes);

    SecretKey(const SecretKey&) = default;
    SecretKey& operator=(const SecretKey&) = default;
    ~SecretKey();

    [[nodiscard]] SecretKeyBytes bytes() const noexcept;
    [[nodiscard]] PublicKey public_key() const noexcept;
    [[nodiscard]] Signature sign(ByteView message) const;
    /// Its signature, under a tag of its own, of its public key's bytes.
    [[nodiscard]] Signature prove_possession() const;

private:
    explicit SecretKey(const bls12_381::Fr& scalar) noexcept : scalar_(scalar) {}

    bls12_381::Fr scalar_;
};

[[nodiscard]] bool verify(const PublicKey& key, ByteView message, const Signature& signature);
[[nodiscard]] bool verify_possession(const PublicKey& key, const Signature& proof);

/// The sum. An error if there are none.
[[nodiscard]] Result<Signature> aggregate(std::span<const Signature> signatures);
/// Whether each key signed the message of its index. False if there are none or the numbers differ.
[[nodiscard]] bool aggregate_verify(std::span<const PublicKey> keys, std::span<const ByteView> messages,
                                    const Signature& signature);
/// Whether all keys signed the one message. False if there are none. Possession of every key must have been proven.
[[nodiscard]] bool fast_aggregate_verify(std::span<const PublicKey> keys, ByteView message, const Signature& signature);

}  // namespace troupe::bls
