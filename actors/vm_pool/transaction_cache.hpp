// Recovering a transaction's sender is the dearest step of its life; a process does it once. Signers recover a chunk's
// transactions when it arrives, so that its execution finds them here. Bounded; thread-safe.
#pragma once

#include <array>
#include <deque>
#include <mutex>
#include <unordered_map>

#include "runtime/ledger/chunk.hpp"

namespace troupe::vm_pool {

class ChunkRecovery;

class TransactionCache {
public:
    /// Transactions kept; the oldest go first.
    explicit TransactionCache(std::size_t capacity = 200'000) : capacity_per_shard_(capacity / shard_count + 1) {}

    [[nodiscard]] RecoveredTransactionPtr find(const TransactionHash& hash) const;
    void insert(const RecoveredTransactionPtr& transaction);
    /// Finds by the hash of `raw`, or decodes, recovers and keeps.
    [[nodiscard]] Result<RecoveredTransactionPtr> get(ByteView raw);
    /// The same for many, those not known in one batch. `known` as in recover_transactions.
    [[nodiscard]] std::vector<Result<RecoveredTransactionPtr>> get_all(
        std::span<const ByteView> raw, std::span<const Secp256k1PublicKey* const> known);

    /// Starts, or finds, the recovery of a chunk; the last ones are kept, by bytes.
    std::shared_ptr<ChunkRecovery> begin_chunk(const ChunkId& id, std::shared_ptr<const Chunk> chunk,
                                               SenderKeys senders);
    /// Null if it was not begun, or too long ago.
    [[nodiscard]] std::shared_ptr<ChunkRecovery> chunk(const ChunkId& id) const;
    /// It has executed. Its transactions stay.
    void forget_chunk(const ChunkId& id);

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
    mutable std::mutex chunks_mutex_;
    std::unordered_map<ChunkId, std::shared_ptr<ChunkRecovery>, FixedBytesHash> chunks_;
    std::deque<ChunkId> chunk_order_;
    std::size_t chunk_bytes_ = 0;
};

}  // namespace troupe::vm_pool
