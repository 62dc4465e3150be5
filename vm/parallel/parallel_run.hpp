// Executes the transactions of a block on several threads, with the result of executing them one after the other
// (Block-STM). Whoever has time calls work(); the owner calls finish() and takes what changed.
//
// Neighbours execute as a group, one after the other on one state: what speculation costs (reading through the
// versions, noting reads, validating, writing) is paid once a group and place. A group that meets a conflict executes
// again whole.
#pragma once

#include <functional>

#include "vm/parallel/versioned_state.hpp"
#include "vm/state/journal.hpp"

namespace troupe::parallel {

struct Counters {
    std::uint64_t transactions = 0;
    /// Of transactions, those thrown away included.
    std::uint64_t executions = 0;
    /// Of groups.
    std::uint64_t validations = 0;
    /// Validations that failed: the group was executed again.
    std::uint64_t aborts = 0;
    /// Times that a group was put off until another had executed.
    std::uint64_t waits = 0;

    Counters& operator+=(const Counters& other) noexcept;
};

class ParallelRun {
public:
    /// Executes the transaction on a state, and keeps what it came to. Must depend on that state only, even where it is
    /// one that no order of the transactions would give. Called by any thread, more than once for a transaction, but
    /// never twice at a time for the same.
    using Execute = std::function<void(Index, JournaledState&)>;
    struct Transaction {
        /// One before it whose effects it needs for certain.
        std::optional<Index> after;
    };

    /// `base` is read by one thread at a time, and outlives diff(). `group_size`: nothing: as large as leaves enough to
    /// do at a time.
    ParallelRun(StateReader& base, const std::vector<Transaction>& transactions, Execute execute,
                std::optional<Index> group_size = std::nullopt);

    /// Takes part until all is done. A call after that returns at once: it may come when the base is gone.
    void work();
    /// Takes part, and waits until all others have left.
    void finish();

    /// After finish(): what all changed, in canonical order.
    [[nodiscard]] StateDiff diff() { return state_.diff(); }
    [[nodiscard]] Counters counters() const noexcept;

private:
    struct Group {
        Index first = 0;
        Index end = 0;
        std::optional<Index> after;
        ShortLock lock;
        /// Of the latest execution; read by validators while the next one may be under way.
        std::shared_ptr<const Reads> reads;
    };

    void work_until_done();
    [[nodiscard]] std::optional<Task> execute(Index index, std::uint32_t incarnation);
    [[nodiscard]] std::optional<Task> validate(Index index, std::uint32_t incarnation);
    [[nodiscard]] bool put_off(Index index, Index blocking);
    [[nodiscard]] std::shared_ptr<const Reads> reads_of(Index index);

    const Index transactions_;
    const Index group_size_;
    const Execute execute_;
    const Index groups_;
    std::unique_ptr<Group[]> group_;
    Scheduler scheduler_;
    VersionedState state_;
    /// Threads inside work(); the highest bit: nobody may enter any more.
    std::atomic<std::uint32_t> inside_ = 0;
    std::atomic<std::uint64_t> executions_ = 0;
    std::atomic<std::uint64_t> validations_ = 0;
    std::atomic<std::uint64_t> aborts_ = 0;
    std::atomic<std::uint64_t> waits_ = 0;
};

/// Of how many groups of that size each needs the one before: they can only execute one after the other.
[[nodiscard]] Index longest_chain(const std::vector<ParallelRun::Transaction>& transactions, Index group_size);

}  // namespace troupe::parallel
