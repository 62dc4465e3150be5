// What a cluster is made of, and what becomes of it when its manifest changes. Pure: nothing here touches a process
// or a file.
#pragma once

#include "deploy/manifest/manifest.hpp"

namespace troupe {

/// A cluster's node: what the manifest says and where it is in the genesis (validators first, then followers).
struct ClusterNode {
    /// Of workers, which the genesis does not know.
    static constexpr std::uint32_t no_index = ~std::uint32_t{0};

    ManifestNode manifest;
    std::uint32_t index = 0;
    /// The host where it and its data still are while it moves; empty otherwise. It must not start at its new host
    /// before they have gone there: it would sign what it has signed already.
    std::string moving_from;

    [[nodiscard]] const std::string& host() const noexcept { return moving_from.empty() ? manifest.host : moving_from; }

    bool operator==(const ClusterNode&) const = default;
    static constexpr auto reflect() {
        return fields("ClusterNode", field("manifest", &ClusterNode::manifest), field("index", &ClusterNode::index),
                      field("moving_from", &ClusterNode::moving_from));
    }
};

struct ClusterState {
    /// Of the directory's layout.
    std::uint32_t version = 3;
    std::string name;
    std::string manifest_text;
    /// Of the manifest, and those that nodes are still moving from.
    std::vector<ManifestHost> hosts;
    std::vector<ClusterNode> nodes;

    [[nodiscard]] const ClusterNode* find(const std::string& node) const;

    static constexpr auto reflect() {
        return fields("ClusterState", field("version", &ClusterState::version), field("name", &ClusterState::name),
                      field("manifest_text", &ClusterState::manifest_text), field("hosts", &ClusterState::hosts),
                      field("nodes", &ClusterState::nodes));
    }
};

struct NodeChange {
    std::string name;
    /// "link_port 9700 -> 9750", one for each field; of a redialing node "validator-1 at 127.0.0.1:9750".
    std::vector<std::string> what;

    bool operator==(const NodeChange&) const = default;
    static constexpr auto reflect() {
        return fields("NodeChange", field("name", &NodeChange::name), field("what", &NodeChange::what));
    }
};

struct ClusterChange {
    std::vector<std::string> added;
    std::vector<std::string> removed;
    /// These restart.
    std::vector<NodeChange> changed;
    /// These go on running and dial others elsewhere.
    std::vector<NodeChange> redialing;

    [[nodiscard]] bool empty() const { return added.empty() && removed.empty() && changed.empty(); }
    static constexpr auto reflect() {
        using C = ClusterChange;
        return fields("ClusterChange", field("added", &C::added), field("removed", &C::removed),
                      field("changed", &C::changed), field("redialing", &C::redialing));
    }
};

struct NextCluster {
    ClusterState state;
    ClusterChange change;
};

/// The cluster `now` as the manifest wants it. ErrorCode::invalid if the genesis forbids it: other validators, other
/// chain parameters or accounts, more followers than it has identities for.
[[nodiscard]] Result<NextCluster> next_cluster(const ClusterState& now, const Genesis& genesis,
                                               const Manifest& manifest, const std::string& text);

}  // namespace troupe
