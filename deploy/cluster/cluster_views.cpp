// Cluster: what its hosts and nodes say of themselves.
#include <algorithm>
#include <future>
#include <iterator>

#include "deploy/cluster/cluster.hpp"

namespace troupe {

template <class Answer, class Ask>
Result<std::vector<Answer>> Cluster::ask_hosts(const ClusterState& state, const std::vector<std::string>& nodes,
                                               const Ask& ask) const {
    std::map<std::string, std::vector<std::string>> by_host;
    for (const auto& name : nodes)
        if (const auto* node = state.find(name); node != nullptr) by_host[node->host()].push_back(name);
    const auto policy = by_host.size() > 1 ? std::launch::async : std::launch::deferred;
    std::vector<std::future<Result<std::vector<Answer>>>> answers;
    for (const auto& [name, there] : by_host) {
        const auto known = host(state, name);
        if (!known && !observer_) return known.error();
        if (known)
            answers.push_back(std::async(policy, [&ask, host = *known, asked = &there] { return ask(*host, *asked); }));
    }
    std::vector<Answer> out;
    for (auto& answer : answers)
        if (auto there = answer.get()) std::ranges::move(*there, std::back_inserter(out));
    return out;
}

Result<std::vector<NodeHealth>> Cluster::health() const {
    const auto now = state();
    if (!now) return now.error();
    std::vector<std::string> nodes;
    for (const auto& node : now->nodes) nodes.push_back(node.manifest.name);
    const auto states = ask_hosts<NodeState>(
        *now, nodes, [](Host& host, const std::vector<std::string>& there) { return host.states(there); });
    if (!states) return states.error();
    std::vector<NodeHealth> out;
    for (const auto& node : now->nodes) {
        const auto known = std::ranges::find(*states, node.manifest.name, &NodeState::name);
        NodeState unknown;
        unknown.name = node.manifest.name;
        unknown.state = observer_ && node.host() == local_host_name ? "not asked" : "unreachable";
        out.push_back(health_of(*now, node, known != states->end() ? *known : unknown));
    }
    return out;
}

Result<std::vector<NodeView>> Cluster::look(const std::vector<std::string>& nodes, const std::string& path,
                                            std::uint32_t patience_ms) const {
    const auto now = state();
    if (!now) return now.error();
    const auto views = ask_hosts<NodeView>(*now, nodes, [&](Host& host, const std::vector<std::string>& there) {
        return host.look(there, path, patience_ms);
    });
    if (!views) return views.error();
    std::vector<NodeView> out;
    for (const auto& name : nodes) {
        const auto view = std::ranges::find(*views, name, &NodeView::node);
        out.push_back(view != views->end() ? *view : NodeView{name, 0, ""});
    }
    return out;
}

Result<FilePart> Cluster::read_log(const std::string& node, std::uint64_t offset) const {
    const auto now = state();
    if (!now) return now.error();
    const auto host = host_of(*now, node);
    return host ? (*host)->read_log(node, offset) : Result<FilePart>{host.error()};
}

std::string Cluster::rpc_url() const {
    const auto now = state();
    if (!now) return "";
    for (const auto& node : now->nodes) {
        const auto& m = node.manifest;
        // Another host's loopback can't be reached from here.
        if (m.rpc_port == 0 || (m.host != local_host_name && m.rpc_host.starts_with("127."))) continue;
        return "http://" + (m.rpc_host == "0.0.0.0" ? m.address : m.rpc_host) + ":" + std::to_string(m.rpc_port);
    }
    return "";
}

}  // namespace troupe
