// What a role says of itself in one line, and how far it is.
#pragma once

#include "runtime/actor/inspect.hpp"
#include "runtime/actor/messages.hpp"

namespace troupe {

struct RoleStatus {
    /// For `troupe status`, such as `stored 812 blocks`.
    std::string line;
    Height height;
    bool ready = false;

    bool operator==(const RoleStatus&) const = default;
    static constexpr auto reflect() {
        return fields("RoleStatus", field("line", &RoleStatus::line), field("height", &RoleStatus::height),
                      field("ready", &RoleStatus::ready));
    }
};

/// The interface of a role beside the chain: frames for it, its timer, its line.
using ServiceActor = caf::typed_actor<caf::reacts_to<PeerFrame>, caf::reacts_to<timer_atom>,
                                      caf::replies_to<status_atom>::with<RoleStatus>, caf::reacts_to<start_atom>,
                                      caf::reacts_to<stop_atom>>;

}  // namespace troupe

CAF_BEGIN_TYPE_ID_BLOCK(troupe_services, troupe::type_ids::services)
CAF_ADD_TYPE_ID(troupe_services, (troupe::RoleStatus))
CAF_END_TYPE_ID_BLOCK(troupe_services)
