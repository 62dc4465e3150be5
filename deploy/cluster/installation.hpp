// What each node of a cluster runs with: its configuration, and the files it needs on its host.
#pragma once

#include "deploy/cluster/change.hpp"
#include "deploy/host/host.hpp"

namespace troupe {

class Installation {
public:
    /// Reads the genesis, and makes certificates if the cluster has workers. `directory` is the cluster's.
    [[nodiscard]] static Result<Installation> prepare(const ClusterState& state,
                                                      const std::filesystem::path& directory);
    /// For a node of the state.
    [[nodiscard]] Result<NodePackage> package(const ClusterNode& node) const;

private:
    Installation(const ClusterState& state, std::filesystem::path directory)
        : state_(state), directory_(std::move(directory)) {}
    [[nodiscard]] const GenesisNode& pinned(std::uint32_t index) const;
    void add_peers(const ClusterNode& node, NodeConfig& config) const;
    [[nodiscard]] Status add_workers(const ClusterNode& node, NodePackage& package) const;

    const ClusterState& state_;
    std::filesystem::path directory_;
    std::string genesis_text_;
    Genesis genesis_;
};

/// The file with a node's secret: DIR/keys/NAME.identity.
[[nodiscard]] std::filesystem::path identity_file(const std::filesystem::path& directory, const std::string& node);

}  // namespace troupe
