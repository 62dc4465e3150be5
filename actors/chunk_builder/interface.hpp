// The chunk builder as other roles see it.
#pragma once

#include "actors/executor/interface.hpp"

namespace troupe::chunk_builder {

using Actor = caf::typed_actor<
    // submit, chunk_signature
    caf::reacts_to<PeerFrame>, caf::reacts_to<ExecutionOutcomePtr>, caf::reacts_to<timer_atom>,
    caf::reacts_to<stop_atom>>;

}  // namespace troupe::chunk_builder
