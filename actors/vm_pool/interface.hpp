// The VM pool as other roles see it: workers that recover signatures and run read calls.
#pragma once

#include <functional>

#include "actors/vm_pool/chunk_recovery.hpp"
#include "runtime/actor/messages.hpp"

namespace troupe::vm_pool {

/// Work for any worker. Runs on a worker's thread; what it needs it holds.
using Job = std::shared_ptr<const std::function<void()>>;
using ChunkRecoveryPtr = std::shared_ptr<ChunkRecovery>;

using Actor = caf::typed_actor<
    // A chunk has arrived: recover its transactions ahead of execution.
    caf::reacts_to<ChunkRecoveryPtr>, caf::reacts_to<Job>, caf::reacts_to<stop_atom>>;

}  // namespace troupe::vm_pool

CAF_BEGIN_TYPE_ID_BLOCK(troupe_vm_pool, troupe::type_ids::vm_pool)
CAF_ADD_TYPE_ID(troupe_vm_pool, (troupe::vm_pool::Job))
CAF_ADD_TYPE_ID(troupe_vm_pool, (troupe::vm_pool::ChunkRecoveryPtr))
CAF_END_TYPE_ID_BLOCK(troupe_vm_pool)

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::vm_pool::Job)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::vm_pool::ChunkRecoveryPtr)
