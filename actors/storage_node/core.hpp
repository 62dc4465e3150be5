// The storage node's protocol: keeps executed blocks in order of height without gaps, vouches for each once, and
// repeats a receipt until a block carries it. Pure. The outbox is carried out in order, so a receipt leaves only after
// what it vouches for is on disk.
#pragma once

#include <map>
#include <variant>
#include <vector>

#include "runtime/ledger/storage_receipt.hpp"

namespace troupe::storage_node {

/// These blocks were executed while this actor did not listen: execute them again from its own state, keep each.
struct CatchUp {
    Height first;
    Height last;
};
/// Keep this block, durably; then call on_kept.
struct Keep {
    Height height;
    bool with_snapshot = false;
};
/// Sign and send to the validators.
struct SendReceipt {
    Height height;
    Hash256 bundle;
};
/// Blocks carry the receipts of these heights.
struct MarkIncluded {
    std::vector<Height> heights;
};
using Effect = std::variant<CatchUp, Keep, SendReceipt, MarkIncluded>;
using Outbox = std::vector<Effect>;

struct Config {
    NodeIndex self;
    std::uint64_t snapshot_interval = 8;
    DurationMs resend{2000};
    /// Receipts repeated in one turn of the timer.
    std::size_t resends_per_turn = 64;
};

class Core {
public:
    explicit Core(Config config) : config_(config) {}

    /// After a restart: the last block kept, and the kept ones whose receipts no block was seen to carry.
    void restore(Height kept, const std::vector<std::pair<Height, Hash256>>& not_included);

    void on_executed(Height height, Outbox& out) const;
    void on_kept(Height height, const Hash256& bundle, TimeMs now, Outbox& out);
    /// Receipts of a committed block, anybody's.
    void on_receipts(const std::vector<StorageReceipt>& receipts, Outbox& out);
    void on_timer(TimeMs now, Outbox& out);

    [[nodiscard]] Height kept() const noexcept { return kept_; }
    [[nodiscard]] std::size_t waiting() const noexcept { return waiting_.size(); }
    [[nodiscard]] bool takes_snapshot(Height height) const noexcept {
        return height.value % config_.snapshot_interval == 0;
    }

private:
    struct Waiting {
        Hash256 bundle;
        TimeMs sent;
    };

    Config config_;
    Height kept_{0};
    /// Receipts that no block carries yet.
    std::map<Height, Waiting> waiting_;
};

}  // namespace troupe::storage_node
