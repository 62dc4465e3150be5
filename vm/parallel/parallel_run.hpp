// Executes the transactions of a block on several threads, with the result of executing them one after the other
// (Block-STM). Whoever has time calls work(); the owner calls finish() and takes the effects in order.
#pragma once

#include <functional>

#include "vm/parallel/versioned_state.hpp"
#include "vm/state/journal.hpp"

namespace troupe::parallel {

struct Counters {
    std::uint64_t transactions = 0;
    /// Those thrown away included.
    std::uint64_t executions = 0;
    std::uint64_t validations = 0;
    /// Validations that failed: the transaction was executed again.
    std::uint64_t aborts = 0;
    /// Times that an execution was put off until another transaction had executed.
    std::uint64_t waits = 0;

    Counters& operator+=(const Counters& other) noexcept;
};

class ParallelRun {
public:
    /// Executes the transaction on a state of its own, and keeps what it came to. Must depend on that state only, even
    /// where it is one that no order of the transactions would give. Called by any thread, more than once for a
    /// transaction, but never twice at a time for the same.
    using Execute = std::function<void(Index, JournaledState&)>;
    struct Transaction {
        /// One before it whose effects it needs for certain.
        std::optional<Index> after;
    };

    /// `base` is read by one thread at a time, and outlives finish().
    ParallelRun(StateReader& base, std::vector<Transaction> transactions, Execute execute);

    /// Takes part until all is done. A call after that returns at once: it may come when the base is gone.
    void work();
    /// Takes part, and waits until all others have left.
    void finish();

    /// After finish().
    [[nodiscard]] const TransactionEffects& effects(Index index) const { return outcomes_[index].effects; }
    [[nodiscard]] Counters counters() const noexcept;

private:
    struct Outcome {
        std::mutex mutex;
        /// Of the latest execution; read by validators while the next one may be under way.
        std::shared_ptr<const Reads> reads;
        TransactionEffects effects;
    };

    void work_until_done();
    [[nodiscard]] std::optional<Task> execute(Index index, std::uint32_t incarnation);
    [[nodiscard]] std::optional<Task> validate(Index index, std::uint32_t incarnation);
    [[nodiscard]] bool put_off(Index index, Index blocking);
    [[nodiscard]] std::shared_ptr<const Reads> reads_of(Index index);

    const std::vector<Transaction> transactions_;
    const Execute execute_;
    Scheduler scheduler_;
    VersionedState state_;
    std::unique_ptr<Outcome[]> outcomes_;
    /// Threads inside work(); the highest bit: nobody may enter any more.
    std::atomic<std::uint32_t> inside_ = 0;
    std::atomic<std::uint64_t> executions_ = 0;
    std::atomic<std::uint64_t> validations_ = 0;
    std::atomic<std::uint64_t> aborts_ = 0;
    std::atomic<std::uint64_t> waits_ = 0;
};

}  // namespace troupe::parallel
