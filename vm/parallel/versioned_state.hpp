// The state of a block that executes in parallel: for each place what each transaction wrote there, over a base
// (Block-STM's multi-version memory). A transaction reads what the highest one before it wrote. Credits are kept as
// such and added up only where somebody reads the account. Thread-safe; the base is read by one thread at a time.
#pragma once

#include <array>
#include <atomic>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "vm/parallel/scheduler.hpp"
#include "vm/state/effects.hpp"
#include "vm/state/key_hash.hpp"

namespace troupe::parallel {

/// What a transaction saw: it stands as long as all of it would be seen again.
struct Reads {
    std::vector<std::pair<Address, std::optional<AccountRecord>>> accounts;
    std::vector<std::pair<SlotPlace, uint256>> slots;
    /// Whether it had storage.
    std::vector<std::pair<Address, bool>> storages;
};

class VersionedState {
public:
    VersionedState(StateReader& base, Index count) : base_(base), written_(count) {}

    template <class T>
    struct Read {
        T value{};
        /// What was read was written by an execution of this transaction that did not hold: it will be executed again.
        std::optional<Index> waits_for;
    };
    [[nodiscard]] Read<std::optional<AccountRecord>> account(const Address& address, Index reader);
    [[nodiscard]] Read<uint256> storage(const SlotPlace& place, Index reader);
    /// Of an account without code and nonce: nothing in a block adds to what the base has for it.
    [[nodiscard]] bool has_storage(const Address& address, Index reader);
    [[nodiscard]] std::shared_ptr<const Bytes> code(const CodeHash& hash);

    /// Whether a transaction would see the same once more.
    [[nodiscard]] bool still_holds(const Reads& reads, Index reader);
    /// The lowest transaction that has to execute again before these reads can be made.
    [[nodiscard]] std::optional<Index> waits_for(const Reads& reads, Index reader);

    /// Replaces what the transaction's execution before wrote; true if it wrote to a place that one did not.
    bool write(Index writer, const TransactionEffects& effects);
    /// The transaction will be executed again: what it wrote is an estimate of where it will write.
    void mark_estimates(Index writer);

private:
    struct Place {
        SlotPlace at;
        bool is_slot = false;
        auto operator<=>(const Place&) const = default;
    };
    template <class T>
    struct Version {
        Index writer = 0;
        bool is_estimate = false;
        T value;
    };
    struct AccountValue {
        bool is_credit = false;
        bool clears_storage = false;
        /// Of a credit: only the balance counts.
        std::optional<AccountRecord> record;
    };
    /// Ascending by writer.
    template <class T, class Base>
    struct Cell {
        std::optional<Base> base;
        std::vector<Version<T>> versions;
    };
    using AccountCell = Cell<AccountValue, std::optional<AccountRecord>>;
    using SlotCell = Cell<uint256, uint256>;
    struct Shard {
        std::mutex mutex;
        std::unordered_map<Address, AccountCell, AddressHash> accounts;
        std::unordered_map<SlotPlace, SlotCell, SlotPlaceHash> slots;
    };
    static constexpr std::size_t shard_count = 64;

    /// The highest visible clearing of the account's storage, if it comes after `since`.
    [[nodiscard]] std::optional<Version<bool>> clearing(const Address& address, Index reader,
                                                        std::optional<Index> since);
    [[nodiscard]] Shard& shard_of(const Place& place) noexcept {
        const auto hash = place.is_slot ? SlotPlaceHash{}(place.at) : AddressHash{}(place.at.address);
        return shards_[(hash >> 40) % shard_count];
    }
    template <class T>
    static void put(std::vector<Version<T>>& versions, Version<T> version);
    template <class Change>
    void at_versions(const Place& place, Change&& change);

    StateReader& base_;
    std::mutex base_mutex_;
    std::array<Shard, shard_count> shards_;
    std::mutex codes_mutex_;
    std::unordered_map<CodeHash, std::shared_ptr<const Bytes>, FixedBytesHash> codes_;
    /// Somebody has cleared an account's storage: slots then also depend on their account.
    std::atomic<bool> clears_storage_ = false;
    /// Where each transaction's last execution wrote, ascending. Touched by whoever executes or aborts it.
    std::vector<std::vector<Place>> written_;
};

/// What one execution of one transaction reads.
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
