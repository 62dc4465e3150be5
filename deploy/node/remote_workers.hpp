// The workers that a node's configuration names, as its VM pool takes them.
#pragma once

#include "actors/vm_pool/remote_target.hpp"
#include "deploy/node/node_config.hpp"

namespace troupe {

/// Reads the node's certificate if there are workers. Errors name the file.
[[nodiscard]] Result<vm_pool::RemoteTargetsPtr> remote_targets(const NodeConfig& config);
[[nodiscard]] Result<operator_link::Credentials> read_credentials(const NodeConfig& config);

}  // namespace troupe
