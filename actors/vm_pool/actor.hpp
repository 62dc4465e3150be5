// The VM pool's actor: hands work to its workers. Read calls go to workers of other processes first, if there are any
// idle: this process has blocks to execute. What such a worker gives back, a worker of this process does.
#pragma once

#include <caf/actor_system.hpp>

#include "actors/vm_pool/interface.hpp"

namespace troupe::vm_pool {

struct ActorOptions {
    std::size_t workers = 2;
    /// Where recoveries put what they find: kept alive as long as one may run.
    std::shared_ptr<TransactionCache> transactions;
    /// Null: one of the pool's own.
    std::shared_ptr<evm::AnalysisCache> codes;
};

[[nodiscard]] Actor spawn(caf::actor_system& system, ActorOptions options);

}  // namespace troupe::vm_pool
