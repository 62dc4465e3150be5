// Workers of the pool. One interface for read calls, whether the worker runs in this process or is reached through an
// actor of this process.
#pragma once

#include <caf/actor_system.hpp>

#include "actors/vm_pool/interface.hpp"

namespace troupe::vm_pool {

using done_atom = caf::atom_constant<caf::atom("done")>;
/// Answered as soon as the worker can be reached.
using reach_atom = caf::atom_constant<caf::atom("reach")>;
using retry_atom = caf::atom_constant<caf::atom("retry")>;

/// True: the work is done. False: it could not be, nothing has been answered, and another may do it.
using ReadWorker = caf::typed_actor<caf::replies_to<ReadWorkPtr>::with<bool>>;
using LocalWorker = ReadWorker::extend<caf::replies_to<Job>::with<bool>>;
using RemoteWorker = ReadWorker::extend<caf::replies_to<SpeculativeWorkPtr>::with<bool>,
                                        caf::replies_to<reach_atom>::with<done_atom>, caf::reacts_to<retry_atom>>;

[[nodiscard]] LocalWorker spawn_local_worker(caf::actor_system& system, std::shared_ptr<evm::AnalysisCache> codes);
/// With a thread and a connection of its own. Ends by an exit message, after what it has in hand.
[[nodiscard]] Result<RemoteWorker> spawn_remote_worker(caf::actor_system& system,
                                                       const operator_link::Credentials& credentials,
                                                       const RemoteTarget& target);

}  // namespace troupe::vm_pool
