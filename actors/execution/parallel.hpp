// When and with whom a block's transactions execute in parallel. What comes out never depends on it: by their cost in
// earlier blocks, in order and in parallel, the way is chosen that is likely to be faster on this machine.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "vm/parallel/parallel_run.hpp"

namespace troupe {

class Parallelism {
public:
    /// Has another thread take part, soon or never.
    using Start = std::function<void(std::function<void()> work)>;
    enum class Choice : std::uint8_t { by_cost, always };
    using Transactions = std::vector<parallel::ParallelRun::Transaction>;
    using Nanoseconds = std::chrono::nanoseconds;

    /// `threads`: the one that executes the block included.
    Parallelism(std::size_t threads, Start start, Choice choice = Choice::by_cost)
        : threads_(threads), start_(std::move(start)), choice_(choice) {}

    /// Whether these are better executed in parallel than in order.
    [[nodiscard]] bool is_worth_it(const Transactions& transactions);
    /// What executing so many transactions took, one way or the other.
    void note(bool in_parallel, std::size_t transactions, Nanoseconds took) noexcept;

    /// Executes all of them on as many threads as there are, and gives the run, finished.
    [[nodiscard]] std::shared_ptr<parallel::ParallelRun> run(StateReader& base, const Transactions& transactions,
                                                             parallel::ParallelRun::Execute execute);

    /// Of all blocks so far.
    [[nodiscard]] const parallel::Counters& counters() const noexcept { return counters_; }

private:
    const std::size_t threads_;
    const Start start_;
    const Choice choice_;
    parallel::Counters counters_;
    /// Nanoseconds a transaction, the latest blocks counting most; 0: not tried.
    std::uint64_t in_order_cost_ = 0;
    std::uint64_t parallel_cost_ = 0;
    std::uint64_t until_other_way_ = 0;
};

}  // namespace troupe
