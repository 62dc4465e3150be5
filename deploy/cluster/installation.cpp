#include "deploy/cluster/installation.hpp"

#include <algorithm>

#include "deploy/cluster/node_credentials.hpp"
#include "runtime/ledger/genesis_json.hpp"

namespace troupe {

std::filesystem::path identity_file(const std::filesystem::path& directory, const std::string& node) {
    return directory / "keys" / (node + ".identity");
}

Result<Installation> Installation::prepare(const ClusterState& state, const std::filesystem::path& directory) {
    Installation out{state, directory};
    auto text = read_text_file(directory / "genesis.json");
    if (!text) return text.error();
    out.genesis_text_ = std::move(*text);
    auto genesis = genesis_from_json(out.genesis_text_);
    if (!genesis)
        return make_error(genesis.error().code, (directory / "genesis.json").string() + ": " + genesis.error().message);
    out.genesis_ = std::move(*genesis);
    return out;
}

const GenesisNode& Installation::pinned(std::uint32_t index) const {
    const auto n = genesis_.validators.size();
    return index < n ? genesis_.validators[index] : genesis_.followers[index - n];
}

void Installation::add_peers(const ClusterNode& node, NodeConfig& config) const {
    for (const auto& peer : state_.nodes)
        if (peer.index != node.index && !peer.manifest.is_worker())
            config.peers.push_back({peer.index, peer.manifest.name, pinned(peer.index).public_key,
                                    peer.manifest.address, peer.manifest.link_port});
    // Followers that may join later are known by key, and dial us.
    for (std::uint32_t i = 0; i < genesis_.followers.size(); ++i) {
        const auto index = static_cast<std::uint32_t>(genesis_.validators.size() + i);
        if (std::ranges::find(state_.nodes, index, &ClusterNode::index) != state_.nodes.end()) continue;
        config.peers.push_back(
            {index, genesis_.followers[i].name, genesis_.followers[i].public_key, node.manifest.address, 0});
    }
}

Status Installation::add_workers(const ClusterNode& node, NodePackage& package) const {
    auto& config = package.config;
    for (const auto& worker : state_.nodes)
        if (worker.manifest.is_worker())
            config.workers.push_back(
                {worker.manifest.name, worker.manifest.address, worker.manifest.link_port, worker.manifest.vm_workers});
    if (config.workers.empty() && (state_.hosts.empty() || node.manifest.is_worker())) return Done{};
    if (node.manifest.is_worker()) config.workers.clear();
    const auto authority = authority_of(state_, directory_);
    if (!authority) return authority.error();
    const auto credentials = credentials_of_node(*authority, node.manifest.name, directory_);
    if (!credentials) return credentials.error();
    config.credentials_path = credentials->file.string();
    config.credentials_fingerprint = credentials->fingerprint;
    if (node.manifest.host != local_host_name) package.credentials = credentials->bundle;
    return Done{};
}

Result<NodePackage> Installation::package(const ClusterNode& node) const {
    NodePackage package;
    auto& config = package.config;
    const auto& manifest = node.manifest;
    config.name = manifest.name;
    config.index = node.index;
    config.is_validator = manifest.is_validator();
    config.roles = manifest.roles;
    config.link_host = manifest.address;
    config.link_port = manifest.link_port;
    config.rpc_host = manifest.rpc_host;
    config.rpc_port = manifest.rpc_port;
    config.genesis_path = (directory_ / "genesis.json").string();
    config.vm_workers = manifest.vm_workers;
    config.log_level = manifest.log_level;
    if (manifest.is_worker() || manifest.gives_work())
        if (auto status = add_workers(node, package); !status) return status.error();
    const bool is_elsewhere = manifest.host != local_host_name;
    if (is_elsewhere) package.genesis = genesis_text_;
    if (manifest.is_worker()) return package;
    add_peers(node, config);
    // A spare identity that a new node has taken keeps its file's name.
    config.identity_path = identity_file(directory_, pinned(node.index).name).string();
    if (is_elsewhere) {
        auto secret = read_text_file(config.identity_path, 1024);
        if (!secret) return secret.error();
        package.identity = secret->substr(0, secret->find('\n'));
        if (manifest.has_role("gateway")) {
            auto shown = state_;
            shown.manifest_text.clear();
            package.cluster = to_json_value(shown).dump(1) + "\n";
        }
    }
    return package;
}

}  // namespace troupe
