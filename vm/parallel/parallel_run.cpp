#include "vm/parallel/parallel_run.hpp"

namespace troupe::parallel {
namespace {

constexpr std::uint32_t closed_bit = std::uint32_t{1} << 31;

}  // namespace

Counters& Counters::operator+=(const Counters& other) noexcept {
    transactions += other.transactions;
    executions += other.executions;
    validations += other.validations;
    aborts += other.aborts;
    waits += other.waits;
    return *this;
}

ParallelRun::ParallelRun(StateReader& base, std::vector<Transaction> transactions, Execute execute)
    : transactions_(std::move(transactions)),
      execute_(std::move(execute)),
      scheduler_(static_cast<Index>(transactions_.size())),
      state_(base, static_cast<Index>(transactions_.size())),
      outcomes_(std::make_unique<Outcome[]>(transactions_.size())) {}

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
    auto& outcome = outcomes_[index];
    const std::lock_guard lock{outcome.mutex};
    return outcome.reads;
}

std::optional<Task> ParallelRun::execute(Index index, std::uint32_t incarnation) {
    const auto before = reads_of(index);
    if (!before) {
        const auto after = transactions_[index].after;
        if (after && put_off(index, *after)) return std::nullopt;
    } else if (const auto blocking = state_.waits_for(*before, index)) {
        // It will read what it read before, or much of it.
        if (put_off(index, *blocking)) return std::nullopt;
    }
    for (;;) {
        executions_.fetch_add(1, std::memory_order_relaxed);
        View view{state_, index};
        JournaledState journal{view, Credits::apart};
        execute_(index, journal);
        if (const auto blocking = view.waits_for()) {
            if (put_off(index, *blocking)) return std::nullopt;
            continue;
        }
        auto effects = journal.take_effects();
        auto reads = std::make_shared<const Reads>(view.take_reads());
        {
            auto& outcome = outcomes_[index];
            const std::lock_guard lock{outcome.mutex};
            outcome.reads = std::move(reads);
        }
        const bool wrote_new_place = state_.write(index, effects);
        outcomes_[index].effects = std::move(effects);
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
    return {transactions_.size(), executions_.load(), validations_.load(), aborts_.load(), waits_.load()};
}

}  // namespace troupe::parallel
