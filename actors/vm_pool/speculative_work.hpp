// Part of a block that an executor would have a worker of another process execute ahead of its turn.
#pragma once

#include "actors/execution/speculation.hpp"

namespace troupe::vm_pool {

struct SpeculativeWork {
    /// Of the state before the block: equal roots are equal states.
    RootHash root;
    SpeculationPtr speculation;
};
using SpeculativeWorkPtr = std::shared_ptr<const SpeculativeWork>;

}  // namespace troupe::vm_pool
