// The simulated world: virtual time, a network that delays, loses, duplicates, reorders and partitions, and a trace
// whose hash names the run. It knows no role. Events at one instant run in the order in which they were scheduled, so a
// seed decides everything.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <string>
#include <vector>

#include "runtime/base/bytes.hpp"
#include "runtime/base/strong.hpp"
#include "runtime/crypto/sha256.hpp"
#include "runtime/sim/random.hpp"

namespace troupe::sim {

struct NetworkFaults {
    DurationMs delay_min{1};
    DurationMs delay_max{30};
    /// Of a thousand messages.
    std::uint32_t lost = 0;
    std::uint32_t duplicated = 0;
    /// Of a thousand messages these take up to ten times as long.
    std::uint32_t straggling = 0;
};

/// A link in one direction that holds back what is at least `size` bytes long until a moment: slow, or too narrow for
/// what is large.
struct HeldLink {
    TimeMs until;
    std::size_t size = 0;
};

class World {
public:
    using Action = std::function<void()>;

    World(std::uint64_t seed, std::size_t nodes, TimeMs start);

    [[nodiscard]] TimeMs now() const noexcept { return now_; }
    [[nodiscard]] Random& random() noexcept { return random_; }

    void at(TimeMs time, Action action);
    void after(DurationMs wait, Action action) { at(now_ + wait, std::move(action)); }
    /// Runs the next event; false if there is none.
    bool step();

    /// Delivers to `deliver` after what the network does to it, or never.
    void send(std::uint32_t from, std::uint32_t to, std::uint8_t kind, const std::shared_ptr<const Bytes>& payload,
              std::function<void(const std::shared_ptr<const Bytes>&)> deliver);

    void set_faults(const NetworkFaults& faults) noexcept { faults_ = faults; }
    void hold_link(std::uint32_t from, std::uint32_t to, const HeldLink& held) { held_[{from, to}] = held; }
    /// Cuts nodes off from all others; undone by heal.
    void isolate(std::uint32_t node, bool isolated) noexcept { isolated_[node] = isolated; }
    [[nodiscard]] bool is_isolated(std::uint32_t node) const noexcept { return isolated_[node]; }

    /// Adds a line to the trace; kept as text only if `keep_trace`.
    void note(const std::string& line);
    void keep_trace(bool keep) noexcept { keep_trace_ = keep; }
    [[nodiscard]] const std::vector<std::string>& trace() const noexcept { return trace_; }
    [[nodiscard]] Hash256 trace_hash() const noexcept { return trace_hash_; }
    [[nodiscard]] std::uint64_t messages() const noexcept { return messages_; }

private:
    struct Event {
        TimeMs time;
        std::uint64_t order = 0;
        std::shared_ptr<Action> action;
        bool operator>(const Event& other) const noexcept {
            return time != other.time ? time > other.time : order > other.order;
        }
    };

    Random random_;
    TimeMs now_;
    std::uint64_t next_order_ = 0;
    std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
    NetworkFaults faults_;
    std::map<std::pair<std::uint32_t, std::uint32_t>, HeldLink> held_;
    std::vector<bool> isolated_;
    bool keep_trace_ = false;
    std::vector<std::string> trace_;
    Hash256 trace_hash_;
    std::uint64_t messages_ = 0;
};

}  // namespace troupe::sim
