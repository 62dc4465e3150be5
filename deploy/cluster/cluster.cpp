#include "deploy/cluster/cluster.hpp"

#include <algorithm>
#include <thread>

#include <signal.h>

#include "deploy/keys/keys.hpp"
#include "deploy/node/node_config.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/ledger/genesis_json.hpp"

namespace troupe {
namespace {

constexpr std::uint32_t layout_version = 1;
constexpr auto stop_grace = std::chrono::seconds(10);

template <class T>
[[nodiscard]] Result<T> read_json(const std::filesystem::path& file) {
    auto text = read_text_file(file);
    if (!text) return text.error();
    auto json = parse_json(*text);
    if (!json) return make_error(json.error().code, file.string() + ": " + json.error().message);
    T value;
    if (auto status = from_json_value(*json, value, ""); !status)
        return make_error(status.error().code, file.string() + ": " + status.error().message);
    return value;
}

[[nodiscard]] std::filesystem::path identity_file(const std::filesystem::path& directory, const std::string& node) {
    return directory / "keys" / (node + ".identity");
}

[[nodiscard]] std::string spare_name(std::size_t i) { return "spare-" + std::to_string(i + 1); }

}  // namespace

Result<ClusterState> Cluster::state() const {
    if (!exists())
        return make_error(ErrorCode::not_found,
                          "no cluster in " + directory_.string() + "; start one with `troupe up`");
    auto state = read_json<ClusterState>(directory_ / "cluster.json");
    if (state && state->version > layout_version)
        return make_error(ErrorCode::unsupported, directory_.string() +
                                                      " was made by a newer version of troupe (layout " +
                                                      std::to_string(state->version) + ", this one knows " +
                                                      std::to_string(layout_version) + ")");
    return state;
}

Status Cluster::write_state(const ClusterState& state) const {
    return write_text_file(directory_ / "cluster.json", to_json_value(state).dump(1) + "\n");
}

Status Cluster::create(const Manifest& manifest, const std::string& text) {
    if (exists()) return make_error(ErrorCode::already_exists, directory_.string() + " has a cluster already");
    std::error_code error;
    std::filesystem::create_directories(directory_ / "keys", error);
    if (error) return make_error(ErrorCode::io, directory_.string() + ": " + error.message());
    say("making keys and genesis");

    Genesis genesis;
    genesis.parameters = manifest.chain;
    genesis.timestamp = wall_clock_now();
    ClusterState state;
    state.name = manifest.name;
    state.manifest_text = text;
    const auto add_node = [&](const std::string& name, bool is_validator, std::uint32_t number,
                              std::vector<Service> services) -> Status {
        auto key = load_or_create_identity(identity_file(directory_, name));
        if (!key) return key.error();
        GenesisNode node{name, key->public_key(), {}, std::move(services)};
        if (is_validator) {
            // Fees go to a development account unless somebody changes the genesis: validators have no accounts of
            // their own.
            node.beneficiary =
                manifest.dev_accounts > 0 ? development_key(manifest.dev_accounts + number).address() : Address{};
            genesis.validators.push_back(std::move(node));
        } else {
            genesis.followers.push_back(std::move(node));
        }
        return Done{};
    };
    std::uint32_t index = 0;
    for (const auto& node : manifest.nodes) {
        if (auto status = add_node(node.name, node.is_validator(), index, node.services()); !status) return status;
        state.nodes.push_back({node, index++});
    }
    for (std::size_t i = 0; i < manifest.spare_followers; ++i)
        // Whoever takes one later may do anything but arbitrate.
        if (auto status = add_node(spare_name(i), false, 0,
                                   {Service::chain, Service::storage, Service::metadata, Service::batch_validation});
            !status)
            return status;
    for (std::uint32_t i = 0; i < manifest.dev_accounts; ++i) {
        GenesisAccount account;
        account.address = development_key(i).address();
        account.balance = manifest.dev_balance;
        genesis.accounts.push_back(std::move(account));
    }
    for (const auto& account : manifest.accounts) {
        std::erase_if(genesis.accounts, [&](const auto& a) { return a.address == account.address; });
        genesis.accounts.push_back(account);
    }
    genesis.accounts.push_back(create2_deployer());
    if (auto status = check_genesis(genesis); !status) return status;
    if (auto status = write_text_file(directory_ / "genesis.json", genesis_to_json(genesis)); !status) return status;
    if (auto status = write_node_files(state); !status) return status;
    return write_state(state);
}

Status Cluster::write_node_files(const ClusterState& state) const {
    auto text = read_text_file(directory_ / "genesis.json");
    if (!text) return text.error();
    auto genesis = genesis_from_json(*text);
    if (!genesis) return genesis.error();
    const auto n = genesis->validators.size();
    const auto key_of = [&](std::uint32_t index) {
        return index < n ? genesis->validators[index].public_key : genesis->followers[index - n].public_key;
    };
    for (const auto& node : state.nodes) {
        const auto directory = node_directory(node.manifest.name);
        std::error_code error;
        std::filesystem::create_directories(directory / "data", error);
        if (error) return make_error(ErrorCode::io, directory.string() + ": " + error.message());
        NodeConfig config;
        config.name = node.manifest.name;
        config.index = node.index;
        config.is_validator = node.manifest.is_validator();
        config.roles = node.manifest.roles;
        config.link_host = node.manifest.address;
        config.link_port = node.manifest.link_port;
        config.rpc_host = node.manifest.rpc_host;
        config.rpc_port = node.manifest.rpc_port;
        config.genesis_path = (directory_ / "genesis.json").string();
        // A spare identity that a new node has taken keeps its file's name.
        const auto& pinned =
            node.index < n ? genesis->validators[node.index].name : genesis->followers[node.index - n].name;
        config.identity_path = identity_file(directory_, pinned).string();
        config.data_directory = (directory / "data").string();
        config.vm_workers = node.manifest.vm_workers;
        config.log_level = node.manifest.log_level;
        for (const auto& peer : state.nodes)
            if (peer.index != node.index)
                config.peers.push_back({peer.index, peer.manifest.name, key_of(peer.index), peer.manifest.address,
                                        peer.manifest.link_port});
        // Followers that may join later are known by key, and dial us.
        for (std::uint32_t i = 0; i < genesis->followers.size(); ++i) {
            const auto index = static_cast<std::uint32_t>(n + i);
            if (std::ranges::any_of(state.nodes, [&](const auto& other) { return other.index == index; })) continue;
            config.peers.push_back({index, genesis->followers[i].name, key_of(index), node.manifest.address, 0});
        }
        if (auto status = write_node_config(directory / "node.json", config); !status) return status;
    }
    return Done{};
}

// Differences ---------------------------------------------------------------------------------------------------------

Result<ClusterChange> Cluster::compare(const Manifest& manifest) const {
    const auto now = state();
    if (!now) return now.error();
    const auto launched = parse_manifest(now->manifest_text, "cluster.json").manifest;
    if (!(launched.chain == manifest.chain))
        return make_error(ErrorCode::invalid,
                          "[chain] differs from what this cluster was launched with; the genesis fixes it. "
                          "Start a new cluster with another --data directory");
    ClusterChange change;
    for (const auto& node : manifest.nodes) {
        const auto known = std::ranges::find(now->nodes, node.name, [](const auto& n) { return n.manifest.name; });
        if (known == now->nodes.end()) {
            if (node.is_validator())
                return make_error(ErrorCode::invalid,
                                  "validator " + node.name + " can't be added: the genesis fixes the validators");
            change.added.push_back(node.name);
        } else if (known->manifest != node) {
            if (known->manifest.is_validator() != node.is_validator())
                return make_error(ErrorCode::invalid,
                                  node.name + " can't become or cease to be a validator: the genesis fixes them");
            change.changed.push_back(node.name);
        }
    }
    for (const auto& node : now->nodes) {
        if (std::ranges::any_of(manifest.nodes, [&](const auto& n) { return n.name == node.manifest.name; })) continue;
        if (node.manifest.is_validator())
            return make_error(ErrorCode::invalid, "validator " + node.manifest.name +
                                                      " can't be removed: the genesis fixes the validators; "
                                                      "`troupe stop " +
                                                      node.manifest.name + "` stops it");
        change.removed.push_back(node.manifest.name);
    }
    return change;
}

Result<ClusterChange> Cluster::apply(const Manifest& manifest, const std::string& text) {
    auto change = compare(manifest);
    if (!change) return change;
    auto next = state();
    if (!next) return next.error();
    next->manifest_text = text;
    if (change->empty()) return change;
    std::erase_if(next->nodes, [&](const auto& n) {
        return std::ranges::find(change->removed, n.manifest.name) != change->removed.end();
    });
    auto genesis_text = read_text_file(directory_ / "genesis.json");
    if (!genesis_text) return genesis_text.error();
    auto genesis = genesis_from_json(*genesis_text);
    if (!genesis) return genesis.error();
    const auto n = static_cast<std::uint32_t>(genesis->validators.size());
    for (const auto& node : manifest.nodes) {
        const auto known =
            std::ranges::find(next->nodes, node.name, [](const auto& other) { return other.manifest.name; });
        if (known != next->nodes.end()) {
            known->manifest = node;
            continue;
        }
        std::optional<std::uint32_t> free;
        for (std::uint32_t i = 0; i < genesis->followers.size() && !free; ++i)
            if (std::ranges::none_of(next->nodes, [&](const auto& other) { return other.index == n + i; }))
                free = n + i;
        if (!free)
            return make_error(ErrorCode::invalid, "no spare follower identity left in the genesis for " + node.name +
                                                      "; a new cluster can reserve more with spare_followers");
        next->nodes.push_back({node, *free});
    }
    // Nothing can be refused any more: only now is anything stopped.
    std::vector<std::string> to_stop = change->removed;
    to_stop.insert(to_stop.end(), change->changed.begin(), change->changed.end());
    static_cast<void>(stop_nodes(to_stop));
    if (auto status = write_node_files(*next); !status) return status.error();
    if (auto status = write_state(*next); !status) return status.error();
    return change;
}

// Processes -----------------------------------------------------------------------------------------------------------

std::optional<ProcessIdentity> Cluster::process(const std::string& node) const {
    const auto identity = read_json<ProcessIdentity>(node_directory(node) / "process.json");
    return identity ? std::optional{*identity} : std::nullopt;
}

/// Both ports of a node that is not running.
static Status check_ports(const ManifestNode& node) {
    if (auto status = check_port_free(node.address, node.link_port); !status)
        return make_error(status.error().code, node.name + ": " + status.error().message);
    if (node.rpc_port == 0) return Done{};
    if (auto status = check_port_free(node.rpc_host, node.rpc_port); !status)
        return make_error(status.error().code, node.name + ": " + status.error().message);
    return Done{};
}

Status Cluster::start(const std::string& name) {
    const auto now = state();
    if (!now) return now.error();
    const auto node = std::ranges::find(now->nodes, name, [](const auto& n) { return n.manifest.name; });
    if (node == now->nodes.end()) return make_error(ErrorCode::not_found, "no node " + name);
    if (const auto running = process(name); running && is_alive(*running)) return Done{};
    if (auto status = check_ports(node->manifest); !status) return status;
    std::error_code ignored;
    std::filesystem::remove(node_directory(name) / "status.json", ignored);
    const auto executable = std::filesystem::read_symlink("/proc/self/exe").string();
    auto started = start_process({executable, "node", node_directory(name).string()}, log_file(name));
    if (!started) return started.error();
    return write_text_file(node_directory(name) / "process.json", to_json_value(*started).dump() + "\n");
}

Result<std::size_t> Cluster::start_all() {
    const auto now = state();
    if (!now) return now.error();
    // All ports first: a conflict must not leave half a cluster running.
    for (const auto& node : now->nodes) {
        const auto running = process(node.manifest.name);
        if (running && is_alive(*running)) continue;
        if (auto status = check_ports(node.manifest); !status) return status.error();
    }
    std::size_t started = 0;
    for (const auto& node : now->nodes) {
        const auto running = process(node.manifest.name);
        if (running && is_alive(*running)) continue;
        if (auto status = start(node.manifest.name); !status) return status.error();
        ++started;
    }
    return started;
}

std::size_t Cluster::stop_nodes(const std::vector<std::string>& nodes) {
    std::vector<ProcessIdentity> alive;
    for (const auto& name : nodes)
        if (const auto running = process(name); running && send_signal(*running, SIGTERM)) alive.push_back(*running);
    const auto count = alive.size();
    const auto deadline = std::chrono::steady_clock::now() + stop_grace;
    while (!alive.empty() && std::chrono::steady_clock::now() < deadline) {
        std::erase_if(alive, [](const auto& p) { return !is_alive(p); });
        if (!alive.empty()) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    for (const auto& stubborn : alive) {
        say("pid " + std::to_string(stubborn.pid) + " did not stop in time: killed");
        send_signal(stubborn, SIGKILL);
    }
    std::error_code ignored;
    for (const auto& name : nodes) {
        std::filesystem::remove(node_directory(name) / "process.json", ignored);
        std::filesystem::remove(node_directory(name) / "status.json", ignored);
    }
    return count;
}

Result<std::size_t> Cluster::stop_all() {
    const auto now = state();
    if (!now) return now.error();
    std::vector<std::string> names;
    for (const auto& node : now->nodes) names.push_back(node.manifest.name);
    return stop_nodes(names);
}

Status Cluster::stop(const std::string& node) {
    static_cast<void>(stop_nodes({node}));
    return Done{};
}

// Health --------------------------------------------------------------------------------------------------------------

Result<std::vector<NodeHealth>> Cluster::health() const {
    const auto now = state();
    if (!now) return now.error();
    std::vector<NodeHealth> out;
    for (const auto& node : now->nodes) {
        NodeHealth health;
        health.name = node.manifest.name;
        health.roles = node.manifest.roles;
        health.link_port = node.manifest.link_port;
        health.rpc_port = node.manifest.rpc_port;
        const auto running = process(health.name);
        if (!running) {
            health.state = "stopped";
        } else if (!is_alive(*running)) {
            health.state = "dead";
        } else {
            health.pid = running->pid;
            health.state = "starting";
            if (auto text = read_text_file(node_directory(health.name) / "status.json", 1 << 16)) {
                const auto json = Json::parse(*text, nullptr, false);
                if (json.is_object()) {
                    health.state = json.value("state", "starting");
                    health.height = json.value("height", std::uint64_t{0});
                    health.view = json.value("view", std::uint64_t{0});
                    health.role = json.value("role", "");
                    health.peers = json.value("peers_connected", std::uint64_t{0});
                }
            }
        }
        out.push_back(std::move(health));
    }
    return out;
}

Status Cluster::wait_healthy(std::chrono::milliseconds patience) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    std::string last;
    for (;;) {
        const auto nodes = health();
        if (!nodes) return nodes.error();
        std::string waiting;
        std::size_t ready = 0;
        bool dead = false;
        for (const auto& node : *nodes) {
            // The first block shows that validators hear each other.
            const bool follows = std::ranges::find(node.roles, "executor") != node.roles.end();
            if (node.state == "ready" && (node.height > 0 || !follows))
                ++ready;
            else
                waiting += (waiting.empty() ? "" : ", ") + node.name + " (" + node.state + ")";
            dead = dead || node.state == "dead";
        }
        if (waiting.empty()) return Done{};
        if (dead || std::chrono::steady_clock::now() > deadline)
            return make_error(ErrorCode::unavailable, "not healthy: " + waiting + "; see `troupe logs`");
        const auto text = std::to_string(ready) + " of " + std::to_string(nodes->size()) + " nodes ready";
        if (text != last) say(text);
        last = text;
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
}

std::string Cluster::rpc_url() const {
    const auto now = state();
    if (!now) return "";
    for (const auto& node : now->nodes)
        if (node.manifest.rpc_port != 0)
            return "http://" + (node.manifest.rpc_host == "0.0.0.0" ? "127.0.0.1" : node.manifest.rpc_host) + ":" +
                   std::to_string(node.manifest.rpc_port);
    return "";
}

}  // namespace troupe
