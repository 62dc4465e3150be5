#include "runtime/sim/world.hpp"

#include <cstring>

namespace troupe::sim {

World::World(std::uint64_t seed, std::size_t nodes, TimeMs start)
    : random_(seed), now_(start), isolated_(nodes, false) {}

void World::at(TimeMs time, Action action) {
    events_.push({std::max(time, now_), next_order_++, std::make_shared<Action>(std::move(action))});
}

bool World::step() {
    if (events_.empty()) return false;
    const auto event = events_.top();
    events_.pop();
    now_ = event.time;
    (*event.action)();
    return true;
}

void World::send(std::uint32_t from, std::uint32_t to, std::uint8_t kind, const std::shared_ptr<const Bytes>& payload,
                 std::function<void(const std::shared_ptr<const Bytes>&)> deliver) {
    ++messages_;
    // A node reaches itself at once and always.
    if (from == to) return at(now_, [payload, deliver = std::move(deliver)] { deliver(payload); });
    const auto held = held_.find({from, to});
    const bool is_held = held != held_.end() && payload->size() >= held->second.size;
    const auto leaves = is_held ? std::max(held->second.until, now_) : now_;
    const unsigned copies = random_.chance(faults_.lost) ? 0u : random_.chance(faults_.duplicated) ? 2u : 1u;
    for (unsigned i = 0; i < copies; ++i) {
        auto delay = random_.between(faults_.delay_min.value, faults_.delay_max.value);
        if (random_.chance(faults_.straggling)) delay *= random_.between(2, 10);
        at(leaves + DurationMs{delay}, [this, from, to, kind, payload, deliver] {
            if (isolated_[from] || isolated_[to]) return;
            std::array<std::uint8_t, 24> facts{};
            std::memcpy(facts.data(), &now_.value, 8);
            std::memcpy(facts.data() + 8, &from, 4);
            std::memcpy(facts.data() + 12, &to, 4);
            facts[16] = kind;
            const auto size = static_cast<std::uint32_t>(payload->size());
            std::memcpy(facts.data() + 20, &size, 4);
            Bytes link{trace_hash_.begin(), trace_hash_.end()};
            append(link, facts);
            trace_hash_ = sha256(link);
            deliver(payload);
        });
    }
}

void World::note(const std::string& line) {
    Bytes link{trace_hash_.begin(), trace_hash_.end()};
    append(link, as_bytes(line));
    trace_hash_ = sha256(link);
    if (keep_trace_) trace_.push_back(std::to_string(now_.value) + " " + line);
}

}  // namespace troupe::sim
