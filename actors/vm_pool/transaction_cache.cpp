#include "actors/vm_pool/transaction_cache.hpp"

namespace troupe::vm_pool {

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

}  // namespace troupe::vm_pool
