// The metadata node's protocol: keeps the one chain of manifests that quorums have signed, refuses what contradicts it
// and keeps the proof, and makes a checkpoint of every rho-th block once the chain shows what executing it gave and who
// stores it (Fluence D-10 to D-12). Pure. The outbox is carried out in order: what is stored is on disk before anything
// after it leaves.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "actors/arbiter/messages.hpp"
#include "runtime/ledger/genesis.hpp"
#include "runtime/ledger/manifest.hpp"

namespace troupe::metadata_node {

using arbiter::Checkpoint;

enum class EvidenceKind : std::uint8_t {
    fork = 0,     // two blocks of one height, each with a quorum of votes
    gap = 1,      // a block with a quorum that does not follow the one before it
    invalid = 2,  // a node sent what does not verify
};
[[nodiscard]] constexpr const char* to_string(EvidenceKind kind) noexcept {
    switch (kind) {
        case EvidenceKind::fork: return "fork";
        case EvidenceKind::gap: return "gap";
        case EvidenceKind::invalid: return "invalid";
    }
    return "unknown";
}

// Effects ------------------------------------------------------------------------------------------------------------

struct Store {
    std::shared_ptr<const BlockManifest> manifest;
};
/// `ours` is what this node has at that height (a fork) or the one before (a gap); none for invalid ones.
struct KeepEvidence {
    EvidenceKind kind{};
    NodeIndex from;
    std::string why;
    std::optional<BlockManifest> ours;
    BlockManifest theirs;
};
struct RequestBlocks {
    NodeIndex from;
    Height first;
};
/// Sign it and send it to the arbiter.
struct Post {
    Checkpoint checkpoint;
};
/// The arbiter has everything up to this checkpoint.
struct Acknowledged {
    Height height;
};
using Effect = std::variant<Store, KeepEvidence, RequestBlocks, Post, Acknowledged>;
using Outbox = std::vector<Effect>;

struct Config {
    std::uint64_t chain_id = 0;
    BlockHash genesis;
    std::uint64_t checkpoint_interval = 8;
    std::size_t validators = 0;
    StorageRegistry storage;
    /// Without a new block for this long, ask a validator.
    DurationMs patience{2000};
    /// Between two requests, and between two posts of the same checkpoint.
    DurationMs retry{500};
    /// Checkpoints that the arbiter has not acknowledged; beyond, the oldest are given up.
    std::size_t unacknowledged_max = 1024;
};

/// Manifests that are stored already.
class ManifestSource {
public:
    virtual ~ManifestSource() = default;
    [[nodiscard]] virtual std::optional<BlockManifest> manifest(Height height) const = 0;
};

class Core {
public:
    /// Both outlive the core.
    Core(Config config, const SignatureScheme& scheme, const ManifestSource& stored)
        : config_(std::move(config)), scheme_(scheme), stored_(stored) {}

    /// After a restart: the latest manifest, and the latest checkpoint that the arbiter is known to have (0: none).
    /// Goes through the stored manifests since that checkpoint.
    void restore(const BlockManifest& tip, Height acknowledged);

    void on_manifest(NodeIndex from, BlockManifest manifest, TimeMs now, Outbox& out);
    void on_acknowledged(Height height, Outbox& out);
    void on_timer(TimeMs now, Outbox& out);

    /// 0: none yet.
    [[nodiscard]] Height tip() const noexcept { return tip_ ? tip_->header.height : Height{0}; }
    [[nodiscard]] const std::optional<BlockManifest>& tip_manifest() const noexcept { return tip_; }
    /// 0: none yet.
    [[nodiscard]] Height last_checkpoint() const noexcept { return last_checkpoint_; }
    [[nodiscard]] Height acknowledged() const noexcept { return acknowledged_; }
    [[nodiscard]] std::size_t unacknowledged() const noexcept { return unacknowledged_.size(); }

private:
    /// A block of checkpoint height, until the chain tells the rest.
    struct Pending {
        BlockHash block;
        std::optional<RootHash> state_root;
        std::optional<Hash256> bundle;
    };

    void contradicts(NodeIndex from, BlockManifest manifest, Outbox& out);
    /// What a manifest that extends the chain adds to pending checkpoints.
    void take_in(const BlockManifest& manifest);
    void post_complete(Outbox* out);
    void request(NodeIndex from, TimeMs now, Outbox& out);

    Config config_;
    const SignatureScheme& scheme_;
    const ManifestSource& stored_;
    std::optional<BlockManifest> tip_;
    std::map<Height, Pending> pending_;
    Height last_checkpoint_{0};
    Height acknowledged_{0};
    std::map<Height, Checkpoint> unacknowledged_;
    TimeMs last_progress_;
    TimeMs last_request_;
    TimeMs last_post_;
    std::uint32_t next_peer_ = 0;
    /// One piece of evidence for each height: a fork is proven once.
    std::map<Height, EvidenceKind> proven_;
};

}  // namespace troupe::metadata_node
