// The executor's actor: feeds committed blocks to the core, executes, stores, tells everybody.
#pragma once

#include <filesystem>

#include <caf/actor_system.hpp>

#include "actors/executor/core.hpp"
#include "actors/executor/interface.hpp"
#include "actors/executor/ledger_state.hpp"
#include "actors/vm_pool/interface.hpp"

namespace troupe::executor {

struct ActorOptions {
    std::shared_ptr<const Genesis> genesis;
    std::shared_ptr<LedgerState> ledger;
    /// The signer's chunk database; made before the executor.
    std::filesystem::path chunks_path;
    std::shared_ptr<vm_pool::TransactionCache> transactions;
    std::shared_ptr<evm::AnalysisCache> code_cache;
    /// Has observed all blocks up to the executed tip.
    ActivityTracker tracker;
    /// Lends threads to blocks that are worth it.
    vm_pool::Actor vm_pool;
    /// That execute one block at a time, this actor's own included; 1: in order.
    std::size_t threads = 1;
};

[[nodiscard]] Actor spawn(caf::actor_system& system, ActorOptions options);

}  // namespace troupe::executor
