// When a node that ended by itself is started again: soon the first time, later each time, as soon as ever once it has
// run for a while.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "runtime/base/strong.hpp"

namespace troupe {

class BackOff {
public:
    static constexpr std::uint64_t first_ms = 500;
    static constexpr std::uint64_t most_ms = 30'000;
    /// A node that ran so long had a good start.
    static constexpr std::uint64_t steady_ms = 60'000;

    /// The node is not running: may it be started now?
    [[nodiscard]] bool may_start(TimeMs now) {
        if (!due_) {
            const bool was_steady = started_ && now.value >= started_->value + steady_ms;
            wait_ms_ = was_steady || wait_ms_ == 0 ? first_ms : std::min(wait_ms_ * 2, most_ms);
            due_ = TimeMs{now.value + wait_ms_};
        }
        return now >= *due_;
    }
    void started(TimeMs now) {
        started_ = now;
        due_.reset();
        ++restarts_;
    }
    [[nodiscard]] std::uint64_t restarts() const noexcept { return restarts_; }
    [[nodiscard]] std::uint64_t wait_ms() const noexcept { return wait_ms_; }

private:
    std::optional<TimeMs> started_;
    std::optional<TimeMs> due_;
    std::uint64_t wait_ms_ = 0;
    std::uint64_t restarts_ = 0;
};

}  // namespace troupe
