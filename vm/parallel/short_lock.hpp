// A lock for a few instructions at a time: who finds it taken tries on for a moment before sleeping, since a sleep and
// a wake-up take longer than what is waited for.
#pragma once

#include <atomic>
#include <cstdint>

namespace troupe::parallel {

/// For std::lock_guard and its like.
class ShortLock {
public:
    void lock() noexcept {
        for (int tries = 0; tries < tries_max; ++tries) {
            if (state_.load(std::memory_order_relaxed) == State::free && try_lock()) return;
            __builtin_ia32_pause();
        }
        while (state_.exchange(State::awaited, std::memory_order_acquire) != State::free)
            state_.wait(State::awaited, std::memory_order_relaxed);
    }
    [[nodiscard]] bool try_lock() noexcept {
        auto expected = State::free;
        return state_.compare_exchange_strong(expected, State::taken, std::memory_order_acquire);
    }
    void unlock() noexcept {
        if (state_.exchange(State::free, std::memory_order_release) == State::awaited) state_.notify_one();
    }

private:
    static constexpr int tries_max = 200;
    enum class State : std::uint32_t { free, taken, awaited };
    std::atomic<State> state_ = State::free;
};

}  // namespace troupe::parallel
