#include "deploy/cluster/cluster.hpp"

#include <algorithm>
#include <set>
#include <thread>

#include "deploy/cluster/installation.hpp"
#include "deploy/keys/keys.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/ledger/genesis_json.hpp"
#include "runtime/ledger/genesis_signatures.hpp"

namespace troupe {
namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr std::uint32_t layout_version = 3;
/// A node reads its files again at once; twice a second it says so.
constexpr auto reload_patience = std::chrono::milliseconds(5000);

[[nodiscard]] std::string spare_name(std::size_t i) { return "spare-" + std::to_string(i + 1); }

/// The address in a keystore, which needs no password.
[[nodiscard]] Result<Address> keystore_address(const std::filesystem::path& file) {
    const auto text = read_text_file(file, 1 << 20);
    if (!text)
        return make_error(ErrorCode::not_found, "[[account]] key: " + file.string() +
                                                    " is not there; `troupe keys new " + file.stem().string() +
                                                    "` with the same --data or --name makes it");
    const auto json = Json::parse(*text, nullptr, false);
    const auto address = json.is_object() && json.contains("address") && json["address"].is_string()
                             ? fixed_from_hex<Address>(json["address"].get<std::string>())
                             : std::nullopt;
    if (!address) return make_error(ErrorCode::malformed, file.string() + ": a keystore without an address");
    return *address;
}

}  // namespace

// The directory -------------------------------------------------------------------------------------------------------

Result<ClusterState> Cluster::state() const {
    if (!exists())
        return make_error(ErrorCode::not_found,
                          "no cluster in " + directory_.string() + "; start one with `troupe up`");
    const auto file = directory_ / "cluster.json";
    auto text = read_text_file(file);
    if (!text) return text.error();
    const auto json = parse_json(*text);
    if (!json) return make_error(json.error().code, file.string() + ": " + json.error().message);
    const auto version = json->is_object() ? json->value("version", std::uint64_t{0}) : 0;
    if (version != layout_version)
        return make_error(ErrorCode::unsupported,
                          directory_.string() + " was made by another version of troupe (layout " +
                              std::to_string(version) + ", this one knows " + std::to_string(layout_version) + ")");
    ClusterState state;
    if (auto status = from_json_value(*json, state, ""); !status)
        return make_error(status.error().code, file.string() + ": " + status.error().message);
    return state;
}

Status Cluster::write_state(const ClusterState& state) const {
    return write_text_file(directory_ / "cluster.json", to_json_value(state).dump(1) + "\n");
}

Result<FileLock> Cluster::lock() const {
    if (!std::filesystem::exists(directory_))
        return make_error(ErrorCode::not_found,
                          "no cluster in " + directory_.string() + "; start one with `troupe up`");
    return FileLock::take(directory_ / "lock");
}

Result<Genesis> Cluster::genesis() const {
    const auto file = directory_ / "genesis.json";
    auto text = read_text_file(file);
    if (!text) return text.error();
    auto genesis = genesis_from_json(*text);
    if (!genesis) return make_error(genesis.error().code, file.string() + ": " + genesis.error().message);
    return genesis;
}

std::vector<std::string> Cluster::names() const {
    std::vector<std::string> out;
    if (const auto now = state())
        for (const auto& node : now->nodes) out.push_back(node.manifest.name);
    return out;
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
    state.hosts = manifest.hosts;
    const auto add_node = [&](const std::string& name, bool is_validator, std::uint32_t number,
                              std::vector<Service> services) -> Status {
        auto key = load_or_create_identity(identity_file(directory_, name));
        if (!key) return key.error();
        GenesisNode node{name, key->public_key(), {}, std::move(services)};
        if (is_validator) {
            if (manifest.chain.signatures == SignatureKind::bls) register_bls_key(node, key->reveal_seed());
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
        if (node.is_worker()) {
            state.nodes.push_back({node, ClusterNode::no_index, ""});
            continue;
        }
        if (auto status = add_node(node.name, node.is_validator(), index, node.services()); !status) return status;
        state.nodes.push_back({node, index++, ""});
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
    for (const auto& account : manifest.key_accounts) {
        const auto address = keystore_address(directory_ / "keys" / (account.key + ".json"));
        if (!address) return address.error();
        std::erase_if(genesis.accounts, [&](const auto& a) { return a.address == *address; });
        genesis.accounts.push_back({*address, account.balance, 0, {}, {}});
    }
    genesis.accounts.push_back(create2_deployer());
    if (auto status = check_genesis(genesis); !status) return status;
    if (auto status = write_text_file(directory_ / "genesis.json", genesis_to_json(genesis)); !status) return status;
    return write_state(state);
}

// Installation --------------------------------------------------------------------------------------------------------

Status Cluster::install(const ClusterState& state) const {
    const auto installation = Installation::prepare(state, directory_);
    if (!installation) return installation.error();
    std::set<std::string> away;
    for (const auto& node : state.nodes) {
        if (away.contains(node.manifest.host)) continue;
        const auto package = installation->package(node);
        if (!package) return package.error();
        const auto host = this->host(state, node.manifest.host);
        if (!host) return host.error();
        const auto status = (*host)->install(*package);
        if (!status && status.error().code != ErrorCode::unavailable) return status;
        if (status) continue;
        say("left for later: " + status.error().message);
        away.insert(node.manifest.host);
    }
    return Done{};
}

Status Cluster::complete_installation() const {
    const auto now = state();
    return now ? install(*now) : Status{now.error()};
}

// Differences ---------------------------------------------------------------------------------------------------------

Result<ClusterChange> Cluster::compare(const Manifest& manifest) const {
    const auto now = state();
    if (!now) return now.error();
    const auto genesis = this->genesis();
    if (!genesis) return genesis.error();
    auto next = next_cluster(*now, *genesis, manifest, now->manifest_text);
    if (!next) return next.error();
    return std::move(next->change);
}

Status Cluster::check_ports(const ClusterState& now, const ClusterState& next, const ClusterChange& change) const {
    // Ports that are free by the time a node starts: of removed nodes, and of those that restart before it or are it.
    std::vector<std::pair<std::string, std::uint16_t>> freed;
    const auto free_ports_of = [&](const std::string& name) {
        const auto* node = now.find(name);
        if (node == nullptr) return;
        freed.emplace_back(node->manifest.host, node->manifest.link_port);
        freed.emplace_back(node->manifest.host, node->manifest.rpc_port);
    };
    for (const auto& name : change.removed) free_ports_of(name);
    const auto check = [&](const std::string& name) -> Status {
        free_ports_of(name);
        const auto& node = next.find(name)->manifest;
        auto wanted = ports_of(node);
        std::erase_if(wanted, [&](const WantedPort& port) {
            return std::ranges::find(freed, std::pair{node.host, port.port}) != freed.end();
        });
        const auto host = this->host(next, node.host);
        return host ? (*host)->check_ports(wanted) : Status{host.error()};
    };
    for (const auto& node : change.changed)
        if (auto status = check(node.name); !status) return status;
    for (const auto& name : change.added)
        if (auto status = check(name); !status) return status;
    return Done{};
}

Result<ClusterChange> Cluster::apply(const Manifest& manifest, const std::string& text) {
    const auto now = state();
    if (!now) return now.error();
    const auto genesis = this->genesis();
    if (!genesis) return genesis.error();
    auto next = next_cluster(*now, *genesis, manifest, text);
    if (!next) return next.error();
    if (auto status = check_ports(*now, next->state, next->change); !status) return status.error();
    // Nothing can be refused any more: only now is anything stopped.
    if (auto stopped = stop(next->change.removed); !stopped) return stopped.error();
    if (auto status = write_state(next->state); !status) return status.error();
    if (auto status = install(next->state); !status) return status.error();
    return std::move(next->change);
}

Status Cluster::refresh(std::chrono::milliseconds patience) {
    const auto stale = [this]() -> Result<std::vector<std::string>> {
        const auto nodes = health();
        if (!nodes) return nodes.error();
        std::vector<std::string> out;
        for (const auto& node : *nodes)
            if (node.runs() && !node.is_current && node.state != "starting") out.push_back(node.name);
        return out;
    };
    const auto now = state();
    if (!now) return now.error();
    // Who dials a node that is about to move must know where.
    auto names = stale();
    if (!names) return names.error();
    for (const auto& name : *names) {
        const auto host = host_of(*now, name);
        if (!host) return host.error();
        if (auto status = (*host)->reload(name); !status) return status;
    }
    const auto deadline = SteadyClock::now() + reload_patience;
    while (!names->empty() && SteadyClock::now() < deadline) {
        std::this_thread::sleep_for(poll);
        names = stale();
        if (!names) return names.error();
    }
    if (auto status = finish_moves(patience); !status) return status;
    return restart(*names, patience);
}

}  // namespace troupe
