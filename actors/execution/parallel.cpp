#include "actors/execution/parallel.hpp"

#include <algorithm>

namespace troupe {
namespace {

using parallel::ParallelRun;

/// Fewer are done before another thread is awake.
constexpr std::size_t transactions_min = 24;
/// What speculation adds to a transaction is more than can be saved on cheaper ones (tests/bench/parallel_bench.cpp).
constexpr std::uint64_t cost_min_ns = 2000;
/// The way that was slower is tried again, since blocks change.
constexpr std::uint64_t blocks_between_trials = 32;

}  // namespace

bool Parallelism::is_worth_it(const Transactions& transactions) {
    if (choice_ == Choice::always) return !transactions.empty();
    if (threads_ < 2 || transactions.size() < transactions_min || in_order_cost_ < cost_min_ns) return false;
    if (parallel::longest_chain(transactions, 1) * 2 > transactions.size()) return false;
    if (parallel_cost_ == 0) return true;
    const bool is_faster = parallel_cost_ < in_order_cost_;
    if (until_other_way_ > 0) {
        --until_other_way_;
        return is_faster;
    }
    until_other_way_ = blocks_between_trials;
    return !is_faster;
}

void Parallelism::note(bool in_parallel, std::size_t transactions, Nanoseconds took) noexcept {
    if (transactions < transactions_min) return;
    auto& cost = in_parallel ? parallel_cost_ : in_order_cost_;
    const auto now = std::max<std::uint64_t>(static_cast<std::uint64_t>(took.count()) / transactions, 1);
    cost = cost == 0 ? now : (3 * cost + now) / 4;
}

std::shared_ptr<ParallelRun> Parallelism::run(StateReader& base, const Transactions& transactions,
                                              ParallelRun::Execute execute) {
    auto run = std::make_shared<ParallelRun>(base, transactions, std::move(execute));
    for (std::size_t i = 1; i < threads_; ++i) start_([run] { run->work(); });
    run->finish();
    counters_ += run->counters();
    return run;
}

}  // namespace troupe
