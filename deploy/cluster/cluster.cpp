#include "deploy/cluster/cluster.hpp"

#include <algorithm>
#include <future>
#include <thread>

#include "deploy/cluster/installation.hpp"
#include "deploy/keys/authority.hpp"
#include "deploy/keys/keys.hpp"
#include "deploy/version.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/ledger/genesis_json.hpp"
#include "runtime/ledger/genesis_signatures.hpp"

namespace troupe {
namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr std::uint32_t layout_version = 3;
constexpr auto poll = std::chrono::milliseconds(50);
/// A node reads its files again at once; twice a second it says so.
constexpr auto reload_patience = std::chrono::milliseconds(1500);

[[nodiscard]] std::string spare_name(std::size_t i) { return "spare-" + std::to_string(i + 1); }

[[nodiscard]] std::vector<WantedPort> ports_of(const ManifestNode& node) {
    std::vector<WantedPort> out{{node.name, node.address, node.link_port}};
    if (node.rpc_port != 0) out.push_back({node.name, node.rpc_host, node.rpc_port});
    return out;
}

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

// Hosts ---------------------------------------------------------------------------------------------------------------

Result<RemoteHost*> Cluster::remote_host(const ClusterState& state, const std::string& name) const {
    const std::lock_guard lock{*remote_mutex_};
    auto& known = remote_hosts_[name];
    if (known) return known.get();
    const auto facts = std::ranges::find(state.hosts, name, &ManifestHost::name);
    if (facts == state.hosts.end()) return make_error(ErrorCode::not_found, "no [[host]] is called " + name);
    const auto authority = Authority::open(Authority::usual_directory());
    if (!authority) return authority.error();
    const auto credentials = authority->commander();
    if (!credentials) return credentials.error();
    auto host = RemoteHost::create(*credentials, name, facts->address, facts->agent_port, state.name);
    if (!host) return host.error();
    known = std::move(*host);
    return known.get();
}

Result<Host*> Cluster::host(const ClusterState& state, const std::string& name) const {
    if (name == local_host_name) return &local_host_;
    const auto remote = remote_host(state, name);
    if (!remote) return remote.error();
    return *remote;
}

Result<Host*> Cluster::host_of(const ClusterState& state, const std::string& node) const {
    const auto* known = state.find(node);
    if (known == nullptr) return make_error(ErrorCode::not_found, "no node " + node);
    return host(state, known->host());
}

Status Cluster::renew_agents() const {
    const auto now = state();
    if (!now || now->hosts.empty()) return now ? Status{Done{}} : now.error();
    const auto authority = Authority::open(Authority::usual_directory());
    if (!authority) return authority.error();
    const auto trusted = authority->trusted();
    if (!trusted) return trusted.error();
    std::vector<std::string> fingerprints;
    for (const auto& facts : *trusted) fingerprints.push_back(facts.fingerprint);
    for (const auto& host : now->hosts) {
        const auto remote = remote_host(*now, host.name);
        if (!remote) return remote.error();
        const auto facts = (*remote)->facts();
        if (!facts) return facts.error();
        if (facts->version != node_version)
            return make_error(ErrorCode::unsupported, "host " + host.name + ": its agent is troupe " + facts->version +
                                                          ", this is " + node_version +
                                                          ": run the same version on both");
        const auto last_third = std::uint64_t{certificate_days} * 86'400'000 / 3;
        if (facts->trust == fingerprints && facts->certificate_end_ms > wall_clock_now().value + last_third) continue;
        say("giving the agent of " + host.name + " a new certificate");
        const auto credentials = authority->issue(host.name, operator_link::Kind::agent, certificate_days);
        if (!credentials) return credentials.error();
        if (auto status = (*remote)->give_credentials(*credentials); !status) return status;
    }
    return Done{};
}

Status Cluster::install(const ClusterState& state) const {
    const auto installation = Installation::prepare(state, directory_);
    if (!installation) return installation.error();
    for (const auto& node : state.nodes) {
        const auto package = installation->package(node);
        if (!package) return package.error();
        const auto host = this->host(state, node.manifest.host);
        if (!host) return host.error();
        if (auto status = (*host)->install(*package); !status) return status;
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

// Moving --------------------------------------------------------------------------------------------------------------

Status Cluster::copy_data(Host& from, Host& to, const std::string& node) const {
    const auto files = from.data_files(node);
    if (!files) return files.error();
    for (const auto& file : *files) {
        std::uint64_t at = 0;
        for (;;) {
            const auto part = from.read_data(node, file, at);
            if (!part) return part.error();
            if (part->bytes.empty() && at > 0) break;
            if (auto status = to.write_data(node, file, at, part->bytes); !status) return status;
            at += part->bytes.size();
            if (at >= part->size) break;
        }
    }
    return Done{};
}

Status Cluster::finish_moves(std::chrono::milliseconds patience) {
    auto now = state();
    if (!now) return now.error();
    for (auto& node : now->nodes) {
        if (node.moving_from.empty()) continue;
        const auto name = node.manifest.name;
        const auto from = host(*now, node.moving_from);
        if (!from) return from.error();
        const auto to = host(*now, node.manifest.host);
        if (!to) return to.error();
        if (auto status = wait_quorum_without(name, patience); !status) return status;
        say("moving " + name + " from " + node.moving_from + " to " + node.manifest.host);
        const auto ran = (*from)->stop({name});
        if (!ran) return ran.error();
        if (auto status = copy_data(**from, **to, name); !status) return status;
        node.moving_from.clear();
        if (auto status = write_state(*now); !status) return status;
        // What stays behind must never run again; if it can't be removed now, the moved node goes on all the same.
        if (auto status = (*from)->remove(name); !status) say("left behind: " + status.error().message);
        if (*ran == 0) continue;
        if (auto status = start(name); !status) return status;
        if (auto status = wait_healthy({name}, patience); !status) return status;
    }
    return Done{};
}

Status Cluster::drain(const std::string& name, std::chrono::milliseconds patience) {
    const auto now = state();
    if (!now) return now.error();
    if (auto status = wait_quorum_without(name, patience); !status) return status;
    const auto host = host_of(*now, name);
    if (!host) return host.error();
    const auto deadline = SteadyClock::now() + patience;
    bool told = false;
    for (;;) {
        const auto states = (*host)->states({name});
        if (!states) return states.error();
        const auto& node = states->front();
        if (node.pid == 0 || node.state == "drained") return Done{};
        if (!std::exchange(told, true))
            if (auto status = (*host)->drain(name); !status) return status;
        if (SteadyClock::now() > deadline)
            return make_error(ErrorCode::unavailable, name + " still has work in flight; it goes on draining");
        std::this_thread::sleep_for(poll);
    }
}

// Processes -----------------------------------------------------------------------------------------------------------

Status Cluster::start(const std::string& name) {
    const auto now = state();
    if (!now) return now.error();
    if (const auto* node = now->find(name); node != nullptr && !node->moving_from.empty())
        return make_error(ErrorCode::invalid, name + " is on its way from " + node->moving_from + " to " +
                                                  node->manifest.host + "; `troupe up` completes the move");
    const auto host = host_of(*now, name);
    return host ? (*host)->start(name) : Status{host.error()};
}

Result<std::size_t> Cluster::start_all() {
    const auto now = state();
    if (!now) return now.error();
    const auto nodes = health();
    if (!nodes) return nodes.error();
    // All ports first: a conflict must not leave half a cluster running.
    std::vector<const NodeHealth*> idle;
    for (const auto& node : *nodes) {
        if (node.runs()) continue;
        if (node.state == "unreachable")
            return make_error(ErrorCode::unavailable, "host " + node.host + " does not answer");
        idle.push_back(&node);
        const auto& manifest = now->find(node.name)->manifest;
        const auto host = this->host(*now, manifest.host);
        if (!host) return host.error();
        if (auto status = (*host)->check_ports(ports_of(manifest)); !status) return status.error();
    }
    for (const auto* node : idle)
        if (auto status = start(node->name); !status) return status.error();
    return idle.size();
}

Result<std::size_t> Cluster::stop(const std::vector<std::string>& nodes) {
    const auto now = state();
    if (!now) return now.error();
    std::map<std::string, std::vector<std::string>> by_host;
    for (const auto& name : nodes) {
        const auto* node = now->find(name);
        if (node == nullptr) return make_error(ErrorCode::not_found, "no node " + name);
        by_host[node->host()].push_back(name);
    }
    std::size_t count = 0;
    for (const auto& [name, there] : by_host) {
        const auto host = this->host(*now, name);
        if (!host) return host.error();
        const auto stopped = (*host)->stop(there);
        if (!stopped) return stopped.error();
        count += *stopped;
    }
    return count;
}

Result<std::size_t> Cluster::stop_all() {
    const auto now = state();
    if (!now) return now.error();
    return stop(names());
}

Status Cluster::wait_quorum_without(const std::string& name, std::chrono::milliseconds patience) const {
    const auto deadline = SteadyClock::now() + patience;
    for (;;) {
        const auto nodes = health();
        if (!nodes) return nodes.error();
        std::size_t validators = 0;
        std::size_t ready = 0;
        for (const auto& node : *nodes) {
            if (!node.is_validator()) {
                if (node.name == name) return Done{};
                continue;
            }
            ++validators;
            if (node.name == name) {
                if (!node.runs()) return Done{};
            } else if (node.state == "ready") {
                ++ready;
            }
        }
        // Three or fewer validators have no quorum without one: it can only be quick.
        if (faulty_max(validators) == 0 || ready >= quorum(validators)) return Done{};
        if (SteadyClock::now() > deadline)
            return make_error(ErrorCode::unavailable, name + " is not stopped: only " + std::to_string(ready) +
                                                          " of the other validators are ready, " +
                                                          std::to_string(quorum(validators)) + " make a quorum");
        std::this_thread::sleep_for(poll);
    }
}

Status Cluster::restart(const std::vector<std::string>& nodes, std::chrono::milliseconds patience) {
    for (const auto& name : nodes) {
        if (auto status = wait_quorum_without(name, patience); !status) return status;
        say("restarting " + name);
        if (auto stopped = stop({name}); !stopped) return stopped.error();
        if (auto status = start(name); !status) return status;
        if (auto status = wait_healthy({name}, patience); !status) return status;
    }
    return Done{};
}

// Health --------------------------------------------------------------------------------------------------------------

Result<std::vector<NodeHealth>> Cluster::health() const {
    const auto now = state();
    if (!now) return now.error();
    std::map<std::string, std::vector<std::string>> by_host;
    for (const auto& node : now->nodes) by_host[node.host()].push_back(node.manifest.name);
    // All hosts at once: one that is cut off must not make the others wait.
    std::vector<std::future<std::vector<NodeState>>> answers;
    for (const auto& [name, there] : by_host) {
        const auto host = this->host(*now, name);
        if (!host) return host.error();
        answers.push_back(
            std::async(by_host.size() > 1 ? std::launch::async : std::launch::deferred, [host = *host, nodes = &there] {
                if (auto states = host->states(*nodes)) return std::move(*states);
                std::vector<NodeState> unknown;
                for (const auto& node : *nodes) {
                    unknown.emplace_back().name = node;
                    unknown.back().state = "unreachable";
                }
                return unknown;
            }));
    }
    std::map<std::string, NodeState> states;
    for (auto& answer : answers)
        for (auto& state : answer.get()) states[state.name] = std::move(state);
    std::vector<NodeHealth> out;
    for (const auto& node : now->nodes) out.push_back(health_of(*now, node, states[node.manifest.name]));
    return out;
}

Status Cluster::wait_healthy(const std::vector<std::string>& names, std::chrono::milliseconds patience) {
    const auto genesis = this->genesis();
    if (!genesis) return genesis.error();
    const auto lag_max = apparent_lag_max(genesis->parameters);
    const auto deadline = SteadyClock::now() + patience;
    std::string last;
    for (;;) {
        const auto nodes = health();
        if (!nodes) return nodes.error();
        std::string waiting;
        std::size_t well = 0;
        bool hopeless = false;
        for (const auto& node : *nodes) {
            if (std::ranges::find(names, node.name) == names.end()) continue;
            const auto what = trouble(node, *nodes, lag_max);
            if (what.empty())
                ++well;
            else
                waiting += (waiting.empty() ? "" : ", ") + node.name + " (" + what + ")";
            hopeless = hopeless || node.state == "dead";
        }
        if (waiting.empty()) return Done{};
        if (hopeless || SteadyClock::now() > deadline)
            return make_error(ErrorCode::unavailable, "not healthy: " + waiting + "; see `troupe logs`");
        const auto text = std::to_string(well) + " of " + std::to_string(names.size()) + " nodes ready";
        if (text != last) say(text);
        last = text;
        std::this_thread::sleep_for(poll);
    }
}

Status Cluster::wait_healthy(std::chrono::milliseconds patience) { return wait_healthy(names(), patience); }

Result<std::vector<NodeView>> Cluster::look(const std::vector<std::string>& nodes, const std::string& path,
                                            std::uint32_t patience_ms) const {
    const auto now = state();
    if (!now) return now.error();
    std::map<std::string, std::vector<std::string>> by_host;
    for (const auto& name : nodes)
        if (const auto* node = now->find(name); node != nullptr) by_host[node->host()].push_back(name);
    std::vector<std::future<Result<std::vector<NodeView>>>> answers;
    for (const auto& [name, there] : by_host) {
        const auto host = this->host(*now, name);
        if (!host) return host.error();
        answers.push_back(std::async(
            by_host.size() > 1 ? std::launch::async : std::launch::deferred,
            [host = *host, asked = &there, &path, patience_ms] { return host->look(*asked, path, patience_ms); }));
    }
    std::map<std::string, NodeView> views;
    for (auto& answer : answers)
        if (auto there = answer.get())
            for (auto& view : *there) views[view.node] = std::move(view);
    std::vector<NodeView> out;
    for (const auto& name : nodes) {
        auto& view = views[name];
        view.node = name;
        out.push_back(std::move(view));
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
