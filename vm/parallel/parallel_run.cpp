#include "vm/parallel/parallel_run.hpp"

#include <algorithm>

namespace troupe::parallel {
namespace {

constexpr std::uint32_t closed_bit = std::uint32_t{1} << 31;

/// A conflict throws away at most so many.
constexpr Index group_size_max = 32;
/// Several a thread, so that no thread waits long for another's last one.
constexpr Index groups_min = 48;
/// Groups that should be able to execute at the same time.
constexpr Index width_min = 4;

[[nodiscard]] Index choose_group_size(const std::vector<ParallelRun::Transaction>& transactions) {
    const auto count = static_cast<Index>(transactions.size());
    auto size = std::clamp<Index>(count / groups_min, 1, group_size_max);
    while (size > 1 && longest_chain(transactions, size) * width_min > (count + size - 1) / size) size /= 2;
    return size;
}

}  // namespace

Index longest_chain(const std::vector<ParallelRun::Transaction>& transactions, Index group_size) {
    std::vector<Index> depth((transactions.size() + group_size - 1) / group_size, 1);
    Index longest = 0;
    for (Index i = 0; i < transactions.size(); ++i) {
        const auto group = i / group_size;
        if (const auto after = transactions[i].after; after && *after / group_size != group)
            depth[group] = std::max(depth[group], depth[*after / group_size] + 1);
        longest = std::max(longest, depth[group]);
    }
    return longest;
}

Counters& Counters::operator+=(const Counters& other) noexcept {
    transactions += other.transactions;
    executions += other.executions;
    validations += other.validations;
    aborts += other.aborts;
    waits += other.waits;
    return *this;
}

ParallelRun::ParallelRun(StateReader& base, const std::vector<Transaction>& transactions, Execute execute,
                         std::optional<Index> group_size)
    : transactions_(static_cast<Index>(transactions.size())),
      group_size_(group_size ? *group_size : choose_group_size(transactions)),
      execute_(std::move(execute)),
      groups_((transactions_ + group_size_ - 1) / group_size_),
      group_(std::make_unique<Group[]>(groups_)),
      scheduler_(groups_),
      state_(base, groups_) {
    for (Index i = 0; i < groups_; ++i) {
        auto& group = group_[i];
        group.first = i * group_size_;
        group.end = std::min(group.first + group_size_, transactions_);
        for (auto at = group.first; at < group.end; ++at)
            if (const auto after = transactions[at].after; after && *after < group.first)
                group.after = std::max(group.after.value_or(0), *after / group_size_);
    }
}

void ParallelRun::work() {
    if ((inside_.fetch_add(1) & closed_bit) == 0) work_until_done();
    inside_.fetch_sub(1);
    inside_.notify_all();
}

void ParallelRun::finish() {
    work_until_done();
    auto inside = inside_.fetch_or(closed_bit) | closed_bit;
    while (inside != closed_bit) {
        inside_.wait(inside);
        inside = inside_.load();
    }
}

void ParallelRun::work_until_done() {
    std::optional<Task> task;
    for (;;) {
        if (!task) {
            const auto seen = scheduler_.signal();
            task = scheduler_.next_task();
            if (!task) {
                if (scheduler_.is_done()) return;
                scheduler_.wait(seen);
                continue;
            }
        }
        task = task->kind == Task::Kind::execute ? execute(task->index, task->incarnation)
                                                 : validate(task->index, task->incarnation);
    }
}

bool ParallelRun::put_off(Index index, Index blocking) {
    if (!scheduler_.wait_for(index, blocking)) return false;
    waits_.fetch_add(1, std::memory_order_relaxed);
    return true;
}

std::shared_ptr<const Reads> ParallelRun::reads_of(Index index) {
    auto& group = group_[index];
    const std::lock_guard lock{group.lock};
    return group.reads;
}

std::optional<Task> ParallelRun::execute(Index index, std::uint32_t incarnation) {
    auto& group = group_[index];
    const auto before = reads_of(index);
    if (!before) {
        if (group.after && put_off(index, *group.after)) return std::nullopt;
    } else if (const auto blocking = state_.waits_for(*before, index)) {
        // It will read what it read before, or much of it.
        if (put_off(index, *blocking)) return std::nullopt;
    }
    for (;;) {
        View view{state_, index};
        JournaledState journal{view, Credits::apart};
        auto at = group.first;
        while (at < group.end && !view.waits_for()) execute_(at++, journal);
        executions_.fetch_add(at - group.first, std::memory_order_relaxed);
        if (const auto blocking = view.waits_for()) {
            if (put_off(index, *blocking)) return std::nullopt;
            continue;
        }
        const auto effects = journal.take_effects();
        auto reads = std::make_shared<const Reads>(view.take_reads());
        {
            const std::lock_guard lock{group.lock};
            group.reads.swap(reads);
        }
        const bool wrote_new_place = state_.write(index, effects);
        return scheduler_.finish_execution(index, incarnation, wrote_new_place);
    }
}

std::optional<Task> ParallelRun::validate(Index index, std::uint32_t incarnation) {
    validations_.fetch_add(1, std::memory_order_relaxed);
    const bool aborted = !state_.still_holds(*reads_of(index), index) && scheduler_.begin_abort(index, incarnation);
    if (aborted) {
        aborts_.fetch_add(1, std::memory_order_relaxed);
        state_.mark_estimates(index);
    }
    return scheduler_.finish_validation(index, aborted);
}

Counters ParallelRun::counters() const noexcept {
    return {transactions_, executions_.load(), validations_.load(), aborts_.load(), waits_.load()};
}

}  // namespace troupe::parallel
