// The storage node's actor: hears of executed blocks, keeps their bundles and the state's snapshots on disk, signs
// receipts, serves content by hash.
#pragma once

#include "actors/storage_node/core.hpp"
#include "actors/storage_node/interface.hpp"
#include "runtime/actor/service.hpp"

namespace troupe::storage_node {

/// Content lives in content.db of the node's directory. An error if it is another genesis'.
[[nodiscard]] Result<Actor> spawn(caf::actor_system& system, ServiceOptions options);

}  // namespace troupe::storage_node
