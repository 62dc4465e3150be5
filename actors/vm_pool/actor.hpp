// The VM pool's actor: hands work to its workers, the least loaded first.
#pragma once

#include <caf/actor_system.hpp>

#include "actors/vm_pool/interface.hpp"

namespace troupe::vm_pool {

struct ActorOptions {
    std::size_t workers = 2;
    /// Where recoveries put what they find: kept alive as long as one may run.
    std::shared_ptr<TransactionCache> transactions;
};

[[nodiscard]] Actor spawn(caf::actor_system& system, ActorOptions options);

}  // namespace troupe::vm_pool
