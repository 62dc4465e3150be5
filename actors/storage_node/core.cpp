#include "actors/storage_node/core.hpp"

namespace troupe::storage_node {

void Core::restore(Height kept, const std::vector<std::pair<Height, Hash256>>& not_included) {
    kept_ = kept;
    for (const auto& [height, bundle] : not_included) waiting_.emplace(height, Waiting{bundle, TimeMs{0}});
}

void Core::on_executed(Height height, Outbox& out) const {
    if (height <= kept_) return;
    if (height > kept_.next()) out.push_back(CatchUp{kept_.next(), Height{height.value - 1}});
    out.push_back(Keep{height, takes_snapshot(height)});
}

void Core::on_kept(Height height, const Hash256& bundle, TimeMs now, Outbox& out) {
    TROUPE_ASSERT(height == kept_.next());
    kept_ = height;
    waiting_.emplace(height, Waiting{bundle, now});
    // No block may carry what is older than the window.
    while (waiting_.begin()->first.value + receipt_window_blocks < kept_.value) waiting_.erase(waiting_.begin());
    out.push_back(SendReceipt{height, bundle});
}

void Core::on_receipts(const std::vector<StorageReceipt>& receipts, Outbox& out) {
    MarkIncluded included;
    for (const auto& receipt : receipts)
        if (receipt.node == config_.self && waiting_.erase(receipt.height) > 0)
            included.heights.push_back(receipt.height);
    if (!included.heights.empty()) out.push_back(std::move(included));
}

void Core::on_timer(TimeMs now, Outbox& out) {
    std::size_t sent = 0;
    for (auto& [height, waiting] : waiting_) {
        if (now < waiting.sent + config_.resend) continue;
        if (++sent > config_.resends_per_turn) break;
        waiting.sent = now;
        out.push_back(SendReceipt{height, waiting.bundle});
    }
}

}  // namespace troupe::storage_node
