#include "runtime/actor/trace.hpp"

#include <algorithm>
#include <array>
#include <chrono>

namespace troupe {
namespace {

constexpr std::array<const char*, station_count> station_names{"gateway",   "submitted",   "builder",  "chunk",
                                                               "persisted", "certificate", "proposal", "prepared",
                                                               "commit",    "execution",   "receipt",  "refused"};

[[nodiscard]] std::uint64_t unix_us() {
    using namespace std::chrono;
    return static_cast<std::uint64_t>(duration_cast<microseconds>(system_clock::now().time_since_epoch()).count());
}

[[nodiscard]] bool same(ByteView a, ByteView b) noexcept { return std::ranges::equal(a, b); }

}  // namespace

const char* to_string(Station station) noexcept { return station_names[static_cast<std::size_t>(station)]; }

void TraceLog::put(const TraceEvent& event) {
    if (ring_.size() < capacity_) {
        ring_.push_back(event);
        return;
    }
    ring_[next_] = event;
    next_ = (next_ + 1) % capacity_;
}

void TraceLog::add(const TraceEvent& event) {
    auto stamped = event;
    add({&stamped, 1});
}

void TraceLog::add(std::span<TraceEvent> events) {
    if (events.empty()) return;
    const auto now = unix_us();
    const std::lock_guard lock{mutex_};
    for (auto& event : events) {
        event.unix_us = now;
        put(event);
    }
}

std::vector<TraceEvent> TraceLog::find(std::span<const Hash256> keys) const {
    std::vector<TraceEvent> out;
    const std::lock_guard lock{mutex_};
    for (std::size_t i = 0; i < ring_.size(); ++i) {
        const auto& event = ring_[(next_ + i) % ring_.size()];
        const auto is_meant = [&](const Hash256& key) {
            // A chunk's other transactions carry its id too.
            return same(event.transaction.view(), key.view()) ||
                   (event.transaction == decltype(event.transaction){} && same(event.chunk.view(), key.view()));
        };
        if (std::ranges::any_of(keys, is_meant)) out.push_back(event);
    }
    return out;
}

std::vector<TraceEvent> TraceLog::last(Station station, std::size_t most) const {
    std::vector<TraceEvent> out;
    const std::lock_guard lock{mutex_};
    for (std::size_t i = ring_.size(); i > 0 && out.size() < most; --i) {
        const auto& event = ring_[(next_ + i - 1) % ring_.size()];
        if (event.station == station) out.push_back(event);
    }
    return out;
}

}  // namespace troupe
