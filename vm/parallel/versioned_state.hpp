// The state of a block that executes in parallel: for each place what each group of transactions wrote there, over a
// base (Block-STM's multi-version memory). A group reads what the highest one before it wrote. Credits are kept as such
// and added up only where somebody reads the account. Thread-safe; the base is read by one thread at a time.
#pragma once

#include <array>
#include <atomic>
#include <memory_resource>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "vm/parallel/scheduler.hpp"
#include "vm/parallel/short_lock.hpp"
#include "vm/state/effects.hpp"
#include "vm/state/key_hash.hpp"
#include "vm/state/state_diff.hpp"

namespace troupe::parallel {

/// What each group wrote at one place.
template <class T>
struct Version {
    Index writer = 0;
    bool is_estimate = false;
    T value;
};
struct AccountValue {
    bool is_credit = false;
    /// Of a credit: only if the account is empty then.
    bool clears_storage = false;
    bool deploys_code = false;
    /// Of a credit: only the balance counts.
    std::optional<AccountRecord> record;
};
template <class T, class BaseValue>
struct Cell {
    using Base = BaseValue;
    Cell(ShortLock& lock_of_shard, std::pmr::memory_resource* memory) : lock(lock_of_shard), versions(memory) {}
    ShortLock& lock;
    std::optional<Base> base;
    /// Ascending by writer.
    std::pmr::vector<Version<T>> versions;
};
using AccountCell = Cell<AccountValue, std::optional<AccountRecord>>;
using SlotCell = Cell<uint256, uint256>;
/// Of maps: they stay where they are.
using AccountEntry = std::pair<const Address, AccountCell>;
using SlotEntry = std::pair<const SlotPlace, SlotCell>;

/// What a group saw: it stands as long as all of it would be seen again.
struct Reads {
    std::vector<std::pair<AccountEntry*, std::optional<AccountRecord>>> accounts;
    std::vector<std::pair<SlotEntry*, uint256>> slots;
    /// Whether it had storage.
    std::vector<std::pair<Address, bool>> storages;
};

class VersionedState {
public:
    /// Of `count` groups.
    VersionedState(StateReader& base, Index count) : base_(base), written_(count) {}

    template <class Entry, class T>
    struct Read {
        Entry* at = nullptr;
        T value{};
        /// What was read was written by an execution of this group that did not hold: it will be executed again.
        std::optional<Index> waits_for;
    };
    using AccountRead = Read<AccountEntry, std::optional<AccountRecord>>;
    using SlotRead = Read<SlotEntry, uint256>;
    [[nodiscard]] AccountRead account(const Address& address, Index reader);
    [[nodiscard]] SlotRead storage(const SlotPlace& place, Index reader);
    /// Of an account without code and nonce: nothing in a block adds to what the base has for it.
    [[nodiscard]] bool has_storage(const Address& address, Index reader);
    [[nodiscard]] std::shared_ptr<const Bytes> code(const CodeHash& hash);

    /// Whether a group would see the same once more.
    [[nodiscard]] bool still_holds(const Reads& reads, Index reader);
    /// The lowest group that has to execute again before these reads can be made.
    [[nodiscard]] std::optional<Index> waits_for(const Reads& reads, Index reader);

    /// Replaces what the group's execution before wrote; true if it wrote to a place that one did not.
    bool write(Index writer, const TransactionEffects& effects);
    /// The group will be executed again: what it wrote is an estimate of where it will write.
    void mark_estimates(Index writer);

    /// What all groups together changed, in canonical order. When all have executed, and nobody else is at work.
    [[nodiscard]] StateDiff diff();

private:
    struct alignas(64) Shard {
        ShortLock lock;
        std::pmr::monotonic_buffer_resource memory{std::size_t{16} << 10};
        std::pmr::unordered_map<Address, AccountCell, AddressHash> accounts{&memory};
        std::pmr::unordered_map<SlotPlace, SlotCell, SlotPlaceHash> slots{&memory};

        [[nodiscard]] AccountEntry& entry(const Address& address) {
            return *accounts.try_emplace(address, lock, &memory).first;
        }
        [[nodiscard]] SlotEntry& entry(const SlotPlace& place) {
            return *slots.try_emplace(place, lock, &memory).first;
        }
    };
    static constexpr std::size_t shard_count = 64;
    [[nodiscard]] Shard& shard_of(const Address& address) noexcept {
        return shards_[(AddressHash{}(address) >> 40) % shard_count];
    }
    [[nodiscard]] Shard& shard_of(const SlotPlace& place) noexcept {
        return shards_[(SlotPlaceHash{}(place) >> 40) % shard_count];
    }

    using Lock = std::unique_lock<ShortLock>;
    // Of an entry whose shard is locked; not while the base is read.
    [[nodiscard]] AccountRead read(Lock& lock, AccountEntry& entry, Index reader);
    [[nodiscard]] SlotRead read(Lock& lock, SlotEntry& entry, Index reader);
    template <class Cell, class ReadBase>
    [[nodiscard]] typename Cell::Base base_of(Lock& lock, Cell& cell, ReadBase&& read_base);
    /// The highest visible clearing of the account's storage, if it comes after `since`.
    [[nodiscard]] std::optional<Version<bool>> clearing(const Address& address, Index reader,
                                                        std::optional<Index> since);

    template <class Key, class T>
    auto* put(const Key& key, Index writer, T value);
    /// Takes back what is not written any more; true if there is something new.
    template <class Entry>
    static bool replace(Index writer, std::vector<Entry*>& before, std::vector<Entry*>&& now);

    /// An account's last state, and how it came to it.
    struct Final {
        std::optional<AccountRecord> base;
        std::optional<AccountRecord> record;
        bool deploys_code = false;
        /// The last that cleared its storage.
        std::optional<Index> cleared;
    };
    [[nodiscard]] Final final_of(AccountEntry& entry);

    StateReader& base_;
    ShortLock base_lock_;
    std::array<Shard, shard_count> shards_;
    ShortLock codes_lock_;
    std::unordered_map<CodeHash, std::shared_ptr<const Bytes>, FixedBytesHash> codes_;
    /// Somebody has cleared an account's storage: slots then also depend on their account.
    std::atomic<bool> clears_storage_ = false;
    /// Where a group's last execution wrote, by address in memory. Touched by whoever executes or aborts it.
    struct Written {
        std::vector<AccountEntry*> accounts;
        std::vector<SlotEntry*> slots;
    };
    std::vector<Written> written_;
};

/// What one execution of one group reads.
class View final : public StateReader {
public:
    View(VersionedState& state, Index index) : state_(state), index_(index) {}

    [[nodiscard]] std::optional<AccountRecord> account(const Address& address) override;
    [[nodiscard]] uint256 storage(const Address& address, const uint256& slot) override;
    [[nodiscard]] bool has_storage(const Address& address) override;
    [[nodiscard]] std::shared_ptr<const Bytes> code(const CodeHash& hash) override { return state_.code(hash); }

    /// A read met an estimate: what the execution comes to is of no use.
    [[nodiscard]] std::optional<Index> waits_for() const noexcept { return waits_for_; }
    [[nodiscard]] Reads take_reads() noexcept { return std::move(reads_); }

private:
    VersionedState& state_;
    const Index index_;
    Reads reads_;
    std::optional<Index> waits_for_;
};

}  // namespace troupe::parallel
