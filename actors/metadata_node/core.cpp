#include "actors/metadata_node/core.hpp"

namespace troupe::metadata_node {
namespace {

/// A block counts once two more follow it (D-11): its voters are then bound by the votes within those.
constexpr std::uint64_t successors_needed = 2;
/// Posts of one turn: an arbiter that was away gets them step by step.
constexpr std::size_t posts_per_turn = 32;
constexpr std::size_t proven_kept = 1024;

}  // namespace

void Core::restore(const BlockManifest& tip, Height acknowledged) {
    acknowledged_ = acknowledged;
    last_checkpoint_ = acknowledged;
    for (auto height = acknowledged.next(); height <= tip.header.height; height = height.next()) {
        const auto manifest = stored_.manifest(height);
        TROUPE_ASSERT(manifest.has_value());
        tip_ = *manifest;
        take_in(*manifest);
        post_complete(nullptr);
    }
    tip_ = tip;
}

void Core::request(NodeIndex from, TimeMs now, Outbox& out) {
    if (last_request_.value != 0 && now < last_request_ + config_.retry) return;
    last_request_ = now;
    out.push_back(RequestBlocks{from, tip().next()});
}

void Core::on_manifest(NodeIndex from, BlockManifest manifest, TimeMs now, Outbox& out) {
    const auto height = manifest.header.height;
    if (height.value == 0) return;
    if (height > tip().next()) return request(from, now, out);
    if (height <= tip()) {
        const auto ours = height == tip() ? tip_ : stored_.manifest(height);
        TROUPE_ASSERT(ours.has_value());
        // The same block; which quorum signed it makes no difference.
        if (ours->header == manifest.header) return;
    }
    if (auto status = verify_manifest(config_.chain_id, manifest, scheme_, config_.storage); !status) {
        out.push_back(
            KeepEvidence{EvidenceKind::invalid, from, status.error().message, std::nullopt, std::move(manifest)});
        return;
    }
    if (height <= tip()) return contradicts(from, std::move(manifest), out);
    const auto follows = tip_ ? verify_succession(*tip_, manifest) : verify_first(config_.genesis, manifest);
    if (!follows) {
        if (proven_.emplace(height, EvidenceKind::gap).second)
            out.push_back(KeepEvidence{EvidenceKind::gap, from, follows.error().message, tip_, std::move(manifest)});
        return;
    }
    last_progress_ = now;
    last_request_ = TimeMs{0};
    take_in(manifest);
    tip_ = std::move(manifest);
    out.push_back(Store{std::make_shared<const BlockManifest>(*tip_)});
    post_complete(&out);
}

/// A quorum has signed a second block of a height: at least one validator in three signed both.
void Core::contradicts(NodeIndex from, BlockManifest manifest, Outbox& out) {
    const auto height = manifest.header.height;
    if (!proven_.emplace(height, EvidenceKind::fork).second) return;
    if (proven_.size() > proven_kept) proven_.erase(proven_.begin());
    auto ours = stored_.manifest(height);
    out.push_back(KeepEvidence{EvidenceKind::fork, from, "two blocks of one height have a quorum of votes",
                               std::move(ours), std::move(manifest)});
}

void Core::take_in(const BlockManifest& manifest) {
    const auto height = manifest.header.height;
    if (height.value % config_.checkpoint_interval == 0 && height > last_checkpoint_)
        pending_[height].block = hash_of(manifest.header);
    for (const auto& result : manifest.results)
        if (const auto it = pending_.find(result.height); it != pending_.end())
            it->second.state_root = result.state_root;
    // The first receipt in the chain's order, so that all metadata nodes name the same bundle.
    for (const auto& receipt : manifest.receipts)
        if (const auto it = pending_.find(receipt.height); it != pending_.end() && !it->second.bundle)
            it->second.bundle = receipt.bundle;
    // Nobody can vouch any more for what has no receipt by now: the next checkpoint covers it.
    while (!pending_.empty() && pending_.begin()->first.value + receipt_window_blocks < height.value)
        pending_.erase(pending_.begin());
}

void Core::post_complete(Outbox* out) {
    for (auto it = pending_.begin(); it != pending_.end();) {
        const auto& [height, pending] = *it;
        if (!pending.state_root || !pending.bundle || height.value + successors_needed > tip().value) {
            ++it;
            continue;
        }
        const Checkpoint checkpoint{height, pending.block, *pending.state_root, *pending.bundle};
        last_checkpoint_ = height;
        unacknowledged_.emplace(height, checkpoint);
        if (unacknowledged_.size() > config_.unacknowledged_max) unacknowledged_.erase(unacknowledged_.begin());
        if (out != nullptr) out->push_back(Post{checkpoint});
        // Earlier ones are covered by this one.
        it = pending_.erase(pending_.begin(), std::next(it));
    }
}

void Core::on_acknowledged(Height height, Outbox& out) {
    // A later one does not speak for an earlier one, whose post may be lost: the arbiter must hear of each, since
    // another node may have posted something else for it.
    if (unacknowledged_.erase(height) == 0) return;
    const auto all_to = unacknowledged_.empty() ? last_checkpoint_ : Height{unacknowledged_.begin()->first.value - 1};
    if (all_to <= acknowledged_) return;
    acknowledged_ = all_to;
    out.push_back(Acknowledged{all_to});
}

void Core::on_timer(TimeMs now, Outbox& out) {
    if (config_.validators > 0 && now >= last_progress_ + config_.patience) {
        request(NodeIndex{next_peer_}, now, out);
        next_peer_ = (next_peer_ + 1) % static_cast<std::uint32_t>(config_.validators);
    }
    if (unacknowledged_.empty() || now < last_post_ + config_.retry) return;
    last_post_ = now;
    std::size_t posts = 0;
    for (const auto& [height, checkpoint] : unacknowledged_) {
        if (++posts > posts_per_turn) break;
        out.push_back(Post{checkpoint});
    }
}

}  // namespace troupe::metadata_node
