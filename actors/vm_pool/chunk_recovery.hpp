// A chunk's transactions on their way from bytes to senders, in slices: workers of the pool take slices as the chunk
// arrives, and an executor that needs them earlier takes what is left and waits for the rest. Nothing is done twice.
#pragma once

#include <condition_variable>
#include <mutex>

#include "actors/vm_pool/transaction_cache.hpp"
#include "runtime/ledger/chunk.hpp"

namespace troupe::vm_pool {

class ChunkRecovery {
public:
    /// What is recovered goes to `cache`, which outlives this.
    ChunkRecovery(TransactionCache& cache, std::shared_ptr<const Chunk> chunk, SenderKeys senders)
        : cache_(cache), chunk_(std::move(chunk)), senders_(std::move(senders)), results_(chunk_->transactions.size()) {
        for (const auto& raw : chunk_->transactions) bytes_ += raw.size();
    }

    [[nodiscard]] const std::shared_ptr<const Chunk>& chunk() const noexcept { return chunk_; }
    /// Of its transactions.
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
    [[nodiscard]] std::size_t slices() const noexcept;
    /// Recovers the next slice that nobody has taken; false if there is none.
    bool run_slice();
    /// Returns when all slices are recovered, by this thread or others.
    void finish();
    /// After finish: of the chunk's transaction at `position`.
    [[nodiscard]] const Result<RecoveredTransactionPtr>& result(std::size_t position) const {
        return results_[position].value();
    }

private:
    void recover(std::size_t slice);

    TransactionCache& cache_;
    std::shared_ptr<const Chunk> chunk_;
    SenderKeys senders_;
    /// Each is written by who took its slice.
    std::vector<std::optional<Result<RecoveredTransactionPtr>>> results_;
    std::size_t bytes_ = 0;
    std::mutex mutex_;
    std::condition_variable all_done_;
    std::size_t taken_ = 0;
    std::size_t done_ = 0;
};

}  // namespace troupe::vm_pool
