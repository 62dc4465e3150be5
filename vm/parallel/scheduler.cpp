#include "vm/parallel/scheduler.hpp"

#include <algorithm>
#include <thread>

#include "runtime/base/result.hpp"

namespace troupe::parallel {

void Scheduler::raise_signal() noexcept {
    signal_.fetch_add(1, std::memory_order_acq_rel);
    signal_.notify_all();
}

void Scheduler::wait(std::uint32_t seen) const noexcept {
    for (int i = 0; i < 64; ++i) {
        if (signal() != seen) return;
        std::this_thread::yield();
    }
    signal_.wait(seen, std::memory_order_acquire);
}

void Scheduler::lower(std::atomic<Index>& next, Index to) noexcept {
    auto now = next.load();
    while (to < now && !next.compare_exchange_weak(now, to)) {
    }
    ++lowered_;
    raise_signal();
}

/// Done when everything is handed out, nobody is at work, and nothing went back while that was looked at.
void Scheduler::check_done() noexcept {
    const auto seen = lowered_.load();
    if (std::min(next_execution_.load(), next_validation_.load()) < count_ || active_.load() != 0) return;
    if (lowered_.load() != seen) return;
    if (!is_done_.exchange(true)) raise_signal();
}

std::optional<Task> Scheduler::try_execute(Index index) {
    auto& group = groups_[index];
    const std::lock_guard lock{group.lock};
    if (group.state != State::ready) return std::nullopt;
    group.state = State::executing;
    return Task{Task::Kind::execute, index, group.incarnation};
}

std::optional<Task> Scheduler::try_validate(Index index) {
    auto& group = groups_[index];
    const std::lock_guard lock{group.lock};
    if (group.state != State::executed) return std::nullopt;
    return Task{Task::Kind::validate, index, group.incarnation};
}

std::optional<Task> Scheduler::next_task() {
    while (!is_done()) {
        const auto validation = next_validation_.load();
        const auto execution = next_execution_.load();
        const bool validates = validation < execution;
        if (std::min(validation, execution) >= count_) {
            check_done();
            return std::nullopt;
        }
        // Counted as active before it is taken, so that nobody sees it neither waiting nor at work.
        ++active_;
        auto& next = validates ? next_validation_ : next_execution_;
        if (const auto index = next.fetch_add(1); index < count_)
            if (auto task = validates ? try_validate(index) : try_execute(index)) return task;
        --active_;
    }
    return std::nullopt;
}

bool Scheduler::wait_for(Index index, Index blocking) {
    TROUPE_ASSERT(blocking < index);
    {
        auto& other = groups_[blocking];
        auto& own = groups_[index];
        const std::scoped_lock lock{other.lock, own.lock};
        if (other.state == State::executed) return false;
        own.state = State::aborting;
        other.waiting.push_back(index);
    }
    --active_;
    return true;
}

void Scheduler::make_ready(Index index) {
    auto& group = groups_[index];
    const std::lock_guard lock{group.lock};
    TROUPE_ASSERT(group.state == State::aborting);
    group.state = State::ready;
    ++group.incarnation;
}

std::optional<Task> Scheduler::finish_execution(Index index, std::uint32_t incarnation, bool wrote_new_place) {
    std::vector<Index> waiting;
    {
        auto& group = groups_[index];
        const std::lock_guard lock{group.lock};
        TROUPE_ASSERT(group.state == State::executing);
        group.state = State::executed;
        waiting.swap(group.waiting);
    }
    for (const auto other : waiting) make_ready(other);
    if (!waiting.empty()) lower(next_execution_, *std::ranges::min_element(waiting));
    if (next_validation_.load() > index) {
        // Others may have read around what was written just now; without a new place only this one's reads are in
        // question.
        if (!wrote_new_place) return Task{Task::Kind::validate, index, incarnation};
        lower(next_validation_, index);
    }
    --active_;
    return std::nullopt;
}

bool Scheduler::begin_abort(Index index, std::uint32_t incarnation) {
    auto& group = groups_[index];
    const std::lock_guard lock{group.lock};
    if (group.state != State::executed || group.incarnation != incarnation) return false;
    group.state = State::aborting;
    return true;
}

std::optional<Task> Scheduler::finish_validation(Index index, bool aborted) {
    if (aborted) {
        make_ready(index);
        // Whoever validated against the writes that are gone validates again.
        lower(next_validation_, index + 1);
        if (next_execution_.load() > index)
            if (auto task = try_execute(index)) return task;
    }
    --active_;
    return std::nullopt;
}

}  // namespace troupe::parallel
