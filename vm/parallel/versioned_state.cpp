#include "vm/parallel/versioned_state.hpp"

#include <algorithm>

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

VersionedState::Read<std::optional<AccountRecord>> VersionedState::account(const Address& address, Index reader) {
    auto& shard = shard_of({{address, {}}, false});
    const std::lock_guard lock{shard.mutex};
    auto& cell = shard.accounts[address];
    Read<std::optional<AccountRecord>> out;
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
    if (!is_found) {
        if (!cell.base) {
            const std::lock_guard base_lock{base_mutex_};
            cell.base = base_.account(address);
        }
        out.value = *cell.base;
    }
    if (is_credited) out.value = with_credit(out.value, credits);
    return out;
}

VersionedState::Read<uint256> VersionedState::storage(const SlotPlace& place, Index reader) {
    Read<uint256> out;
    std::optional<Index> writer;
    {
        auto& shard = shard_of({place, true});
        const std::lock_guard lock{shard.mutex};
        auto& cell = shard.slots[place];
        if (const auto seen = seen_by(cell.versions, reader); !seen.empty()) {
            const auto& version = seen.front();
            writer = version.writer;
            out.value = version.value;
            if (version.is_estimate) out.waits_for = version.writer;
        } else {
            if (!cell.base) {
                const std::lock_guard base_lock{base_mutex_};
                cell.base = base_.storage(place.address, place.slot);
            }
            out.value = *cell.base;
        }
    }
    // A transaction that clears writes afterwards what the storage then has.
    if (const auto cleared = clearing(place.address, reader, writer)) {
        out.value = {};
        out.waits_for = cleared->is_estimate ? std::optional{cleared->writer} : std::nullopt;
    }
    return out;
}

std::optional<VersionedState::Version<bool>> VersionedState::clearing(const Address& address, Index reader,
                                                                      std::optional<Index> since) {
    if (!clears_storage_.load()) return std::nullopt;
    auto& shard = shard_of({{address, {}}, false});
    const std::lock_guard lock{shard.mutex};
    const auto it = shard.accounts.find(address);
    if (it == shard.accounts.end()) return std::nullopt;
    for (const auto& version : seen_by(it->second.versions, reader)) {
        if (since && version.writer <= *since) break;
        if (version.value.clears_storage) return Version<bool>{version.writer, version.is_estimate, true};
    }
    return std::nullopt;
}

bool VersionedState::has_storage(const Address& address, Index reader) {
    if (clearing(address, reader, std::nullopt)) return false;
    const std::lock_guard lock{base_mutex_};
    return base_.has_storage(address);
}

std::shared_ptr<const Bytes> VersionedState::code(const CodeHash& hash) {
    {
        const std::lock_guard lock{codes_mutex_};
        if (const auto it = codes_.find(hash); it != codes_.end()) return it->second;
    }
    const std::lock_guard lock{base_mutex_};
    return base_.code(hash);
}

bool VersionedState::still_holds(const Reads& reads, Index reader) {
    const auto same = [](const auto& read, const auto& value) { return !read.waits_for && read.value == value; };
    return std::ranges::all_of(reads.accounts,
                               [&](const auto& r) { return same(account(r.first, reader), r.second); }) &&
           std::ranges::all_of(reads.slots, [&](const auto& r) { return same(storage(r.first, reader), r.second); }) &&
           std::ranges::all_of(reads.storages, [&](const auto& r) { return has_storage(r.first, reader) == r.second; });
}

std::optional<Index> VersionedState::waits_for(const Reads& reads, Index reader) {
    for (const auto& [address, value] : reads.accounts)
        if (const auto blocking = account(address, reader).waits_for) return blocking;
    for (const auto& [place, value] : reads.slots)
        if (const auto blocking = storage(place, reader).waits_for) return blocking;
    return std::nullopt;
}

// Writing -------------------------------------------------------------------------------------------------------------

template <class T>
void VersionedState::put(std::vector<Version<T>>& versions, Version<T> version) {
    const auto at = place_of(versions, version.writer);
    if (at != versions.end() && at->writer == version.writer)
        *at = std::move(version);
    else
        versions.insert(at, std::move(version));
}

template <class Change>
void VersionedState::at_versions(const Place& place, Change&& change) {
    auto& shard = shard_of(place);
    const std::lock_guard lock{shard.mutex};
    if (place.is_slot)
        change(shard.slots[place.at].versions);
    else
        change(shard.accounts[place.at.address].versions);
}

bool VersionedState::write(Index writer, const TransactionEffects& effects) {
    std::vector<Place> places;
    places.reserve(effects.accounts.size() + effects.slots.size() + effects.credits.size());
    const auto put_account = [&](const Address& address, AccountValue value) {
        places.push_back({{address, {}}, false});
        auto& shard = shard_of(places.back());
        const std::lock_guard lock{shard.mutex};
        put(shard.accounts[address].versions, {writer, false, std::move(value)});
    };
    for (const auto& one : effects.accounts) {
        if (one.code) {
            // Before the account that names it.
            const std::lock_guard lock{codes_mutex_};
            codes_.emplace(one.record->code_hash, one.code);
        }
        if (one.storage_cleared) clears_storage_.store(true);
        put_account(one.address, {false, one.storage_cleared, one.record});
    }
    for (const auto& one : effects.credits)
        put_account(one.address, {true, false, AccountRecord{0, one.amount, empty_code_hash}});
    for (const auto& one : effects.slots) {
        places.push_back({{one.address, one.slot}, true});
        auto& shard = shard_of(places.back());
        const std::lock_guard lock{shard.mutex};
        put(shard.slots[places.back().at].versions, {writer, false, one.value});
    }
    std::ranges::sort(places);
    auto& before = written_[writer];
    for (const auto& place : before)
        if (!std::ranges::binary_search(places, place))
            at_versions(place, [&](auto& versions) { versions.erase(place_of(versions, writer)); });
    const bool has_new = !std::ranges::includes(before, places);
    before = std::move(places);
    return has_new;
}

void VersionedState::mark_estimates(Index writer) {
    for (const auto& place : written_[writer])
        at_versions(place, [&](auto& versions) { place_of(versions, writer)->is_estimate = true; });
}

// View ----------------------------------------------------------------------------------------------------------------

std::optional<AccountRecord> View::account(const Address& address) {
    auto read = state_.account(address, index_);
    if (read.waits_for && !waits_for_) waits_for_ = read.waits_for;
    reads_.accounts.emplace_back(address, read.value);
    return read.value;
}

uint256 View::storage(const Address& address, const uint256& slot) {
    const SlotPlace place{address, slot};
    const auto read = state_.storage(place, index_);
    if (read.waits_for && !waits_for_) waits_for_ = read.waits_for;
    reads_.slots.emplace_back(place, read.value);
    return read.value;
}

bool View::has_storage(const Address& address) {
    return reads_.storages.emplace_back(address, state_.has_storage(address, index_)).second;
}

}  // namespace troupe::parallel
