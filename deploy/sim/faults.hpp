// The faults of one simulated run, drawn from its seed: at most f nodes crash, lose power or are cut off, at any time
// or right after a word of the protocol, in the midst of sending it; all links delay, lose and duplicate, and from time
// to time some of them hold back everything, or what is large.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "actors/consensus/messages.hpp"
#include "deploy/sim/simulation.hpp"
#include "runtime/sim/world.hpp"

namespace troupe::sim {

/// The nodes, as the faults see them.
class FaultTarget {
public:
    virtual ~FaultTarget() = default;
    [[nodiscard]] virtual bool is_up(std::uint32_t node) const = 0;
    virtual void boot(std::uint32_t node) = 0;
    virtual void crash(std::uint32_t node, bool loses_power) = 0;
    virtual void cut_off(std::uint32_t node, bool is_cut) = 0;
};

class Faults {
public:
    Faults(const SimOptions& options, World& world, FaultTarget& target);

    void begin();
    /// In half of the seeds the victims die for good, each at its own moment within a height, and what is left goes on
    /// under a bad network. How long to wait before heal(); zero if nobody dies.
    [[nodiscard]] DurationMs let_die(Height next);
    /// The network is whole again and everybody up, but for the dead.
    void heal();

    [[nodiscard]] bool is_gone(std::uint32_t node) const { return gone_.contains(node); }
    [[nodiscard]] bool has_dead() const noexcept { return !gone_.empty(); }

    /// `node` begins to send `message` to all: perhaps its last word.
    void on_said(std::uint32_t node, const consensus::Message& message);
    /// Asked once for each frame: false if the sender has died before this one.
    [[nodiscard]] bool may_send(std::uint32_t node);

private:
    /// Waits for `node` to say a word of this kind (an index of consensus::Body), at `height` or later.
    struct LastWord {
        std::size_t kind = 0;
        Height height;
        bool loses_power = false;
        bool for_good = false;
        DurationMs rest;
    };

    void choose_victims();
    void next_fault(std::uint32_t victim);
    void die(std::uint32_t victim, bool loses_power, bool for_good, DurationMs rest);
    void next_weather();
    void hold_links(DurationMs duration);

    const SimOptions& options_;
    World& world_;
    FaultTarget& target_;
    std::vector<std::uint32_t> victims_;
    std::set<std::uint32_t> gone_;
    std::map<std::uint32_t, LastWord> last_words_;
    /// Of the dying: the frames that still leave.
    std::map<std::uint32_t, std::uint64_t> dying_;
    bool has_weather_ = false;
    bool healed_ = false;
};

}  // namespace troupe::sim
