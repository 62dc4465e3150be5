// All actors of one node, alive or lately ended: who asks about a node's actors starts here.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/actor/meter.hpp"

namespace troupe {

/// What an actor tells of itself when asked; made on its own thread.
struct ActorAnswer {
    /// For example "h=812 v=0 backup".
    std::string summary;
    /// JSON of the struct in which it shows its state; empty unless asked for.
    std::string state;
};

struct ActorEntry {
    std::string role;
    /// Counted from 0 within the role.
    std::uint32_t instance = 0;
    /// The id that messages name it by within the process.
    std::uint64_t id = 0;
    std::uint64_t started_us = 0;
    /// How often an actor in this place has been started again.
    std::uint32_t restarts = 0;
    std::shared_ptr<Meter> meter;
    /// Asks the actor, ahead of its other messages; `done` is called on its thread, or never. `with_state` costs more.
    std::function<void(bool with_state, std::function<void(ActorAnswer)> done)> ask;

    /// "consensus", "vm_worker.2"
    [[nodiscard]] std::string name() const { return instance == 0 ? role : role + "." + std::to_string(instance); }
};

using ActorEntryPtr = std::shared_ptr<const ActorEntry>;

/// Thread-safe.
class ActorRegistry {
public:
    /// Takes the lowest place of the role that nobody alive has.
    ActorEntryPtr add(std::string_view role, std::uint64_t id, std::shared_ptr<Meter> meter,
                      std::function<void(bool, std::function<void(ActorAnswer)>)> ask);

    /// In order of role and place; those that have ended come with the reason until another takes their place.
    [[nodiscard]] std::vector<ActorEntryPtr> all() const;
    /// By name, or by the process's number for it.
    [[nodiscard]] ActorEntryPtr find(std::string_view name) const;
    [[nodiscard]] ActorEntryPtr find_id(std::uint64_t id) const;

    /// What actors have sent each other within the process.
    struct Sent {
        std::uint64_t from = 0;
        std::uint64_t to = 0;
        std::string kind;
        std::uint64_t count = 0;
    };
    /// As counted where it arrived: what waits in mailboxes is not in it yet, and timers never are. In no
    /// order.
    [[nodiscard]] static std::vector<Sent> sent_between(const std::vector<ActorEntryPtr>& entries);

    /// Asks many at once; gives the answers that came within `wait_ms`, in the order of `entries`.
    [[nodiscard]] static std::vector<std::optional<ActorAnswer>> ask(const std::vector<ActorEntryPtr>& entries,
                                                                     bool with_state, unsigned wait_ms);

    /// Entries of ended actors kept; the oldest go first.
    static constexpr std::size_t ended_max = 64;

private:
    void forget_ended();

    mutable std::mutex mutex_;
    std::map<std::pair<std::string, std::uint32_t>, ActorEntryPtr> entries_;
};

}  // namespace troupe
