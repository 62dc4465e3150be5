// The gateway as other roles see it.
#pragma once

#include "actors/executor/interface.hpp"

namespace troupe::gateway {

/// Transactions have come while none was waiting to be sent on.
using wake_atom = caf::atom_constant<caf::atom("wake")>;

using Actor = caf::typed_actor<
    // refusals
    caf::reacts_to<PeerFrame>, caf::reacts_to<ExecutionOutcomePtr>,
    // A link to a validator came up or went down.
    caf::reacts_to<std::uint32_t, bool>, caf::reacts_to<wake_atom>, caf::reacts_to<timer_atom>,
    caf::reacts_to<stop_atom>>;

}  // namespace troupe::gateway
