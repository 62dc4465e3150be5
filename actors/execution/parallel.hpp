// When and with whom a block's transactions execute in parallel. What comes out never depends on it.
#pragma once

#include <functional>
#include <memory>

#include "vm/parallel/parallel_run.hpp"

namespace troupe {

class Parallelism {
public:
    /// Has another thread take part, soon or never.
    using Start = std::function<void(std::function<void()> work)>;

    /// `threads`: the one that executes the block included.
    Parallelism(std::size_t threads, Start start) : threads_(threads), start_(std::move(start)) {}

    /// Executes all of them on as many threads as there are, and gives the run, finished.
    [[nodiscard]] std::shared_ptr<const parallel::ParallelRun> run(
        StateReader& base, std::vector<parallel::ParallelRun::Transaction> transactions,
        parallel::ParallelRun::Execute execute);

    /// Whether these are better executed in parallel than in order, judged by their number, by what depends on what and
    /// by how blocks before them fared.
    [[nodiscard]] bool is_worth_it(const std::vector<parallel::ParallelRun::Transaction>& transactions) noexcept;

    /// Of all blocks so far.
    [[nodiscard]] const parallel::Counters& counters() const noexcept { return counters_; }

private:
    const std::size_t threads_;
    const Start start_;
    parallel::Counters counters_;
    /// Blocks to execute in order because the last parallel one had too many conflicts.
    std::uint64_t resting_ = 0;
    std::uint64_t rest_next_ = 1;
};

}  // namespace troupe
