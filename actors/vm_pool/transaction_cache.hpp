// Recovering a transaction's sender is the dearest step of its life; a process does it once. Signers recover a chunk's
// transactions when it arrives, so that its execution finds them here. Bounded; thread-safe.
#pragma once

#include <array>
#include <deque>
#include <mutex>
#include <unordered_map>

#include "runtime/ledger/transaction.hpp"

namespace troupe::vm_pool {

class TransactionCache {
public:
    /// Transactions kept; the oldest go first.
    explicit TransactionCache(std::size_t capacity = 200'000) : capacity_per_shard_(capacity / shard_count + 1) {}

    [[nodiscard]] RecoveredTransactionPtr find(const TransactionHash& hash) const;
    void insert(const RecoveredTransactionPtr& transaction);
    /// Finds by the hash of `raw`, or decodes, recovers and keeps.
    [[nodiscard]] Result<RecoveredTransactionPtr> get(ByteView raw);

private:
    static constexpr std::size_t shard_count = 16;
    struct Shard {
        mutable std::mutex mutex;
        std::unordered_map<TransactionHash, RecoveredTransactionPtr, FixedBytesHash> by_hash;
        std::deque<TransactionHash> order;
    };

    [[nodiscard]] Shard& shard(const TransactionHash& hash) noexcept { return shards_[hash[0] % shard_count]; }
    [[nodiscard]] const Shard& shard(const TransactionHash& hash) const noexcept {
        return shards_[hash[0] % shard_count];
    }

    std::size_t capacity_per_shard_;
    std::array<Shard, shard_count> shards_;
};

}  // namespace troupe::vm_pool
