// Names the shape in which dBFT 2.0 stands still (reference A12): a commit locks its validator in its view, so that a
// height whose validators are split between views has no quorum left in any of them.
#pragma once

#include <map>
#include <set>
#include <string>

#include "actors/consensus/messages.hpp"

namespace troupe::sim {

class StallWatch {
public:
    /// A node's own message, in the given life of that node.
    void on_said(std::uint32_t node, std::uint64_t incarnation, const consensus::Message& message);

    /// What keeps `height` from its block. `has_dead`: some never come back; `has_lock`: somebody is committed.
    [[nodiscard]] std::string kind(Height height, bool has_lock, bool has_dead) const;

private:
    /// What a node's change views of its present height say.
    struct Left {
        Height height;
        View before;
        /// The node's life in which it said so.
        std::uint64_t incarnation = 0;
    };
    std::map<std::uint32_t, Left> left_;
    /// Heights with a commit in a view that its validator had left, in the same life and in an earlier one.
    std::set<Height> unlocked_;
    std::set<Height> forgetful_;
};

}  // namespace troupe::sim
