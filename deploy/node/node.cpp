#include "deploy/node/node.hpp"

#include <algorithm>
#include <charconv>
#include <thread>

#include <caf/actor_system.hpp>
#include <caf/function_view.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>
#include <malloc.h>
#include <signal.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "actors/chunk_builder/actor.hpp"
#include "actors/chunk_signer/actor.hpp"
#include "actors/consensus/actor.hpp"
#include "actors/execution/admission.hpp"
#include "actors/execution/contract_engine.hpp"
#include "actors/executor/actor.hpp"
#include "actors/gateway/actor.hpp"
#include "actors/gateway/handler.hpp"
#include "actors/vm_pool/actor.hpp"
#include "deploy/dashboard/dashboard.hpp"
#include "deploy/inspect/endpoint.hpp"
#include "deploy/inspect/error_sink.hpp"
#include "deploy/keys/keys.hpp"
#include "deploy/node/drain.hpp"
#include "deploy/node/node_config.hpp"
#include "deploy/node/node_files.hpp"
#include "deploy/node/node_network.hpp"
#include "deploy/node/node_services.hpp"
#include "deploy/node/remote_workers.hpp"
#include "deploy/node/worker_node.hpp"
#include "runtime/actor/observed.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/base/json.hpp"
#include "runtime/crypto/random.hpp"
#include "runtime/crypto/remembered_signatures.hpp"
#include "runtime/ledger/genesis_json.hpp"
#include "runtime/ledger/genesis_signatures.hpp"

namespace troupe {
namespace {

/// Development accounts that a gateway signs for: as many as a manifest has by default.
constexpr std::uint32_t signing_accounts_max = 64;

class Node {
public:
    Node(NodeConfig config, std::filesystem::path directory, caf::actor_system& system)
        : config_(std::move(config)), directory_(std::move(directory)), system_(system) {}

    [[nodiscard]] Status start();
    /// Writes status.json; called twice a second.
    void report();
    /// Reads where peers listen again: one of them has moved.
    void reload();
    /// No new transactions from clients; what is in flight is finished.
    void drain();
    void stop();

private:
    [[nodiscard]] Status load();
    [[nodiscard]] Status spawn_actors();
    [[nodiscard]] Status choose_signatures();
    [[nodiscard]] Status spawn_chain();
    [[nodiscard]] Status start_links();
    [[nodiscard]] Status start_rpc();
    /// From now on the pool gives work to those that the configuration names.
    [[nodiscard]] Status connect_workers(const NodeConfig& config);
    [[nodiscard]] Result<Cluster> shown_cluster(const NodeConfig& config) const;
    void start_inspection();
    [[nodiscard]] bool has_role(std::string_view role) const {
        return std::ranges::find(config_.roles, role) != config_.roles.end();
    }

    NodeConfig config_;
    std::filesystem::path directory_;
    std::string fingerprint_ = configuration_fingerprint(directory_ / "node.json");
    caf::actor_system& system_;
    std::filesystem::path data_;
    std::shared_ptr<const Genesis> genesis_;
    Ed25519Seed seed_;
    std::shared_ptr<const SignatureScheme> scheme_;
    /// Validators only.
    std::shared_ptr<const Signer> own_signer_;
    std::shared_ptr<NodeNetwork> network_;
    std::shared_ptr<link::Hub> hub_;
    std::shared_ptr<gateway::Backend> backend_;
    std::shared_ptr<gateway::Handler> handler_;
    std::shared_ptr<DrainableHandler> drainable_;
    bool draining_ = false;
    std::unique_ptr<rpc::Server> rpc_;
    std::shared_ptr<NodeObserver> observer_;
    std::unique_ptr<InspectEndpoint> inspection_;
    std::shared_ptr<Dashboard> dashboard_;
    vm_pool::Actor vm_pool_;
    executor::Actor executor_;
    chunk_signer::Actor signer_;
    chunk_builder::Actor builder_;
    consensus::Actor consensus_;
    gateway::Actor gateway_;
    NodeServices services_;
    std::shared_ptr<evm::AnalysisCache> code_cache_ = std::make_shared<evm::AnalysisCache>(contract_engine());
};

Status Node::load() {
    auto text = read_text_file(config_.genesis_path);
    if (!text) return text.error();
    auto genesis = genesis_from_json(*text);
    if (!genesis) return make_error(genesis.error().code, config_.genesis_path + ": " + genesis.error().message);
    genesis_ = std::make_shared<const Genesis>(std::move(*genesis));

    auto key_text = read_text_file(config_.identity_path, 1024);
    if (!key_text) return key_text.error();
    while (!key_text->empty() && std::isspace(static_cast<unsigned char>(key_text->back()))) key_text->pop_back();
    const auto seed = fixed_from_hex<Ed25519Seed>(*key_text);
    wipe({reinterpret_cast<std::uint8_t*>(key_text->data()), key_text->size()});
    if (!seed) return make_error(ErrorCode::malformed, config_.identity_path + ": expected 64 hex digits");
    seed_ = *seed;

    const auto n = genesis_->validators.size();
    if (config_.index >= n + genesis_->followers.size())
        return make_error(ErrorCode::invalid, "the genesis has no node with index " + std::to_string(config_.index));
    const auto& known =
        config_.index < n ? genesis_->validators[config_.index] : genesis_->followers[config_.index - n];
    const auto pair = Ed25519KeyPair::from_seed(seed_.view());
    if (!pair || pair->public_key() != known.public_key)
        return make_error(ErrorCode::unauthorized,
                          config_.identity_path + ": is not the key that the genesis pins for " + config_.name);
    data_ = config_.data_directory;
    std::error_code error;
    std::filesystem::create_directories(data_, error);
    if (error) return make_error(ErrorCode::io, data_.string() + ": " + error.message());
    return Done{};
}

/// Of Ed25519 each signature is checked once a process; a BLS aggregate tells nothing about its parts.
Status Node::choose_signatures() {
    const auto kind = genesis_->parameters.signatures;
    auto scheme = make_scheme(*genesis_);
    if (!scheme) return scheme.error();
    std::unique_ptr<Signer> signer;
    if (config_.is_validator) signer = make_signer(kind, seed_);
    if (kind == SignatureKind::ed25519) {
        const auto remembering = std::make_shared<const RememberingScheme>(std::move(*scheme));
        if (signer) signer = make_remembering_signer(std::move(signer), ValidatorIndex{config_.index}, remembering);
        scheme_ = remembering;
    } else {
        scheme_ = std::move(*scheme);
    }
    own_signer_ = std::move(signer);
    return Done{};
}

Status Node::spawn_actors() {
    if (auto status = choose_signatures(); !status) return status;
    network_ = std::make_shared<NodeNetwork>(NodeIndex{config_.index}, *genesis_);
    if (auto status = services_.spawn(
            system_, {genesis_, NodeIndex{config_.index}, config_.roles, data_, scheme_, seed_, network_});
        !status)
        return status;
    // Roles beside the chain need no copy of it.
    return has_role("executor") ? spawn_chain() : Status{Done{}};
}

Status Node::spawn_chain() {
    const auto& parameters = genesis_->parameters;
    const auto n = genesis_->validators.size();
    const auto self = config_.is_validator ? std::optional{ValidatorIndex{config_.index}} : std::nullopt;

    executor::LedgerState::Options ledger_options;
    ledger_options.directory = data_;
    ledger_options.transaction_index = has_role("gateway");
    if (!has_role("gateway") && services_.empty()) ledger_options.blocks_per_save = 16;
    auto ledger = executor::LedgerState::open(*genesis_, ledger_options);
    if (!ledger) return ledger.error();
    const std::shared_ptr<executor::LedgerState> state = std::move(*ledger);
    auto tracker = consensus::restore_tracker(*genesis_, data_, state->executed());
    if (!tracker) return tracker.error();
    auto results = state->recent_results(parameters.execution_delay + 16);
    if (!results) return results.error();
    const auto executed = state->executed();
    const std::shared_ptr<const PayerReader> payers = state->cache();

    const auto transactions = std::make_shared<vm_pool::TransactionCache>();
    vm_pool_ = vm_pool::spawn(system_, {config_.vm_workers, transactions, code_cache_});
    executor_ = executor::spawn(
        system_, {genesis_, state, chunk_signer::chunks_path(data_), transactions, code_cache_, *tracker, vm_pool_,
                  std::min<std::size_t>(config_.vm_workers, std::thread::hardware_concurrency())});

    chunk_signer::ActorOptions signer_options;
    signer_options.config.chain_id = parameters.chain_id;
    signer_options.config.parameters = parameters;
    signer_options.config.self = self;
    signer_options.directory = data_;
    signer_options.scheme = scheme_;
    signer_options.signer = own_signer_;
    signer_options.network = network_;
    signer_options.executor = executor_;
    signer_options.vm_pool = vm_pool_;
    signer_options.transactions = transactions;
    auto spawned_signer = chunk_signer::spawn(system_, std::move(signer_options));
    if (!spawned_signer) return spawned_signer.error();
    signer_ = *spawned_signer;

    consensus::ActorOptions consensus_options;
    consensus_options.genesis = genesis_;
    consensus_options.self = self;
    consensus_options.node = NodeIndex{config_.index};
    consensus_options.directory = data_;
    consensus_options.scheme = scheme_;
    consensus_options.signer = own_signer_;
    consensus_options.network = network_;
    consensus_options.executor = executor_;
    consensus_options.executed = executed;
    consensus_options.recent_results = std::move(*results);
    auto spawned_consensus = consensus::spawn(system_, std::move(consensus_options));
    if (!spawned_consensus) return spawned_consensus.error();
    consensus_ = *spawned_consensus;

    executor::Connections connections;
    connections.fetcher = signer_;
    connections.listeners = {consensus_, signer_};
    for (const auto& listener : services_.listeners()) connections.listeners.push_back(listener);
    for (const auto kind : {FrameKind::consensus, FrameKind::certificate, FrameKind::blocks_request, FrameKind::blocks,
                            FrameKind::storage_receipt})
        network_->add_receiver(kind, consensus_);
    for (const auto kind : {FrameKind::chunk_proposal, FrameKind::chunk_request, FrameKind::chunk_reply})
        network_->add_receiver(kind, signer_);

    if (self) {
        chunk_builder::ActorOptions builder_options{{},     data_,        scheme_,  own_signer_, network_,
                                                    payers, transactions, *tracker, {}};
        builder_options.config.chain_id = parameters.chain_id;
        builder_options.config.parameters = parameters;
        builder_options.config.self = *self;
        builder_options.config.beneficiary = genesis_->validators[self->value].beneficiary;
        builder_options.config.validators = n;
        auto spawned_builder = chunk_builder::spawn(system_, std::move(builder_options));
        if (!spawned_builder) return spawned_builder.error();
        builder_ = *spawned_builder;
        connections.listeners.push_back(builder_);
        for (const auto kind : {FrameKind::submit, FrameKind::chunk_signature}) network_->add_receiver(kind, builder_);
    }
    if (has_role("gateway")) {
        auto chain = std::make_shared<gateway::ChainView>(executor::LedgerState::database_path(data_));
        if (auto status = chain->load_tip(); !status) return status;
        gateway::BackendOptions backend_options{genesis_, data_, payers, transactions, network_, *tracker, {}};
        backend_options.pool.parameters = parameters;
        backend_options.trace = trace_of(system_);
        auto backend = gateway::Backend::open(std::move(backend_options), chain);
        if (!backend) return backend.error();
        backend_ = *backend;
        gateway_ = gateway::spawn(system_, backend_);
        connections.listeners.push_back(gateway_);
        network_->add_receiver(FrameKind::refusals, gateway_);
    }
    caf::anon_send(executor_, std::move(connections));
    return Done{};
}

Status Node::start_links() {
    link::Options options;
    options.self = NodeIndex{config_.index};
    options.self_name = config_.name;
    options.identity = seed_;
    options.network = Hash256::from(hash_of(*genesis_));
    options.listen_host = config_.link_host.empty() ? "127.0.0.1" : config_.link_host;
    options.listen_port = config_.link_port;
    options.kinds = NodeNetwork::kinds();
    for (const auto& peer : config_.peers)
        if (peer.index != config_.index)
            options.peers.push_back({NodeIndex{peer.index}, peer.name, peer.public_key, peer.host, peer.port});
    link::Callbacks callbacks;
    callbacks.on_frame = [network = network_](NodeIndex from, link::Kind kind, Bytes payload) {
        network->deliver(from, static_cast<FrameKind>(kind), std::move(payload));
    };
    const auto n = genesis_->validators.size();
    callbacks.on_peer = [gateway = gateway_, n](NodeIndex peer, bool connected) {
        if (gateway && peer.value < n) caf::anon_send(gateway, peer.value, connected);
    };
    auto hub = link::Hub::create(std::move(options), std::move(callbacks));
    if (!hub) return hub.error();
    hub_ = std::move(*hub);
    network_->set_hub(hub_);
    return hub_->start();
}

/// An identity without a port is a spare one: whoever takes it is told of by a reload.
[[nodiscard]] std::vector<KnownNode> known_nodes(const NodeConfig& config, const Genesis& genesis) {
    std::vector<KnownNode> out(genesis.validators.size() + genesis.followers.size());
    out[config.index] = {config.name, true};
    for (const auto& peer : config.peers)
        if (peer.index < out.size()) out[peer.index] = {peer.name, peer.port != 0};
    return out;
}

void Node::start_inspection() {
    auto options = observer_options(config_, system_);
    options.links = [hub = std::weak_ptr{hub_}] {
        const auto alive = hub.lock();
        return alive ? alive->counters() : std::vector<link::PeerCounters>{};
    };
    observer_ = std::make_shared<NodeObserver>(std::move(options));
    observer_->set_nodes(known_nodes(config_, *genesis_));
    inspection_ = troupe::start_inspection(directory_, observer_);
}

Status Node::start_rpc() {
    if (!backend_ || config_.rpc_port == 0) return Done{};
    gateway::HandlerOptions options;
    options.node_name = config_.name;
    options.version = node_version;
    options.vm_pool = vm_pool_;
    options.code_cache = code_cache_;
    // Those that the genesis funds.
    for (std::uint32_t i = 0; i < signing_accounts_max; ++i) {
        auto key = development_key(i);
        const auto funded = [address = key.address()](const GenesisAccount& a) { return a.address == address; };
        if (std::ranges::none_of(genesis_->accounts, funded)) break;
        options.accounts.push_back(std::move(key));
    }
    auto cluster = shown_cluster(config_);
    if (!cluster) return cluster.error();
    const auto& rpc_host = config_.rpc_host == "0.0.0.0" ? config_.link_host : config_.rpc_host;
    dashboard_ =
        std::make_shared<Dashboard>(std::move(*cluster), observer_, rpc_host + ":" + std::to_string(config_.rpc_port));
    options.get = [dashboard = dashboard_](std::string_view path) { return dashboard->get(path); };
    handler_ = std::make_shared<gateway::Handler>(std::move(options), backend_);
    backend_->set_listener(handler_);
    rpc::ServerOptions server;
    server.host = config_.rpc_host.empty() ? "127.0.0.1" : config_.rpc_host;
    server.port = config_.rpc_port;
    drainable_ = std::make_shared<DrainableHandler>(handler_);
    auto started = rpc::Server::start(server, drainable_);
    if (!started) return started.error();
    rpc_ = std::move(*started);
    spdlog::info("JSON-RPC on http://{}:{} and ws://{}:{}", server.host, rpc_->port(), server.host, rpc_->port());
    return Done{};
}

Status Node::start() {
    if (auto status = load(); !status) return status;
    if (auto status = spawn_actors(); !status) return status;
    if (auto status = start_links(); !status) return status;
    std::string roles;
    for (const auto& role : config_.roles) roles += (roles.empty() ? "" : ", ") + role;
    spdlog::info("runs as node {} with {}; links on {}:{}", config_.index, roles, config_.link_host,
                 hub_->listen_port());
    start_inspection();
    services_.start();
    if (auto status = connect_workers(config_); !status) return status;
    if (consensus_) caf::anon_send(consensus_, start_atom::value);
    return start_rpc();
}

void Node::report() {
    caf::scoped_actor self{system_};
    consensus::NodeStatus status;
    bool answered = !consensus_;
    if (consensus_)
        self->request(consensus_, std::chrono::seconds(2), status_atom::value)
            .receive([&](const consensus::NodeStatus& s) { status = s, answered = true; }, [](const caf::error&) {});
    if (!services_.empty()) {
        const auto services = services_.status(system_);
        answered = answered && services && services->ready;
        if (services) {
            status.role = services->line;
            status.height = std::max(status.height, services->height);
        }
    }
    observer_->set_status(status, answered);
    observer_->sample();
    auto json = to_json_value(status);
    if (inspection_) json["inspect_port"] = inspection_->port();
    json["state"] = !answered ? "starting" : status.catching_up ? "catching_up" : "ready";
    if (draining_) {
        // A validator has nothing of its own: what its builder has not certified, gateways give to others.
        const bool busy = drainable_ && (drainable_->in_flight() > 0 || backend_->pool_size() > 0);
        const std::string state = busy ? "draining" : "drained";
        observer_->set_draining(state);
        json["state"] = state;
    }
    json["peers"] = Json::array();
    for (const auto& peer : hub_->counters())
        if (peer.connected) json["peers"].push_back(peer.index.value);
    write_node_status(directory_, config_, fingerprint_, std::move(json));
}

void Node::reload() {
    const auto file = directory_ / "node.json";
    const auto config = read_node_config(file);
    if (!config) return spdlog::error("can't reload: {}", config.error().message);
    for (const auto& peer : config->peers)
        if (peer.index != config_.index) hub_->relocate(NodeIndex{peer.index}, peer.host, peer.port);
    observer_->set_nodes(known_nodes(*config, *genesis_));
    spdlog::info("reloaded where {} peers listen", config->peers.size());
    auto rest = *config;
    rest.peers = config_.peers;
    rest.workers = config_.workers;
    rest.credentials_path = config_.credentials_path;
    rest.credentials_fingerprint = config_.credentials_fingerprint;
    if (rest != config_) {
        spdlog::warn("{} changes more than where peers and workers listen: that takes a restart", file.string());
        return;
    }
    if (const auto status = connect_workers(*config); !status)
        return spdlog::error("workers: {}", status.error().message);
    if (dashboard_) {
        auto cluster = shown_cluster(*config);
        if (!cluster) return spdlog::error("the page: {}", cluster.error().message);
        dashboard_->look_at(std::move(*cluster));
    }
    fingerprint_ = configuration_fingerprint(file);
}

Result<Cluster> Node::shown_cluster(const NodeConfig& config) const {
    // Among hosts with agents a gateway asks those; else the nodes lie side by side: DIR/nodes/NAME.
    if (!std::filesystem::exists(directory_ / "cluster.json"))
        return Cluster{std::filesystem::absolute(directory_).parent_path().parent_path()};
    auto credentials = read_credentials(config);
    if (!credentials) return credentials.error();
    return Cluster{directory_, std::move(*credentials)};
}

Status Node::connect_workers(const NodeConfig& config) {
    if (!vm_pool_) return Done{};
    auto targets = remote_targets(config);
    if (!targets) return targets.error();
    caf::anon_send(vm_pool_, std::move(*targets));
    return Done{};
}

void Node::drain() {
    draining_ = true;
    if (drainable_) drainable_->drain();
    spdlog::info("draining: no new transactions from clients");
}

void Node::stop() {
    spdlog::info("stopping");
    if (rpc_) rpc_->stop(2000);
    if (inspection_) inspection_->stop();
    services_.stop(system_);
    if (hub_) hub_->stop(500);
    if (network_) network_->close();
    const auto end = [](const auto& actor) {
        if (actor) caf::anon_send(actor, stop_atom::value);
    };
    // Those who feed others first.
    end(gateway_);
    end(builder_);
    end(consensus_);
    end(signer_);
    end(executor_);
    end(vm_pool_);
    rpc_.reset();
    inspection_.reset();
    drainable_.reset();
    handler_.reset();
    dashboard_.reset();
    hub_.reset();
    gateway_ = nullptr;
    builder_ = nullptr;
    consensus_ = nullptr;
    signer_ = nullptr;
    executor_ = nullptr;
    vm_pool_ = nullptr;
}

/// Until SIGTERM or SIGINT.
template <class AnyNode>
int run(AnyNode& node, const sigset_t& signals) {
    if (const auto status = node.start(); !status) {
        spdlog::critical("can't start: {}", status.error().message);
        node.stop();
        return 1;
    }
    for (;;) {
        const timespec half_second{0, 500'000'000};
        const int signal_number = sigtimedwait(&signals, nullptr, &half_second);
        if (signal_number == SIGTERM || signal_number == SIGINT) break;
        if (signal_number == SIGHUP) node.reload();
        if (signal_number == SIGUSR1) node.drain();
        // What has changed is told at once.
        node.report();
    }
    node.stop();
    return 0;
}

/// A chunk's or block's buffers come and go many times a second: giving them back to the kernel each time costs a page
/// fault for every 4 KiB of the next ones. What is kept is bounded, and so is the number of heaps that keep it.
void keep_memory() {
    mallopt(M_MMAP_THRESHOLD, 8 << 20);
    mallopt(M_TRIM_THRESHOLD, 16 << 20);
    mallopt(M_TOP_PAD, 1 << 20);
    mallopt(M_ARENA_MAX, 4);
}

}  // namespace

int run_node(const std::filesystem::path& directory) {
    keep_memory();
    // Signals are taken by this thread only, so block them before any other thread is made.
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    signal(SIGPIPE, SIG_IGN);

    auto config = read_node_config(directory / "node.json");
    if (!config) {
        std::fprintf(stderr, "troupe node: %s\n", config.error().message.c_str());
        return 1;
    }
    auto logger = spdlog::stdout_logger_mt(config->name);
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%L%$ %n %v");
    logger->set_level(spdlog::level::from_str(config->log_level));
    logger->sinks().push_back(std::make_shared<ActorErrorSink>());
    logger->flush_on(spdlog::level::info);
    spdlog::set_default_logger(logger);

    ObservedConfig caf_config;
    caf_config.add_message_types<caf::id_block::troupe_executor>();
    caf_config.add_message_types<caf::id_block::troupe_consensus>();
    caf_config.add_message_types<caf::id_block::troupe_vm_pool>();
    caf_config.add_message_types<caf::id_block::troupe_services>();
    // Work stealing polls: with several nodes on a host that costs each of them.
    caf_config.set("scheduler.policy", caf::atom("sharing"));
    caf_config.set("scheduler.max-threads", std::max<std::size_t>(config->vm_workers, 2));
    caf::actor_system system{caf_config};

    const bool is_worker = config->roles == std::vector<std::string>{"vm_pool"};
    if (is_worker) {
        WorkerNode node{std::move(*config), directory, system};
        return run(node, signals);
    }
    Node node{std::move(*config), directory, system};
    return run(node, signals);
}

}  // namespace troupe
