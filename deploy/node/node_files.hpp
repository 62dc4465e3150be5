// What every process of a cluster does with its directory, whatever its roles: tell its status, let itself be looked
// at.
#pragma once

#include <filesystem>

#include "deploy/inspect/endpoint.hpp"
#include "deploy/node/node_config.hpp"
#include "deploy/version.hpp"
#include "runtime/base/json.hpp"

namespace troupe {

/// What a node's observer needs of every node: who it is, and its actors.
[[nodiscard]] ObserverOptions observer_options(const NodeConfig& config, const caf::actor_system& system);

/// An endpoint on the port it had before, so that those who scrape it find it again, else on any. Null, with a warning,
/// if there is none to be had: a node that can't be looked at still does its work.
[[nodiscard]] std::unique_ptr<InspectEndpoint> start_inspection(const std::filesystem::path& directory,
                                                                const std::shared_ptr<NodeObserver>& observer);

/// `status` and what is said of every node, as DIR/status.json.
void write_node_status(const std::filesystem::path& directory, const NodeConfig& config, const std::string& fingerprint,
                       Json status);

}  // namespace troupe
