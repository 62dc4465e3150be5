// Certificates with which a cluster's nodes give work to its workers, kept in DIR/keys/NAME.pem.
#pragma once

#include <filesystem>

#include "deploy/cluster/change.hpp"
#include "deploy/keys/authority.hpp"

namespace troupe {

/// The operator's authority if nodes run on other hosts; for a cluster of this host alone one of its own in DIR/ca,
/// made at first need.
[[nodiscard]] Result<Authority> authority_of(const ClusterState& state, const std::filesystem::path& directory);

struct NodeCredentials {
    std::filesystem::path file;
    /// As in the file.
    std::string bundle;
    /// Of the certificate and of those that it trusts: differs when the file does.
    std::string fingerprint;
};

/// Those of the file while they are good for a third of their time and trust whom the authority trusts; else new ones.
[[nodiscard]] Result<NodeCredentials> credentials_of_node(const Authority& authority, const std::string& node,
                                                          const std::filesystem::path& directory);

}  // namespace troupe
