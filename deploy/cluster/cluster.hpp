// A cluster on this host: its directory, its processes, their health.
//
//     DIR/cluster.json            manifest as launched, nodes and their places in the genesis
//     DIR/genesis.json
//     DIR/keys/NAME.identity      Ed25519 seed of a node, 0600; DIR/keys/NAME.json: keystores of accounts
//     DIR/nodes/NAME/node.json    what the node runs with
//     DIR/nodes/NAME/node.log, process.json, status.json (written by the node), data/
#pragma once

#include <functional>

#include "deploy/cluster/process.hpp"
#include "deploy/manifest/manifest.hpp"
#include "runtime/base/json.hpp"

namespace troupe {

/// A running cluster's node: what the manifest says and where it is in the genesis.
struct ClusterNode {
    ManifestNode manifest;
    std::uint32_t index = 0;

    bool operator==(const ClusterNode&) const = default;
    static constexpr auto reflect() {
        return fields("ClusterNode", field("manifest", &ClusterNode::manifest), field("index", &ClusterNode::index));
    }
};

struct ClusterState {
    /// Of this layout; a directory of a newer one is refused.
    std::uint32_t version = 1;
    std::string name;
    std::string manifest_text;
    std::vector<ClusterNode> nodes;

    static constexpr auto reflect() {
        return fields("ClusterState", field("version", &ClusterState::version), field("name", &ClusterState::name),
                      field("manifest_text", &ClusterState::manifest_text), field("nodes", &ClusterState::nodes));
    }
};

struct NodeHealth {
    std::string name;
    std::vector<std::string> roles;
    /// stopped, dead, starting, catching_up, ready
    std::string state;
    std::uint32_t pid = 0;
    std::uint64_t height = 0;
    std::uint64_t view = 0;
    std::string role;
    std::uint64_t peers = 0;
    std::uint16_t link_port = 0;
    std::uint16_t rpc_port = 0;

    static constexpr auto reflect() {
        using H = NodeHealth;
        return fields("NodeHealth", field("name", &H::name), field("state", &H::state), field("pid", &H::pid),
                      field("height", &H::height), field("view", &H::view), field("role", &H::role),
                      field("peers", &H::peers), field("link_port", &H::link_port), field("rpc_port", &H::rpc_port),
                      field("roles", &H::roles));
    }
};

/// What `up` would change.
struct ClusterChange {
    std::vector<std::string> added;
    std::vector<std::string> removed;
    std::vector<std::string> changed;
    [[nodiscard]] bool empty() const { return added.empty() && removed.empty() && changed.empty(); }
};

class Cluster {
public:
    /// Progress lines for a person.
    using Progress = std::function<void(const std::string&)>;

    explicit Cluster(std::filesystem::path directory, Progress progress = {})
        : directory_(std::move(directory)), progress_(std::move(progress)) {}

    [[nodiscard]] bool exists() const { return std::filesystem::exists(directory_ / "cluster.json"); }
    [[nodiscard]] const std::filesystem::path& directory() const noexcept { return directory_; }
    [[nodiscard]] Result<ClusterState> state() const;

    /// Makes keys, genesis and node files. Refuses a directory that has a cluster.
    [[nodiscard]] Status create(const Manifest& manifest, const std::string& text);
    /// What differs between the cluster and a manifest; an error if the genesis forbids it (validators, chain).
    [[nodiscard]] Result<ClusterChange> compare(const Manifest& manifest) const;
    /// Carries out the difference: stops removed nodes, restarts changed ones, writes files for added ones.
    [[nodiscard]] Result<ClusterChange> apply(const Manifest& manifest, const std::string& text);

    /// Starts all nodes that are not alive; gives how many.
    [[nodiscard]] Result<std::size_t> start_all();
    [[nodiscard]] Status start(const std::string& node);
    /// SIGTERM, then SIGKILL after the grace. Gives how many were alive.
    [[nodiscard]] Result<std::size_t> stop_all();
    [[nodiscard]] Status stop(const std::string& node);
    /// Until every node is ready and blocks grow. ErrorCode::unavailable naming those that are not.
    [[nodiscard]] Status wait_healthy(std::chrono::milliseconds patience);
    [[nodiscard]] Result<std::vector<NodeHealth>> health() const;
    [[nodiscard]] std::filesystem::path log_file(const std::string& node) const {
        return node_directory(node) / "node.log";
    }
    /// "http://host:port" of the first gateway; empty if there is none.
    [[nodiscard]] std::string rpc_url() const;

private:
    [[nodiscard]] std::filesystem::path node_directory(const std::string& node) const {
        return directory_ / "nodes" / node;
    }
    [[nodiscard]] std::optional<ProcessIdentity> process(const std::string& node) const;
    [[nodiscard]] Status write_state(const ClusterState& state) const;
    [[nodiscard]] Status write_node_files(const ClusterState& state) const;
    [[nodiscard]] std::size_t stop_nodes(const std::vector<std::string>& nodes);
    void say(const std::string& text) const {
        if (progress_) progress_(text);
    }

    std::filesystem::path directory_;
    Progress progress_;
};

}  // namespace troupe
