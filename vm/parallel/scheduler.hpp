// Who executes and who validates which group of transactions next (Block-STM, Gelashvili et al. 2022, algorithms 4 and
// 5, where a group is one transaction). Groups execute speculatively in any order and are validated as if they had run
// in theirs; one whose reads no longer hold is executed again. Thread-safe: any number of workers take tasks until
// is_done().
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "vm/parallel/short_lock.hpp"

namespace troupe::parallel {

/// Of a transaction in the block, or of a group of them.
using Index = std::uint32_t;

struct Task {
    enum class Kind : std::uint8_t { execute, validate };
    Kind kind{};
    Index index = 0;
    /// Which execution of the group, from 0.
    std::uint32_t incarnation = 0;
};

class Scheduler {
public:
    explicit Scheduler(Index count) : count_(count), groups_(std::make_unique<Group[]>(count)) {}

    /// Nothing: there is none now; more may come unless is_done().
    [[nodiscard]] std::optional<Task> next_task();
    [[nodiscard]] bool is_done() const noexcept { return is_done_.load(std::memory_order_acquire); }
    /// Changes whenever there may be more tasks.
    [[nodiscard]] std::uint32_t signal() const noexcept { return signal_.load(std::memory_order_acquire); }
    /// Returns when signal() is no longer `seen`; spins for a while first.
    void wait(std::uint32_t seen) const noexcept;

    /// Gives up an execution until the lower group `blocking` has executed. False if it just has: go on.
    [[nodiscard]] bool wait_for(Index index, Index blocking);
    /// Ends an execution; its writes are in place. May give the caller its next task.
    [[nodiscard]] std::optional<Task> finish_execution(Index index, std::uint32_t incarnation, bool wrote_new_place);
    /// A validation failed: true for the one caller who is to mark the writes before finish_validation().
    [[nodiscard]] bool begin_abort(Index index, std::uint32_t incarnation);
    [[nodiscard]] std::optional<Task> finish_validation(Index index, bool aborted);

private:
    enum class State : std::uint8_t { ready, executing, executed, aborting };
    struct Group {
        ShortLock lock;
        State state = State::ready;
        std::uint32_t incarnation = 0;
        /// Given up until this one has executed.
        std::vector<Index> waiting;
    };

    [[nodiscard]] std::optional<Task> try_execute(Index index);
    [[nodiscard]] std::optional<Task> try_validate(Index index);
    void make_ready(Index index);
    void lower(std::atomic<Index>& next, Index to) noexcept;
    void check_done() noexcept;
    void raise_signal() noexcept;

    const Index count_;
    std::unique_ptr<Group[]> groups_;
    /// The lowest that may have to be executed, or validated: everything below has been handed out.
    std::atomic<Index> next_execution_ = 0;
    std::atomic<Index> next_validation_ = 0;
    /// Times that one of them went back.
    std::atomic<std::uint32_t> lowered_ = 0;
    std::atomic<std::uint32_t> active_ = 0;
    std::atomic<std::uint32_t> signal_ = 0;
    std::atomic<bool> is_done_ = false;
};

}  // namespace troupe::parallel
