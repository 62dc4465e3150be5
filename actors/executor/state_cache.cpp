#include "actors/executor/state_cache.hpp"

#include "actors/execution/bonds.hpp"

namespace troupe::executor {
namespace {

/// State that can't be read would make this node differ from the others: it stops instead.
template <class T>
[[nodiscard]] T must(Result<T> result) {
    if (!result) invariant_failed(("state database: " + result.error().message).c_str(), __FILE__, __LINE__);
    return std::move(*result);
}

[[nodiscard]] std::optional<AccountRecord> parse(const std::optional<Bytes>& data) {
    if (!data) return std::nullopt;
    const auto stored = must(decode<StoredAccount>(*data));
    return AccountRecord{stored.nonce, stored.balance, stored.code_hash};
}

[[nodiscard]] bool is_code(const CodeHash& hash) {
    // keccak256 of the empty string.
    static const auto empty =
        *fixed_from_hex<CodeHash>("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
    return !hash.is_zero() && hash != empty;
}

}  // namespace

std::optional<AccountRecord> StateCache::account(const Address& address) {
    // The executing thread is the only writer: it may read its own maps without the lock.
    if (const auto it = accounts_.find(address); it != accounts_.end()) return it->second;
    const auto unsaved = unsaved_.account(address);
    auto record = unsaved ? *unsaved : parse(must(reader_.account(address)));
    const std::unique_lock lock{mutex_};
    if (accounts_.size() >= entries_max_) accounts_.clear();
    accounts_.emplace(address, record);
    return record;
}

uint256 StateCache::storage(const Address& address, const uint256& slot) {
    const SlotKey key{address, slot};
    if (const auto it = slots_.find(key); it != slots_.end()) return it->second;
    const auto unsaved = unsaved_.storage(address, slot);
    const auto value = unsaved ? *unsaved : from_big_endian(must(reader_.storage(address, to_big_endian(slot))).view());
    const std::unique_lock lock{mutex_};
    if (slots_.size() >= entries_max_) slots_.clear();
    slots_.emplace(key, value);
    return value;
}

std::shared_ptr<const Bytes> StateCache::code(const CodeHash& hash) {
    if (const auto it = codes_.find(hash); it != codes_.end()) return it->second;
    auto code = unsaved_.code(hash);
    if (!code) {
        auto stored = must(reader_.code(hash));
        code = std::make_shared<const Bytes>(stored ? std::move(*stored) : Bytes{});
    }
    if (codes_.size() >= 4096) codes_.clear();
    codes_.emplace(hash, code);
    return code;
}

PayerState StateCache::payer(const Address& address) const {
    const auto slot = SlotKey{bond_registry(), bond_slot(address)};
    std::optional<std::optional<AccountRecord>> record;
    std::optional<uint256> bond;
    std::uint64_t registry_changes = 0;
    {
        const std::shared_lock lock{mutex_};
        if (const auto it = accounts_.find(address); it != accounts_.end())
            record = it->second;
        else
            record = unsaved_.account(address);
        bond = known_slot(slot);
        if (const auto it = bonds_read_.find(address); !bond && it != bonds_read_.end()) bond = it->second;
        registry_changes = registry_changes_;
    }
    if (!record) {
        const std::lock_guard lock{payer_reader_mutex_};
        record = parse(must(payer_reader_.account(address)));
    }
    if (!bond) {
        {
            const std::lock_guard lock{payer_reader_mutex_};
            bond = from_big_endian(must(payer_reader_.storage(slot.address, to_big_endian(slot.slot))).view());
        }
        const std::unique_lock lock{mutex_};
        if (bonds_read_.size() >= entries_max_) bonds_read_.clear();
        if (registry_changes == registry_changes_) bonds_read_.emplace(address, *bond);
    }
    PayerState out;
    if (*record) out = {(*record)->nonce, (*record)->balance, {}, is_code((*record)->code_hash)};
    out.bond = is_frozen(*bond) ? uint256{} : *bond;
    return out;
}

std::optional<uint256> StateCache::known_slot(const SlotKey& key) const {
    if (const auto it = slots_.find(key); it != slots_.end()) return it->second;
    return unsaved_.storage(key.address, key.slot);
}

void StateCache::saved() {
    const std::unique_lock lock{mutex_};
    unsaved_.clear();
}

bool StateCache::native_executed(const TransactionHash& hash) const {
    const std::shared_lock lock{mutex_};
    return natives_.contains(hash);
}

void StateCache::remember_native(const TransactionHash& hash, TimeMs expiry) {
    const std::unique_lock lock{mutex_};
    if (natives_.emplace(hash, expiry).second) natives_by_expiry_.emplace(expiry, hash);
}

void StateCache::apply(const StateDiff& diff, const std::vector<std::pair<TransactionHash, TimeMs>>& natives,
                       TimeMs timestamp) {
    const std::unique_lock lock{mutex_};
    unsaved_.add(diff);
    for (const auto& [hash, code] : diff.codes) codes_.insert_or_assign(hash, std::make_shared<const Bytes>(code));
    for (const auto& change : diff.accounts) {
        if (change.address == bond_registry()) {
            bonds_read_.clear();
            ++registry_changes_;
        }
        if (change.deleted)
            accounts_.insert_or_assign(change.address, std::nullopt);
        else
            accounts_.insert_or_assign(change.address, AccountRecord{change.nonce, change.balance, change.code_hash});
        if (change.deleted || change.storage_cleared)
            std::erase_if(slots_, [&](const auto& entry) { return entry.first.address == change.address; });
        for (const auto& [slot, value] : change.storage) slots_.insert_or_assign(SlotKey{change.address, slot}, value);
    }
    if (accounts_.size() > entries_max_) accounts_.clear();
    if (slots_.size() > entries_max_) slots_.clear();
    for (const auto& [hash, expiry] : natives)
        if (natives_.emplace(hash, expiry).second) natives_by_expiry_.emplace(expiry, hash);
    while (!natives_by_expiry_.empty() && natives_by_expiry_.begin()->first < timestamp) {
        natives_.erase(natives_by_expiry_.begin()->second);
        natives_by_expiry_.erase(natives_by_expiry_.begin());
    }
}

}  // namespace troupe::executor
