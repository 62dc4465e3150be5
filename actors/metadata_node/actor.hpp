// The metadata node's actor: feeds the core with blocks that validators push, keeps manifests and evidence on disk,
// answers requests for manifests, signs checkpoints for the arbiter.
#pragma once

#include "actors/metadata_node/core.hpp"
#include "actors/metadata_node/interface.hpp"
#include "runtime/actor/service.hpp"

namespace troupe::metadata_node {

/// Manifests live in manifests.db of the node's directory. An error if they are another genesis' or damaged.
[[nodiscard]] Result<Actor> spawn(caf::actor_system& system, ServiceOptions options);

}  // namespace troupe::metadata_node
