// A block's manifest (Fluence 5.7): what must be known of a block to check its place in the chain, who voted for it,
// what executing gave and who stores it, without its chunk certificates. The header commits to every part, so a
// manifest is identified by its block's hash, whichever quorum of votes it carries.
#pragma once

#include "runtime/ledger/block.hpp"

namespace troupe {

struct BlockManifest {
    BlockHeader header;
    /// Commit votes for the previous block, as in the block.
    std::vector<CommitCertificate> votes;
    std::vector<ExecutionResult> results;
    std::vector<StorageReceipt> receipts;
    /// Votes for this block.
    CommitCertificate commit;

    bool operator==(const BlockManifest&) const = default;
    static constexpr auto reflect() {
        using M = BlockManifest;
        return fields("BlockManifest", field("header", &M::header), field("votes", &M::votes),
                      field("results", &M::results), field("receipts", &M::receipts), field("commit", &M::commit));
    }
};

[[nodiscard]] BlockManifest manifest_of(const CommittedBlock& block);

/// Digests, the commit quorum over this header's hash, every receipt's signature. Not its place in a chain.
[[nodiscard]] Status verify_manifest(std::uint64_t chain_id, const BlockManifest& manifest,
                                     const SignatureScheme& scheme, const StorageRegistry& registry);
/// Height, link and time after `previous`, and votes for it (D-10).
[[nodiscard]] Status verify_succession(const BlockManifest& previous, const BlockManifest& next);
/// The same for block 1.
[[nodiscard]] Status verify_first(const BlockHash& genesis, const BlockManifest& first);

}  // namespace troupe
