#include "runtime/ledger/manifest.hpp"

#include "runtime/crypto/sha256.hpp"

namespace troupe {
namespace {

[[nodiscard]] Error invalid(const BlockHeader& header, std::string_view why) {
    return make_error(ErrorCode::invalid, "manifest " + std::to_string(header.height.value) + ": " + std::string{why});
}

}  // namespace

BlockManifest manifest_of(const CommittedBlock& block) {
    return {block.block.header, block.block.votes, block.block.results, block.block.receipts, block.commit};
}

Status verify_manifest(std::uint64_t chain_id, const BlockManifest& manifest, const SignatureScheme& scheme,
                       const StorageRegistry& registry) {
    const auto& header = manifest.header;
    if (header.votes_digest != sha256(encode(manifest.votes)))
        return invalid(header, "its votes are not those that its header commits to");
    if (header.application_hash != application_hash(manifest.results, manifest.receipts))
        return invalid(header, "its results and receipts are not those that its header commits to");
    if (manifest.commit.height != header.height || manifest.commit.block != hash_of(header))
        return invalid(header, "its commit votes are for another block");
    for (const auto& receipt : manifest.receipts)
        if (auto status = verify_receipt(chain_id, receipt, registry); !status) return status;
    return verify_commit(chain_id, manifest.commit, scheme);
}

Status verify_succession(const BlockManifest& previous, const BlockManifest& next) {
    const auto previous_hash = hash_of(previous.header);
    if (next.header.height != previous.header.height.next()) return invalid(next.header, "does not follow in height");
    if (next.header.previous != previous_hash) return invalid(next.header, "does not follow the one before");
    if (next.header.timestamp <= previous.header.timestamp) return invalid(next.header, "is not later");
    if (next.votes.size() != 1 || next.votes[0].height != previous.header.height ||
        next.votes[0].block != previous_hash)
        return invalid(next.header, "does not carry votes for the one before");
    return Done{};
}

Status verify_first(const BlockHash& genesis, const BlockManifest& first) {
    if (first.header.height != Height{1}) return invalid(first.header, "is not the first");
    if (first.header.previous != genesis) return invalid(first.header, "does not follow the genesis");
    if (!first.votes.empty()) return invalid(first.header, "carries votes before the first block");
    return Done{};
}

}  // namespace troupe
