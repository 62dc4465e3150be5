#include "deploy/cluster/change.hpp"

#include <algorithm>

namespace troupe {
namespace {

[[nodiscard]] bool names(const Manifest& manifest, const std::string& node) {
    return std::ranges::find(manifest.nodes, node, &ManifestNode::name) != manifest.nodes.end();
}

[[nodiscard]] Error fixed(const std::vector<std::string>& what) {
    std::string list;
    for (const auto& item : what) list += "\n  " + item;
    return make_error(ErrorCode::invalid,
                      "fixed by the genesis since the cluster was launched, and can't change:" + list +
                          "\nPut the old values back; or launch another cluster under another name; or delete this "
                          "one and its chain with `troupe down --delete` and launch it anew");
}

/// Where others dial the node with this index; nothing if no node has it.
[[nodiscard]] std::string place_of(const ClusterState& state, std::uint32_t index) {
    if (index == ClusterNode::no_index) return "";
    const auto it = std::ranges::find(state.nodes, index, &ClusterNode::index);
    return it == state.nodes.end() ? "" : it->manifest.address + ":" + std::to_string(it->manifest.link_port);
}

/// The higher index dials the lower (runtime/link): who has a lower neighbour somewhere else than before?
[[nodiscard]] std::vector<NodeChange> redialing(const ClusterState& now, const NextCluster& next) {
    std::vector<NodeChange> out;
    for (const auto& node : next.state.nodes) {
        const auto& name = node.manifest.name;
        if (now.find(name) == nullptr || node.manifest.is_worker()) continue;
        if (std::ranges::find(next.change.changed, name, &NodeChange::name) != next.change.changed.end()) continue;
        NodeChange change{name, {}};
        for (const auto& peer : next.state.nodes) {
            const auto place = place_of(next.state, peer.index);
            if (peer.index < node.index && place != place_of(now, peer.index))
                change.what.push_back(peer.manifest.name + " at " + place);
        }
        if (!change.what.empty()) out.push_back(std::move(change));
    }
    return out;
}

}  // namespace

const ClusterNode* ClusterState::find(const std::string& node) const {
    const auto it = std::ranges::find(nodes, node, [](const auto& n) { return n.manifest.name; });
    return it == nodes.end() ? nullptr : &*it;
}

Result<NextCluster> next_cluster(const ClusterState& now, const Genesis& genesis, const Manifest& manifest,
                                 const std::string& text) {
    const auto launched = parse_manifest(now.manifest_text, "cluster.json").manifest;
    if (auto what = fixed_differences(launched, manifest); !what.empty()) return fixed(what);
    NextCluster next;
    next.state.name = now.name;
    next.state.manifest_text = text;
    for (const auto& node : now.nodes) {
        if (names(manifest, node.manifest.name)) continue;
        if (node.manifest.is_validator())
            return make_error(ErrorCode::invalid, "validator " + node.manifest.name +
                                                      " can't be removed: the genesis fixes the validators; "
                                                      "`troupe stop " +
                                                      node.manifest.name + "` stops it");
        next.change.removed.push_back(node.manifest.name);
    }
    const auto validators = static_cast<std::uint32_t>(genesis.validators.size());
    const auto end = validators + static_cast<std::uint32_t>(genesis.followers.size());
    const auto free_index = [&]() -> std::optional<std::uint32_t> {
        for (auto index = validators; index < end; ++index) {
            const auto has_it = [&](const ClusterNode& node) { return node.index == index; };
            const auto stays = [&](const ClusterNode& node) {
                return has_it(node) && names(manifest, node.manifest.name);
            };
            if (std::ranges::none_of(now.nodes, stays) && std::ranges::none_of(next.state.nodes, has_it)) return index;
        }
        return std::nullopt;
    };
    for (const auto& node : manifest.nodes) {
        const auto* known = now.find(node.name);
        if (known == nullptr) {
            if (node.is_validator())
                return make_error(ErrorCode::invalid,
                                  "validator " + node.name + " can't be added: the genesis fixes the validators");
            const auto index = node.is_worker() ? std::optional{ClusterNode::no_index} : free_index();
            if (!index)
                return make_error(ErrorCode::invalid, "no spare follower identity left in the genesis for " +
                                                          node.name +
                                                          "; a new cluster can reserve more with spare_followers");
            next.state.nodes.push_back({node, *index, ""});
            next.change.added.push_back(node.name);
            continue;
        }
        if (known->manifest.is_validator() != node.is_validator())
            return make_error(ErrorCode::invalid,
                              node.name + " can't become or cease to be a validator: the genesis fixes them");
        if (known->manifest.is_worker() != node.is_worker())
            return make_error(ErrorCode::invalid, node.name +
                                                      " can't become or cease to be a worker: give the new node "
                                                      "another name");
        next.state.nodes.push_back({node, known->index, known->host() == node.host ? "" : known->host()});
        if (known->manifest != node) next.change.changed.push_back({node.name, differences(known->manifest, node)});
    }
    next.state.hosts = manifest.hosts;
    for (const auto& node : next.state.nodes)
        for (const auto& host : now.hosts)
            if (host.name == node.moving_from &&
                std::ranges::find(next.state.hosts, host.name, &ManifestHost::name) == next.state.hosts.end())
                next.state.hosts.push_back(host);
    next.change.redialing = redialing(now, next);
    return next;
}

}  // namespace troupe
