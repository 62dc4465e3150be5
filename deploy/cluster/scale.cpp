#include "deploy/cluster/scale.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "deploy/manifest/hint.hpp"
#include "deploy/manifest/ports.hpp"

namespace troupe {
namespace {

/// Roles that every validator has and no other node is made for.
const std::vector<std::string> fixed_roles{"consensus", "chunk_builder", "chunk_signer"};

[[nodiscard]] bool contains(const std::vector<std::string>& list, const std::string& item) {
    return std::ranges::find(list, item) != list.end();
}

[[nodiscard]] Status check_host(const Manifest& manifest, const std::string& name) {
    std::vector<std::string> known;
    for (const auto& host : manifest.hosts) known.push_back(host.name);
    if (known.empty()) known.emplace_back(local_host_name);
    if (contains(known, name)) return Done{};
    if (name == local_host_name)
        return make_error(ErrorCode::invalid,
                          "nodes beside the command line listen on 127.0.0.1, where those of other hosts can't reach "
                          "them; a [[host]] entry and an agent make this machine a host like them");
    return make_error(ErrorCode::not_found, "no host \"" + name + "\"" + hint_for(name, known));
}

/// Which of a node's roles it is made for: "gateway" of gateway, executor and vm_pool.
[[nodiscard]] std::string purpose_of(const ManifestNode& node) {
    if (node.is_validator()) return "consensus";
    for (const auto& role : node.roles)
        if (role != "executor" && role != "vm_pool") return role;
    return node.roles.empty() ? "" : node.has_role("executor") ? "executor" : node.roles.front();
}

/// "gateway-2" gives "gateway".
[[nodiscard]] std::string without_number(const std::string& name) {
    const auto dash = name.rfind('-');
    if (dash == std::string::npos || dash == 0 || name.find_first_not_of("0123456789", dash + 1) != std::string::npos)
        return name;
    return name.substr(0, dash);
}

[[nodiscard]] ManifestNode template_for(const Manifest& manifest, const std::string& role) {
    ManifestNode node;
    for (const auto& known : manifest.nodes)
        if (purpose_of(known) == role) node = known;
    if (node.name.empty()) {
        node.name = role;
        std::ranges::replace(node.name, '_', '-');
        node.roles = {role};
        if (role == "vm_pool") {
            node.name = "worker";
        } else if (role == "executor" || role == "gateway" || role == "storage_node") {
            if (role != "executor") node.roles.emplace_back("executor");
            node.roles.emplace_back("vm_pool");
        }
    }
    node.name = without_number(node.name);
    return node;
}

[[nodiscard]] std::uint16_t free_port(const Manifest& manifest, std::uint16_t first) {
    std::set<std::uint16_t> used;
    for (const auto& node : manifest.nodes) {
        used.insert(node.link_port);
        used.insert(node.rpc_port);
    }
    while (used.contains(first)) ++first;
    return first;
}

[[nodiscard]] std::string emptiest_host(const Manifest& manifest) {
    std::string best = local_host_name;
    auto best_count = manifest.nodes.size() + 1;
    for (const auto& host : manifest.hosts) {
        const auto count = static_cast<std::size_t>(std::ranges::count(manifest.nodes, host.name, &ManifestNode::host));
        if (count >= best_count) continue;
        best = host.name;
        best_count = count;
    }
    return best;
}

void put_on(ManifestNode& node, const Manifest& manifest, const std::string& host) {
    node.host = host;
    const auto facts = std::ranges::find(manifest.hosts, host, &ManifestHost::name);
    node.address = facts == manifest.hosts.end() ? "127.0.0.1" : facts->address;
}

}  // namespace

Result<Scaled> scaled(const Manifest& manifest, const ScaleRequest& request) {
    if (!contains(known_roles(), request.role))
        return make_error(ErrorCode::invalid,
                          "no role \"" + request.role + "\"" + hint_for(request.role, known_roles()));
    if (contains(fixed_roles, request.role))
        return make_error(ErrorCode::invalid, request.role + " is a validator's: the genesis fixes the validators");
    if (!request.host.empty())
        if (auto status = check_host(manifest, request.host); !status) return status.error();
    Scaled out{manifest, {}, {}};
    auto& nodes = out.manifest.nodes;
    const auto count = [&] { return static_cast<std::size_t>(std::ranges::count(nodes, request.role, purpose_of)); };
    while (count() > request.count) {
        // The last, on that host if there is one.
        auto chosen = nodes.end();
        for (auto it = nodes.begin(); it != nodes.end(); ++it) {
            if (purpose_of(*it) != request.role) continue;
            if (chosen == nodes.end() || it->host == request.host || chosen->host != request.host) chosen = it;
        }
        out.removed.push_back(chosen->name);
        nodes.erase(chosen);
    }
    const auto model = template_for(manifest, request.role);
    for (std::size_t number = 1; count() < request.count; ++number) {
        const auto name = model.name + "-" + std::to_string(number);
        const auto taken = [&](const Manifest& m) {
            return std::ranges::find(m.nodes, name, &ManifestNode::name) != m.nodes.end();
        };
        if (taken(out.manifest) || nodes.size() >= limits::nodes_max) {
            if (nodes.size() >= limits::nodes_max) return make_error(ErrorCode::too_large, "too many nodes");
            continue;
        }
        auto node = model;
        node.name = name;
        put_on(node, manifest, request.host.empty() ? emptiest_host(out.manifest) : request.host);
        node.link_port = free_port(out.manifest, first_link_port);
        node.rpc_port = node.has_role("gateway") ? free_port(out.manifest, first_rpc_port) : std::uint16_t{0};
        out.added.push_back(node.name);
        nodes.push_back(std::move(node));
    }
    return out;
}

Result<Manifest> moved(const Manifest& manifest, const std::string& name, const std::string& host) {
    if (auto status = check_host(manifest, host); !status) return status.error();
    auto out = manifest;
    const auto node = std::ranges::find(out.nodes, name, &ManifestNode::name);
    if (node == out.nodes.end()) {
        std::vector<std::string> known;
        for (const auto& other : manifest.nodes) known.push_back(other.name);
        return make_error(ErrorCode::not_found, "no node \"" + name + "\"" + hint_for(name, known));
    }
    // What it was told to listen on besides its host's address belongs to the old host.
    const auto was = node->address;
    put_on(*node, manifest, host);
    if (node->rpc_host == was) node->rpc_host = node->address;
    return out;
}

}  // namespace troupe
