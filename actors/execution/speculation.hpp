// The last transactions of a block executed elsewhere, on the state before the block, while the first ones execute
// here. What comes back says what was read: only where a transaction's turn finds exactly that does its result count,
// else it executes here like any other. So a block comes to the same whoever takes part, or nobody.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <span>

#include "vm/evm/transaction.hpp"
#include "vm/state/journal.hpp"

namespace troupe {

/// What a transaction saw of the state, each place once.
struct StateReads {
    std::vector<std::pair<Address, std::optional<AccountRecord>>> accounts;
    std::vector<std::pair<SlotPlace, uint256>> slots;
    /// Whether it had storage.
    std::vector<std::pair<Address, bool>> storages;
};

/// What one transaction came to on the state that it saw.
struct SpeculativeResult {
    /// It can't execute on that state; nothing else counts then but `reads`.
    std::optional<evm::Invalid> invalid;
    evm::ExecutionReceipt receipt;
    StateReads reads;
    TransactionEffects effects;
};

/// Executes them one after the other, the first on `base`.
[[nodiscard]] std::vector<SpeculativeResult> speculate(StateReader& base, const evm::BlockContext& context,
                                                       const std::vector<evm::TransactionInput>& transactions,
                                                       evm::AnalysisCache& codes);

/// Whether a transaction that read this would read the same now.
[[nodiscard]] bool holds(const StateReads& reads, JournaledState& state);

/// Transactions of one chunk on their way to whoever executes them and back. Thread-safe.
class Speculation {
public:
    /// `base` is read under a lock, until close().
    Speculation(StateReader& base, evm::BlockContext context, std::vector<evm::TransactionInput> transactions)
        : context_(std::move(context)), transactions_(std::move(transactions)), base_(&base) {}

    // Who executes them
    [[nodiscard]] const evm::BlockContext& context() const noexcept { return context_; }
    [[nodiscard]] const std::vector<evm::TransactionInput>& transactions() const noexcept { return transactions_; }
    /// Gives `use` the state before the block; false if nobody wants the results any more.
    [[nodiscard]] bool with_state(const std::function<void(StateReader&)>& use);
    /// One a transaction; any other number is none.
    void deliver(std::vector<SpeculativeResult> results);
    void give_up();

    // The block's executor
    /// Waits until there are results, or none will come. Null: none.
    [[nodiscard]] const std::vector<SpeculativeResult>* results(std::chrono::nanoseconds patience);
    /// The state changes from now on.
    void close();

private:
    const evm::BlockContext context_;
    const std::vector<evm::TransactionInput> transactions_;
    std::mutex mutex_;
    std::condition_variable changed_;
    StateReader* base_;
    bool is_over_ = false;
    std::vector<SpeculativeResult> results_;
};
using SpeculationPtr = std::shared_ptr<Speculation>;

/// Which share of a block is handed out: by what its transactions have cost here, and what handing out has saved.
class Speculator {
public:
    using Nanoseconds = std::chrono::nanoseconds;
    /// Has somebody execute it, or gives it up.
    using Start = std::function<void(const SpeculationPtr&)>;
    struct Counters {
        /// Transactions handed out.
        std::uint64_t given = 0;
        /// Whose results counted.
        std::uint64_t used = 0;
        /// Came in time, but had seen another state.
        std::uint64_t outdated = 0;
        /// Did not come in time, or not at all.
        std::uint64_t missing = 0;
    };

    explicit Speculator(Start start) : start_(std::move(start)) {}

    /// How many of the last of so many transactions are better handed out; 0 most of the time.
    [[nodiscard]] std::size_t share(std::size_t transactions);
    void start(const SpeculationPtr& speculation) {
        counters_.given += speculation->transactions().size();
        start_(speculation);
    }
    /// How a block ended: what one transaction that executed here took, and what became of those handed out.
    void note(Nanoseconds a_transaction, const Counters& block);
    [[nodiscard]] const Counters& counters() const noexcept { return counters_; }

private:
    const Start start_;
    Counters counters_;
    /// Of one transaction, the latest blocks counting most; 0: none executed yet.
    std::uint64_t cost_ns_ = 0;
    std::uint64_t blocks_to_rest_ = 0;
};

}  // namespace troupe
