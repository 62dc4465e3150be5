#include "runtime/ledger/chunk.hpp"

#include "runtime/crypto/sha256.hpp"
#include "runtime/ledger/genesis.hpp"

namespace troupe {

ChunkReference reference_of(const Chunk& chunk) {
    return {ChunkId::from(sha256(encode(chunk))), chunk.producer, chunk.expiry};
}

Bytes chunk_signing_payload(std::uint64_t chain_id, const ChunkReference& chunk) {
    Bytes out;
    Writer writer{out};
    writer.array(3);
    writer.text("troupe chunk");
    writer.unsigned_integer(chain_id);
    write_value(writer, chunk);
    return out;
}

Status verify_certificate(std::uint64_t chain_id, const ChunkCertificate& certificate, const SignatureScheme& scheme) {
    // Counting first: it is cheap, and a certificate without quorum is worth no verification.
    const auto signers = signer_set::count(certificate.signatures.signers);
    if (certificate.chunk.producer.value >= scheme.validators())
        return make_error(ErrorCode::invalid, "chunk certificate: producer " +
                                                  std::to_string(certificate.chunk.producer.value) + " does not exist");
    if (signers < quorum(scheme.validators()))
        return make_error(ErrorCode::unauthorized, "chunk certificate: " + std::to_string(signers) + " of the " +
                                                       std::to_string(quorum(scheme.validators())) +
                                                       " signatures that it needs");
    return scheme.verify_aggregate(chunk_signing_payload(chain_id, certificate.chunk), certificate.signatures);
}

Status verify_fault(std::uint64_t chain_id, const ChunkFault& fault, const SignatureScheme& scheme) {
    const auto& [signer, first, second] = fault;
    if (first.signer != signer || second.signer != signer)
        return make_error(ErrorCode::invalid, "chunk fault: the signatures are not both by the accused");
    if (first.chunk.producer != second.chunk.producer || first.chunk.expiry != second.chunk.expiry)
        return make_error(ErrorCode::invalid, "chunk fault: the chunks are of different slots");
    if (first.chunk.id == second.chunk.id)
        return make_error(ErrorCode::invalid, "chunk fault: both signatures are on one chunk");
    for (const auto* signature : {&first, &second})
        if (!scheme.verify(signer, chunk_signing_payload(chain_id, signature->chunk), signature->signature))
            return make_error(ErrorCode::unauthorized, "chunk fault: a signature is invalid");
    return Done{};
}

}  // namespace troupe
