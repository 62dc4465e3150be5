// More or fewer nodes of a role, as a change of the manifest. Pure.
#pragma once

#include "deploy/manifest/manifest.hpp"

namespace troupe {

struct ScaleRequest {
    std::string role;
    /// How many there shall be in the cluster.
    std::size_t count = 0;
    /// Where new ones run and from where surplus ones go first; empty: new ones go to the host with the fewest nodes.
    std::string host;
};

struct Scaled {
    Manifest manifest;
    std::vector<std::string> added;
    /// The youngest first.
    std::vector<std::string> removed;
};

/// ErrorCode::invalid, with the nearest name, for an unknown role or host, and for roles that can't be scaled.
[[nodiscard]] Result<Scaled> scaled(const Manifest& manifest, const ScaleRequest& request);

/// The same cluster with the node on another host. ErrorCode::not_found for an unknown node or host.
[[nodiscard]] Result<Manifest> moved(const Manifest& manifest, const std::string& node, const std::string& host);

}  // namespace troupe
