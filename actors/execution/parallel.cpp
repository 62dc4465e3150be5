#include "actors/execution/parallel.hpp"

#include <algorithm>

namespace troupe {
namespace {

using parallel::Index;
using parallel::ParallelRun;

/// Fewer are done before another thread is awake.
constexpr std::size_t transactions_min = 24;
constexpr std::uint64_t rest_max = 64;

/// Most transactions that can only run one after the other.
[[nodiscard]] Index longest_chain(const std::vector<ParallelRun::Transaction>& transactions) {
    std::vector<Index> depth(transactions.size(), 1);
    Index longest = 0;
    for (std::size_t i = 0; i < transactions.size(); ++i) {
        if (transactions[i].after) depth[i] = depth[*transactions[i].after] + 1;
        longest = std::max(longest, depth[i]);
    }
    return longest;
}

}  // namespace

bool Parallelism::is_worth_it(const std::vector<ParallelRun::Transaction>& transactions) noexcept {
    if (threads_ < 2 || transactions.size() < transactions_min) return false;
    if (longest_chain(transactions) * 2 > transactions.size()) return false;
    if (resting_ == 0) return true;
    --resting_;
    return false;
}

std::shared_ptr<const ParallelRun> Parallelism::run(StateReader& base,
                                                    std::vector<ParallelRun::Transaction> transactions,
                                                    ParallelRun::Execute execute) {
    auto run = std::make_shared<ParallelRun>(base, std::move(transactions), std::move(execute));
    for (std::size_t i = 1; i < threads_; ++i) start_([run] { run->work(); });
    run->finish();
    const auto counters = run->counters();
    counters_ += counters;
    if (counters.executions > counters.transactions + counters.transactions / 2) {
        resting_ = rest_next_;
        rest_next_ = std::min(rest_next_ * 2, rest_max);
    } else {
        rest_next_ = 1;
    }
    return run;
}

}  // namespace troupe
