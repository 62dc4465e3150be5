// The chunk signer as other roles see it. It runs on every node: those that do not vote keep chunks without signing.
#pragma once

#include "actors/executor/interface.hpp"

namespace troupe::chunk_signer {

/// From itself: what was taken in so far goes to disk.
using flush_atom = caf::atom_constant<caf::atom("flush")>;

using Actor = caf::typed_actor<
    // chunk_proposal, chunk_request, chunk_reply
    caf::reacts_to<PeerFrame>, caf::reacts_to<executor::NeededChunks>, caf::reacts_to<ExecutionOutcomePtr>,
    caf::reacts_to<flush_atom>, caf::reacts_to<timer_atom>, caf::reacts_to<stop_atom>>;

}  // namespace troupe::chunk_signer
