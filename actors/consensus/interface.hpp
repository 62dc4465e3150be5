// Consensus as other roles see it. Every node has it: validators vote, others follow.
#pragma once

#include "actors/executor/interface.hpp"
#include "runtime/actor/inspect.hpp"

namespace troupe::consensus {

// Found by argument-dependent look-up for this namespace's messages.
using troupe::inspect;

/// Who is primary, how far we are: for `troupe status` and inspection.
struct NodeStatus {
    Height height;
    View view;
    std::string role;
    std::string phase;
    Height executed;
    std::uint64_t certificates = 0;
    bool catching_up = false;

    bool operator==(const NodeStatus&) const = default;
    static constexpr auto reflect() {
        return fields("NodeStatus", field("height", &NodeStatus::height), field("view", &NodeStatus::view),
                      field("role", &NodeStatus::role), field("phase", &NodeStatus::phase),
                      field("executed", &NodeStatus::executed), field("certificates", &NodeStatus::certificates),
                      field("catching_up", &NodeStatus::catching_up));
    }
};

using Actor = caf::typed_actor<
    // consensus, certificate, blocks_request, blocks
    caf::reacts_to<PeerFrame>, caf::reacts_to<ExecutionOutcomePtr>, caf::reacts_to<timer_atom>,
    caf::replies_to<status_atom>::with<NodeStatus>, caf::reacts_to<start_atom>, caf::reacts_to<stop_atom>>;

}  // namespace troupe::consensus

CAF_BEGIN_TYPE_ID_BLOCK(troupe_consensus, troupe::type_ids::consensus)
CAF_ADD_TYPE_ID(troupe_consensus, (troupe::consensus::NodeStatus))
CAF_END_TYPE_ID_BLOCK(troupe_consensus)
