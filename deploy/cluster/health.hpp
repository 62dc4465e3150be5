// Whether a cluster is well: what each node says of itself, and what the others make of it.
#pragma once

#include "deploy/cluster/change.hpp"
#include "deploy/host/host.hpp"

namespace troupe {

struct NodeHealth {
    std::string name;
    std::string host;
    std::vector<std::string> roles;
    /// As NodeState::state; "unreachable" if its host does not answer, "not asked" by nodes where it has no agent.
    std::string state;
    std::uint32_t index = 0;
    std::uint32_t pid = 0;
    std::uint64_t height = 0;
    std::uint64_t view = 0;
    std::string role;
    /// Nodes it has a link to.
    std::uint64_t peers = 0;
    std::vector<std::string> peer_names;
    std::uint16_t link_port = 0;
    std::uint16_t rpc_port = 0;
    bool is_current = false;
    std::uint64_t restarts = 0;

    /// There is a process.
    [[nodiscard]] bool runs() const { return pid != 0; }
    [[nodiscard]] bool is_validator() const;
    /// It only works for others, and has no links.
    [[nodiscard]] bool is_worker() const { return roles.size() == 1 && roles.front() == "vm_pool"; }
    /// It executes blocks; storage, metadata and other service nodes need not.
    [[nodiscard]] bool follows_chain() const;

    static constexpr auto reflect() {
        using H = NodeHealth;
        return fields("NodeHealth", field("name", &H::name), field("host", &H::host), field("state", &H::state),
                      field("pid", &H::pid), field("height", &H::height), field("view", &H::view),
                      field("role", &H::role), field("peers", &H::peers), field("peer_names", &H::peer_names),
                      field("link_port", &H::link_port), field("rpc_port", &H::rpc_port), field("roles", &H::roles),
                      field("index", &H::index), field("is_current", &H::is_current), field("restarts", &H::restarts));
    }
};

[[nodiscard]] NodeHealth health_of(const ClusterState& cluster, const ClusterNode& node, const NodeState& state);

/// What keeps the node from being well, for a person; empty if nothing does: it must be ready, have a link to every
/// other node that runs and, if it follows the chain, have executed a block and be at most `lag_max` blocks behind.
[[nodiscard]] std::string trouble(const NodeHealth& node, const std::vector<NodeHealth>& all, std::uint64_t lag_max);

/// Blocks that a node may seem behind because nodes tell their height only twice a second.
[[nodiscard]] std::uint64_t apparent_lag_max(const ChainParameters& chain) noexcept;

}  // namespace troupe
