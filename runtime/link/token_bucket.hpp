// A receive limit: `rate` units a second with one second's burst. Debt is paid by waiting.
#pragma once

#include <algorithm>
#include <chrono>

namespace troupe::link {

class TokenBucket {
public:
    using Instant = std::chrono::steady_clock::time_point;

    TokenBucket(double rate_per_second, Instant now) : rate_(rate_per_second), tokens_(rate_per_second), last_(now) {}

    void take(double units, Instant now) noexcept {
        tokens_ = std::min(rate_, tokens_ + rate_ * std::chrono::duration<double>(now - last_).count()) - units;
        last_ = now;
    }
    /// Until the debt is paid; zero without debt.
    [[nodiscard]] std::chrono::milliseconds wait() const noexcept {
        return std::chrono::milliseconds(tokens_ >= 0 ? 0 : static_cast<std::int64_t>(-tokens_ / rate_ * 1000) + 1);
    }

private:
    double rate_;
    double tokens_;
    Instant last_;
};

}  // namespace troupe::link
