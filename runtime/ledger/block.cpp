#include "runtime/ledger/block.hpp"

#include "runtime/crypto/sha256.hpp"
#include "runtime/ledger/genesis.hpp"

namespace troupe {

Hash256 application_hash(const std::vector<ExecutionResult>& results, const std::vector<StorageReceipt>& receipts) {
    Bytes out;
    Writer writer{out};
    writer.array(2);
    write_value(writer, results);
    write_value(writer, receipts);
    return sha256(out);
}

void seal(Block& block) {
    block.header.certificates_digest = sha256(encode(block.certificates));
    block.header.votes_digest = sha256(encode(block.votes));
    block.header.application_hash = application_hash(block.results, block.receipts);
}

bool is_sealed(const Block& block) {
    return block.header.certificates_digest == sha256(encode(block.certificates)) &&
           block.header.votes_digest == sha256(encode(block.votes)) &&
           block.header.application_hash == application_hash(block.results, block.receipts);
}

BlockHash hash_of(const BlockHeader& header) { return BlockHash::from(sha256(encode(header))); }

Bytes commit_signing_payload(std::uint64_t chain_id, Height height, View view, const BlockHash& block) {
    Bytes out;
    Writer writer{out};
    writer.array(5);
    writer.text("troupe commit");
    writer.unsigned_integer(chain_id);
    write_value(writer, height);
    write_value(writer, view);
    write_value(writer, block);
    return out;
}

Status verify_commit(std::uint64_t chain_id, const CommitCertificate& commit, const SignatureScheme& scheme) {
    const auto signers = signer_set::count(commit.signatures.signers);
    if (signers < quorum(scheme.validators()))
        return make_error(ErrorCode::unauthorized, "commit: " + std::to_string(signers) + " of the " +
                                                       std::to_string(quorum(scheme.validators())) +
                                                       " signatures that it needs");
    return scheme.verify_aggregate(commit_signing_payload(chain_id, commit.height, commit.view, commit.block),
                                   commit.signatures);
}

Status verify_committed(std::uint64_t chain_id, const CommittedBlock& block, const SignatureScheme& scheme) {
    if (!is_sealed(block.block))
        return make_error(ErrorCode::invalid, "block: its parts are not those that its header commits to");
    if (block.commit.height != block.block.header.height || block.commit.block != hash_of(block.block.header))
        return make_error(ErrorCode::invalid, "block: its commit votes are for another block");
    return verify_commit(chain_id, block.commit, scheme);
}

}  // namespace troupe
