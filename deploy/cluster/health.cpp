#include "deploy/cluster/health.hpp"

#include <algorithm>

namespace troupe {
namespace {

/// Two reports, and what a busy machine adds.
constexpr std::uint64_t report_age_ms = 2000;

}  // namespace

bool NodeHealth::is_validator() const { return std::ranges::find(roles, "consensus") != roles.end(); }

bool NodeHealth::follows_chain() const { return std::ranges::find(roles, "executor") != roles.end(); }

NodeHealth health_of(const ClusterState& cluster, const ClusterNode& node, const NodeState& state) {
    NodeHealth health;
    health.name = node.manifest.name;
    health.host = node.host();
    health.roles = node.manifest.roles;
    health.state = state.state;
    health.index = node.index;
    health.pid = state.pid;
    health.height = state.height;
    health.view = state.view;
    health.role = state.role;
    health.peers = state.peers.size();
    for (const auto& peer : cluster.nodes)
        if (std::ranges::find(state.peers, peer.index) != state.peers.end())
            health.peer_names.push_back(peer.manifest.name);
    health.link_port = node.manifest.link_port;
    health.rpc_port = node.manifest.rpc_port;
    health.is_current = state.is_current;
    health.restarts = state.restarts;
    return health;
}

std::string trouble(const NodeHealth& node, const std::vector<NodeHealth>& all, std::uint64_t lag_max) {
    if (node.state != "ready") return node.state;
    if (node.follows_chain() && node.height == 0) return "no block yet";
    std::string missing;
    std::uint64_t highest = 0;
    for (const auto& other : all) {
        if (other.follows_chain()) highest = std::max(highest, other.height);
        if (other.name == node.name || !other.runs() || other.is_worker() || node.is_worker()) continue;
        if (std::ranges::find(node.peer_names, other.name) == node.peer_names.end())
            missing += (missing.empty() ? "" : ", ") + other.name;
    }
    if (!missing.empty()) return "no link to " + missing;
    if (node.follows_chain() && node.height + lag_max < highest)
        return std::to_string(highest - node.height) + " blocks behind";
    return "";
}

std::uint64_t apparent_lag_max(const ChainParameters& chain) noexcept {
    return report_age_ms / std::max<std::uint64_t>(chain.block_interval.value, 1) + 2;
}

}  // namespace troupe
