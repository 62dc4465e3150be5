#include "vm/parallel/versioned_state.hpp"

#include <algorithm>
#include <functional>
#include <map>

#include "runtime/base/result.hpp"

namespace troupe::parallel {
namespace {

/// Where the writer's version is, or would be.
template <class Versions>
[[nodiscard]] auto place_of(Versions& versions, Index writer) {
    return std::ranges::lower_bound(versions, writer, {}, [](const auto& version) { return version.writer; });
}

/// The versions that `reader` sees, the highest first.
template <class Versions>
[[nodiscard]] auto seen_by(const Versions& versions, Index reader) {
    return std::ranges::subrange(std::make_reverse_iterator(place_of(versions, reader)), versions.rend());
}

}  // namespace

template <class Cell, class ReadBase>
typename Cell::Base VersionedState::base_of(Lock& lock, Cell& cell, ReadBase&& read_base) {
    if (cell.base) return *cell.base;
    lock.unlock();
    typename Cell::Base value;
    {
        const std::lock_guard base_lock{base_lock_};
        value = read_base();
    }
    lock.lock();
    cell.base = value;
    return value;
}

VersionedState::AccountRead VersionedState::account(const Address& address, Index reader) {
    auto& shard = shard_of(address);
    Lock lock{shard.lock};
    return read(lock, shard.entry(address), reader);
}

VersionedState::AccountRead VersionedState::read(Lock& lock, AccountEntry& entry, Index reader) {
    auto& [address, cell] = entry;
    AccountRead out{.at = &entry, .value = {}, .waits_for = {}};
    uint256 credits;
    bool is_credited = false;
    bool is_found = false;
    for (const auto& version : seen_by(cell.versions, reader)) {
        if (version.is_estimate) out.waits_for = version.writer;
        if (!version.value.is_credit) {
            out.value = version.value.record;
            is_found = true;
            break;
        }
        credits = credits + version.value.record->balance;
        is_credited = true;
    }
    if (!is_found) out.value = base_of(lock, cell, [&] { return base_.account(entry.first); });
    if (is_credited) out.value = with_credit(out.value, credits);
    return out;
}

VersionedState::SlotRead VersionedState::storage(const SlotPlace& place, Index reader) {
    auto& shard = shard_of(place);
    Lock lock{shard.lock};
    return read(lock, shard.entry(place), reader);
}

VersionedState::SlotRead VersionedState::read(Lock& lock, SlotEntry& entry, Index reader) {
    const auto& place = entry.first;
    auto& cell = entry.second;
    SlotRead out{.at = &entry, .value = {}, .waits_for = {}};
    std::optional<Index> writer;
    if (const auto seen = seen_by(cell.versions, reader); !seen.empty()) {
        const auto& version = seen.front();
        writer = version.writer;
        out.value = version.value;
        if (version.is_estimate) out.waits_for = version.writer;
    } else {
        out.value = base_of(lock, cell, [&] { return base_.storage(place.address, place.slot); });
    }
    lock.unlock();
    // A group that clears writes afterwards what the storage then has.
    if (const auto cleared = clearing(place.address, reader, writer)) {
        out.value = {};
        out.waits_for = cleared->is_estimate ? std::optional{cleared->writer} : std::nullopt;
    }
    return out;
}

std::optional<Version<bool>> VersionedState::clearing(const Address& address, Index reader,
                                                      std::optional<Index> since) {
    if (!clears_storage_.load()) return std::nullopt;
    auto& shard = shard_of(address);
    const std::lock_guard lock{shard.lock};
    const auto it = shard.accounts.find(address);
    if (it == shard.accounts.end()) return std::nullopt;
    for (const auto& version : seen_by(it->second.versions, reader)) {
        if (since && version.writer <= *since) break;
        if (!version.value.is_credit && version.value.clears_storage)
            return Version<bool>{version.writer, version.is_estimate, true};
    }
    return std::nullopt;
}

bool VersionedState::has_storage(const Address& address, Index reader) {
    if (clearing(address, reader, std::nullopt)) return false;
    const std::lock_guard lock{base_lock_};
    return base_.has_storage(address);
}

std::shared_ptr<const Bytes> VersionedState::code(const CodeHash& hash) {
    {
        const std::lock_guard lock{codes_lock_};
        if (const auto it = codes_.find(hash); it != codes_.end()) return it->second;
    }
    const std::lock_guard lock{base_lock_};
    return base_.code(hash);
}

bool VersionedState::still_holds(const Reads& reads, Index reader) {
    const auto same = [&](const auto& one) {
        Lock lock{one.first->second.lock};
        const auto now = read(lock, *one.first, reader);
        return !now.waits_for && now.value == one.second;
    };
    return std::ranges::all_of(reads.accounts, same) && std::ranges::all_of(reads.slots, same) &&
           std::ranges::all_of(reads.storages, [&](const auto& r) { return has_storage(r.first, reader) == r.second; });
}

std::optional<Index> VersionedState::waits_for(const Reads& reads, Index reader) {
    const auto blocking_in = [&](const auto& all) -> std::optional<Index> {
        for (const auto& [entry, value] : all) {
            Lock lock{entry->second.lock};
            if (const auto blocking = read(lock, *entry, reader).waits_for) return blocking;
        }
        return std::nullopt;
    };
    const auto blocking = blocking_in(reads.accounts);
    return blocking ? blocking : blocking_in(reads.slots);
}

// Writing -------------------------------------------------------------------------------------------------------------

template <class Key, class T>
auto* VersionedState::put(const Key& key, Index writer, T value) {
    auto& shard = shard_of(key);
    const std::lock_guard lock{shard.lock};
    auto& entry = shard.entry(key);
    auto& versions = entry.second.versions;
    const auto at = place_of(versions, writer);
    if (at != versions.end() && at->writer == writer)
        *at = {writer, false, std::move(value)};
    else
        versions.insert(at, {writer, false, std::move(value)});
    return &entry;
}

template <class Entry>
bool VersionedState::replace(Index writer, std::vector<Entry*>& before, std::vector<Entry*>&& now) {
    constexpr std::less<Entry*> less;
    std::ranges::sort(now, less);
    for (auto* entry : before) {
        if (std::ranges::binary_search(now, entry, less)) continue;
        const std::lock_guard lock{entry->second.lock};
        auto& versions = entry->second.versions;
        versions.erase(place_of(versions, writer));
    }
    const bool has_new = !std::ranges::includes(before, now, less);
    before = std::move(now);
    return has_new;
}

bool VersionedState::write(Index writer, const TransactionEffects& effects) {
    Written now;
    now.accounts.reserve(effects.accounts.size() + effects.credits.size());
    now.slots.reserve(effects.slots.size());
    for (const auto& one : effects.accounts) {
        if (one.code) {
            // Before the account that names it.
            const std::lock_guard lock{codes_lock_};
            codes_.emplace(one.record->code_hash, one.code);
        }
        if (one.storage_cleared) clears_storage_.store(true);
        now.accounts.push_back(
            put(one.address, writer, AccountValue{false, one.storage_cleared, one.code != nullptr, one.record}));
    }
    for (const auto& one : effects.credits)
        now.accounts.push_back(
            put(one.address, writer,
                AccountValue{true, one.removes_empty, false, AccountRecord{0, one.amount, empty_code_hash}}));
    for (const auto& one : effects.slots) now.slots.push_back(put(SlotPlace{one.address, one.slot}, writer, one.value));
    auto& before = written_[writer];
    const bool has_new_account = replace(writer, before.accounts, std::move(now.accounts));
    const bool has_new_slot = replace(writer, before.slots, std::move(now.slots));
    return has_new_account || has_new_slot;
}

void VersionedState::mark_estimates(Index writer) {
    const auto mark = [&](const auto& entries) {
        for (auto* entry : entries) {
            const std::lock_guard lock{entry->second.lock};
            place_of(entry->second.versions, writer)->is_estimate = true;
        }
    };
    mark(written_[writer].accounts);
    mark(written_[writer].slots);
}

// The end -------------------------------------------------------------------------------------------------------------

VersionedState::Final VersionedState::final_of(AccountEntry& entry) {
    auto& [address, cell] = entry;
    Final out;
    if (!cell.base) cell.base = base_.account(address);
    out.base = out.record = *cell.base;
    for (const auto& [writer, is_estimate, value] : cell.versions) {
        const bool was_empty = out.record && is_empty(*out.record);
        if (value.clears_storage && (!value.is_credit || was_empty)) out.cleared = writer;
        if (value.is_credit) {
            out.record = with_credit(out.record, value.record->balance);
            continue;
        }
        const bool has_other_code = !value.record || !out.record || value.record->code_hash != out.record->code_hash;
        out.deploys_code = value.deploys_code || (out.deploys_code && !has_other_code);
        out.record = value.record;
    }
    return out;
}

namespace {

/// Nothing: it is as it was in the base.
[[nodiscard]] std::optional<uint256> changed_value(const SlotCell& cell, std::optional<Index> cleared) {
    const auto& last = cell.versions.back();
    if (cleared && last.writer < *cleared) return std::nullopt;
    const auto before = cleared ? uint256{} : cell.base.value_or(uint256{});
    return last.value == before ? std::nullopt : std::optional{last.value};
}

[[nodiscard]] std::uint64_t load_big_endian64(const std::uint8_t* bytes) noexcept {
    std::uint64_t out = 0;
    for (int i = 0; i < 8; ++i) out = out << 8 | bytes[i];
    return out;
}

/// Entries with the beginnings of their keys, which mostly decide the order without a look at the entry.
template <class Entry>
struct Sorted {
    std::uint64_t address = 0;
    std::uint64_t slot = 0;
    Entry* entry = nullptr;

    explicit Sorted(AccountEntry& account) : address(load_big_endian64(account.first.data())), entry(&account) {}
    explicit Sorted(SlotEntry& slot_entry)
        : address(load_big_endian64(slot_entry.first.address.data())),
          slot(slot_entry.first.slot.limb[3]),
          entry(&slot_entry) {}
};

void sort(std::vector<Sorted<AccountEntry>>& accounts) {
    std::ranges::sort(accounts, [](const auto& a, const auto& b) {
        return a.address != b.address ? a.address < b.address : a.entry->first < b.entry->first;
    });
}

void sort(std::vector<Sorted<SlotEntry>>& slots) {
    std::ranges::sort(slots, [](const auto& a, const auto& b) {
        if (a.address != b.address) return a.address < b.address;
        return a.slot != b.slot ? a.slot < b.slot : a.entry->first.slot < b.entry->first.slot;
    });
    // Two addresses that begin alike are mixed up by that.
    const auto other_alike = [](const auto& a, const auto& b) {
        return a.address == b.address && a.entry->first.address != b.entry->first.address;
    };
    if (std::ranges::adjacent_find(slots, other_alike) != slots.end())
        std::ranges::sort(slots, [](const auto& a, const auto& b) { return a.entry->first < b.entry->first; });
}

}  // namespace

StateDiff VersionedState::diff() {
    std::vector<Sorted<AccountEntry>> accounts;
    std::vector<Sorted<SlotEntry>> slots;
    for (auto& shard : shards_) {
        for (auto& entry : shard.accounts) accounts.emplace_back(entry);
        for (auto& entry : shard.slots)
            if (!entry.second.versions.empty()) slots.emplace_back(entry);
    }
    sort(accounts);
    sort(slots);
    StateDiff diff;
    std::map<CodeHash, std::shared_ptr<const Bytes>> codes;
    diff.accounts.reserve(accounts.size());
    auto slot = slots.begin();
    for (const auto& [prefix, none, entry] : accounts) {
        const auto& address = entry->first;
        const auto slots_begin = slot;
        while (slot != slots.end() && slot->entry->first.address == address) ++slot;
        if (entry->second.versions.empty() && slot == slots_begin) continue;
        const auto end = final_of(*entry);
        if (!end.record && !end.base) continue;
        AccountChange change;
        change.address = address;
        if (!end.record) {
            change.deleted = true;
            diff.accounts.push_back(std::move(change));
            continue;
        }
        change.nonce = end.record->nonce;
        change.balance = end.record->balance;
        change.code_hash = end.record->code_hash;
        change.storage_cleared = end.cleared && end.base;
        for (auto at = slots_begin; at != slot; ++at)
            if (const auto value = changed_value(at->entry->second, end.cleared))
                change.storage.emplace_back(at->entry->first.slot, *value);
        if (end.deploys_code) codes.emplace(change.code_hash, codes_.at(change.code_hash));
        if (end.base == end.record && !change.storage_cleared && change.storage.empty()) continue;
        diff.accounts.push_back(std::move(change));
    }
    TROUPE_ASSERT(slot == slots.end());
    for (const auto& [hash, code] : codes) diff.codes.emplace_back(hash, *code);
    return diff;
}

// View ----------------------------------------------------------------------------------------------------------------

std::optional<AccountRecord> View::account(const Address& address) {
    auto read = state_.account(address, index_);
    if (read.waits_for && !waits_for_) waits_for_ = read.waits_for;
    reads_.accounts.emplace_back(read.at, read.value);
    return read.value;
}

uint256 View::storage(const Address& address, const uint256& slot) {
    const auto read = state_.storage({address, slot}, index_);
    if (read.waits_for && !waits_for_) waits_for_ = read.waits_for;
    reads_.slots.emplace_back(read.at, read.value);
    return read.value;
}

bool View::has_storage(const Address& address) {
    return reads_.storages.emplace_back(address, state_.has_storage(address, index_)).second;
}

}  // namespace troupe::parallel
