// Which refusals are worth a log line: strangers decide how many there are, so they must not decide how much is logged.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace troupe::link {

class RefusalLog {
public:
    using Instant = std::chrono::steady_clock::time_point;

    static constexpr std::chrono::seconds window{5};
    static constexpr std::uint32_t lines_per_window_max = 20;

    /// One line per source and reason in a window, and no more than `lines_per_window_max` of all. Gives the number of
    /// refusals left out since the last line; nothing if this one is left out too.
    [[nodiscard]] std::optional<std::uint64_t> admit(const std::string& who, const std::string& why, Instant now) {
        if (now - window_start_ >= window) {
            window_start_ = now;
            // A window holds at most as many keys as it admits lines, which bounds the set.
            seen_.clear();
        }
        if (seen_.size() >= lines_per_window_max || !seen_.insert(who + "\n" + why).second) {
            ++left_out_;
            return std::nullopt;
        }
        return std::exchange(left_out_, 0);
    }

private:
    Instant window_start_{};
    std::set<std::string> seen_;
    std::uint64_t left_out_ = 0;
};

}  // namespace troupe::link
