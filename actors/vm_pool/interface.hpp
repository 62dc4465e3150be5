// The VM pool as other roles see it: workers, of this process and of others, that recover signatures, run read calls
// and execute ahead.
#pragma once

#include <functional>

#include "actors/vm_pool/chunk_recovery.hpp"
#include "actors/vm_pool/read_work.hpp"
#include "actors/vm_pool/remote_target.hpp"
#include "actors/vm_pool/speculative_work.hpp"
#include "runtime/actor/messages.hpp"

namespace troupe::vm_pool {

/// Work for any worker of this process. Runs on a worker's thread; what it needs it holds.
using Job = std::shared_ptr<const std::function<void()>>;
using ChunkRecoveryPtr = std::shared_ptr<ChunkRecovery>;

using Actor = caf::typed_actor<
    // A chunk has arrived: recover its transactions ahead of execution.
    caf::reacts_to<ChunkRecoveryPtr>, caf::reacts_to<Job>,
    // For any worker, wherever it runs. A worker that dies over it loses nothing: another one begins anew.
    caf::reacts_to<ReadWorkPtr>,
    // For a worker of another process that is idle; given up at once if there is none.
    caf::reacts_to<SpeculativeWorkPtr>,
    // Which workers of other processes there are from now on. One that is left out finishes what it has.
    caf::reacts_to<RemoteTargetsPtr>, caf::reacts_to<stop_atom>>;

}  // namespace troupe::vm_pool

CAF_BEGIN_TYPE_ID_BLOCK(troupe_vm_pool, troupe::type_ids::vm_pool)
CAF_ADD_TYPE_ID(troupe_vm_pool, (troupe::vm_pool::Job))
CAF_ADD_TYPE_ID(troupe_vm_pool, (troupe::vm_pool::ChunkRecoveryPtr))
CAF_ADD_TYPE_ID(troupe_vm_pool, (troupe::vm_pool::ReadWorkPtr))
CAF_ADD_TYPE_ID(troupe_vm_pool, (troupe::vm_pool::RemoteTargetsPtr))
CAF_ADD_TYPE_ID(troupe_vm_pool, (troupe::vm_pool::SpeculativeWorkPtr))
CAF_END_TYPE_ID_BLOCK(troupe_vm_pool)

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::vm_pool::Job)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::vm_pool::ChunkRecoveryPtr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::vm_pool::ReadWorkPtr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::vm_pool::RemoteTargetsPtr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::vm_pool::SpeculativeWorkPtr)
