// Chunks and their certificates (Vryx: Chunk, Chunk Signature, Chunk Certificate, Chunk Fault).
#pragma once

#include <vector>

#include "runtime/base/codec.hpp"
#include "runtime/crypto/multi_signature.hpp"
#include "runtime/ledger/sender_keys.hpp"

namespace troupe {

/// A batch of transactions by one producer. A producer has one chunk per slot; the slot is its expiry, a multiple of
/// the genesis' chunk slot. Two different chunks of one producer with one expiry conflict.
struct Chunk {
    ValidatorIndex producer;
    /// No block with a later timestamp may include it.
    TimeMs expiry;
    /// Receives the priority fees of the chunk's transactions and is COINBASE while they execute.
    Address beneficiary;
    /// Raw signed transactions in execution order.
    std::vector<Bytes> transactions;

    bool operator==(const Chunk&) const = default;
    static constexpr auto reflect() {
        return fields("Chunk", field("producer", &Chunk::producer), field("expiry", &Chunk::expiry),
                      field("beneficiary", &Chunk::beneficiary), field("transactions", &Chunk::transactions));
    }
};

/// What is signed and certified: the chunk by id, with the facts that decide conflicts.
struct ChunkReference {
    /// SHA-256 of the chunk's canonical encoding.
    ChunkId id;
    ValidatorIndex producer;
    TimeMs expiry;

    bool operator==(const ChunkReference&) const = default;
    auto operator<=>(const ChunkReference&) const = default;
    static constexpr auto reflect() {
        return fields("ChunkReference", field("id", &ChunkReference::id), field("producer", &ChunkReference::producer),
                      field("expiry", &ChunkReference::expiry));
    }
};

/// From the producer to every node: the chunk with the producer's own ChunkSignature.
struct ChunkProposal {
    Chunk chunk;
    Bytes signature;
    /// Not signed: advice that spares the signers most of the recovery.
    SenderKeys senders;

    bool operator==(const ChunkProposal&) const = default;
    static constexpr auto reflect() {
        return fields("ChunkProposal", field("chunk", &ChunkProposal::chunk),
                      field("signature", &ChunkProposal::signature), field("senders", &ChunkProposal::senders));
    }
};

/// `signer` vouches that it has persisted the chunk and signed no other for this producer and expiry.
struct ChunkSignature {
    ChunkReference chunk;
    ValidatorIndex signer;
    Bytes signature;

    bool operator==(const ChunkSignature&) const = default;
    static constexpr auto reflect() {
        return fields("ChunkSignature", field("chunk", &ChunkSignature::chunk),
                      field("signer", &ChunkSignature::signer), field("signature", &ChunkSignature::signature));
    }
};

/// A quorum has the chunk: it may be included in a block by anyone, and can be had from f + 1 honest validators.
struct ChunkCertificate {
    ChunkReference chunk;
    MultiSignature signatures;

    bool operator==(const ChunkCertificate&) const = default;
    static constexpr auto reflect() {
        return fields("ChunkCertificate", field("chunk", &ChunkCertificate::chunk),
                      field("signatures", &ChunkCertificate::signatures));
    }
};

/// Proof that `signer` signed two chunks of one producer and expiry; anyone can verify it.
struct ChunkFault {
    ValidatorIndex signer;
    ChunkSignature first;
    ChunkSignature second;

    bool operator==(const ChunkFault&) const = default;
    static constexpr auto reflect() {
        return fields("ChunkFault", field("signer", &ChunkFault::signer), field("first", &ChunkFault::first),
                      field("second", &ChunkFault::second));
    }
};

[[nodiscard]] ChunkReference reference_of(const Chunk& chunk);
/// Bytes under a chunk signature: domain, chain id, reference.
[[nodiscard]] Bytes chunk_signing_payload(std::uint64_t chain_id, const ChunkReference& chunk);
/// At least quorum(n) signers, each one's signature valid.
[[nodiscard]] Status verify_certificate(std::uint64_t chain_id, const ChunkCertificate& certificate,
                                        const SignatureScheme& scheme);
/// Two different chunks in one slot, both signatures valid and by `signer`.
[[nodiscard]] Status verify_fault(std::uint64_t chain_id, const ChunkFault& fault, const SignatureScheme& scheme);

}  // namespace troupe
