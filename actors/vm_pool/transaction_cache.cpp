#include "actors/vm_pool/transaction_cache.hpp"

#include <algorithm>

#include "actors/vm_pool/chunk_recovery.hpp"
#include "runtime/ledger/recovery.hpp"

namespace troupe::vm_pool {
namespace {

/// Chunks kept: some seconds of a full cluster.
constexpr std::size_t chunk_bytes_max = 64 << 20;

}  // namespace

RecoveredTransactionPtr TransactionCache::find(const TransactionHash& hash) const {
    const auto& s = shard(hash);
    const std::lock_guard lock{s.mutex};
    const auto it = s.by_hash.find(hash);
    return it == s.by_hash.end() ? nullptr : it->second;
}

void TransactionCache::insert(const RecoveredTransactionPtr& transaction) {
    auto& s = shard(transaction->hash);
    const std::lock_guard lock{s.mutex};
    if (!s.by_hash.emplace(transaction->hash, transaction).second) return;
    s.order.push_back(transaction->hash);
    if (s.order.size() <= capacity_per_shard_) return;
    s.by_hash.erase(s.order.front());
    s.order.pop_front();
}

Result<RecoveredTransactionPtr> TransactionCache::get(ByteView raw) {
    if (auto known = find(transaction_hash(raw))) return known;
    auto recovered = recover_transaction(raw);
    if (recovered) insert(*recovered);
    return recovered;
}

std::vector<Result<RecoveredTransactionPtr>> TransactionCache::get_all(
    std::span<const ByteView> raw, std::span<const Secp256k1PublicKey* const> known) {
    std::vector<RecoveredTransactionPtr> found;
    std::vector<TransactionToRecover> missing;
    found.reserve(raw.size());
    for (std::size_t i = 0; i < raw.size(); ++i) {
        const auto hash = transaction_hash(raw[i]);
        found.push_back(find(hash));
        if (!found.back()) missing.push_back({raw[i], hash, known.empty() ? nullptr : known[i]});
    }
    auto recovered = recover_transactions(missing);
    std::vector<Result<RecoveredTransactionPtr>> out;
    out.reserve(raw.size());
    auto next = recovered.begin();
    for (auto& transaction : found) {
        if (transaction) {
            out.push_back(std::move(transaction));
            continue;
        }
        if (*next) insert(**next);
        out.push_back(std::move(*next++));
    }
    return out;
}

std::shared_ptr<ChunkRecovery> TransactionCache::begin_chunk(const ChunkId& id, std::shared_ptr<const Chunk> chunk,
                                                             SenderKeys senders) {
    const std::lock_guard lock{chunks_mutex_};
    auto& recovery = chunks_[id];
    if (recovery) return recovery;
    recovery = std::make_shared<ChunkRecovery>(*this, std::move(chunk), std::move(senders));
    const auto begun = recovery;
    chunk_bytes_ += begun->bytes();
    chunk_order_.push_back(id);
    while (chunk_order_.size() > 1 && chunk_bytes_ > chunk_bytes_max) {
        const auto oldest = chunks_.find(chunk_order_.front());
        chunk_bytes_ -= oldest->second->bytes();
        chunks_.erase(oldest);
        chunk_order_.pop_front();
    }
    return begun;
}

std::shared_ptr<ChunkRecovery> TransactionCache::chunk(const ChunkId& id) const {
    const std::lock_guard lock{chunks_mutex_};
    const auto it = chunks_.find(id);
    return it == chunks_.end() ? nullptr : it->second;
}

void TransactionCache::forget_chunk(const ChunkId& id) {
    const std::lock_guard lock{chunks_mutex_};
    const auto it = chunks_.find(id);
    if (it == chunks_.end()) return;
    chunk_bytes_ -= it->second->bytes();
    chunks_.erase(it);
    // Chunks go about in the order in which they came.
    chunk_order_.erase(std::ranges::find(chunk_order_, id));
}

}  // namespace troupe::vm_pool
