#include "deploy/agent/agent.hpp"

#include <algorithm>

#include <fmt/chrono.h>
#include <signal.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "deploy/manifest/manifest.hpp"
#include "deploy/version.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/operator_link/protocol.hpp"

namespace troupe {
namespace {

namespace method = host_method;
constexpr std::uint64_t look_ms_max = 2000;

[[nodiscard]] Result<Bytes> done(const Status& status) {
    if (!status) return status.error();
    return encode(NoReply{});
}

template <class T>
[[nodiscard]] Result<Bytes> reply(const Result<T>& value) {
    if (!value) return value.error();
    return encode(*value);
}

/// Only what the inspection endpoints themselves show to anyone on the host.
[[nodiscard]] Result<Bytes> look(LocalHost& host, const HostCall& call) {
    if (!call.file.starts_with("/") || call.file.find_first_of(" \r\n") != std::string::npos)
        return make_error(ErrorCode::invalid, "not a path to look at");
    auto views =
        host.look(call.nodes, call.file, static_cast<std::uint32_t>(std::min<std::uint64_t>(call.offset, look_ms_max)));
    if (!views) return views.error();
    // All must fit into one frame.
    std::size_t bytes = 0;
    for (auto& view : *views) {
        bytes += view.body.size();
        if (bytes <= operator_link::frame_bytes_max / 2) continue;
        view.status = 413;
        view.body = R"({"error":"too much to show at once"})";
    }
    return encode(NodeViews{std::move(*views)});
}

}  // namespace

Agent::Agent(AgentOptions options, operator_link::Credentials credentials, FileLock lock, std::string name)
    : options_(std::move(options)),
      lock_(std::move(lock)),
      name_(std::move(name)),
      credentials_(std::move(credentials)) {}

Agent::~Agent() { server_.reset(); }

Result<std::unique_ptr<Agent>> Agent::start(AgentOptions options) {
    const auto text = read_text_file(options.credentials_file, 1 << 20);
    if (!text) return text.error();
    auto credentials = operator_link::from_bundle(*text);
    if (!credentials)
        return make_error(credentials.error().code, options.credentials_file.string() + ": " +
                                                        credentials.error().message +
                                                        "; `troupe keys ca issue HOST` makes such a file");
    const auto certificate = operator_link::read_certificate(credentials->certificate);
    if (!certificate) return certificate.error();
    if (certificate->kind != operator_link::Kind::agent)
        return make_error(ErrorCode::invalid, options.credentials_file.string() + " is for a " +
                                                  operator_link::to_string(certificate->kind) +
                                                  "; `troupe keys ca issue HOST` makes one for an agent");
    std::error_code error;
    std::filesystem::create_directories(options.directory, error);
    if (error) return make_error(ErrorCode::io, options.directory.string() + ": " + error.message());
    auto lock = FileLock::take(options.directory / "lock");
    if (!lock)
        return make_error(ErrorCode::already_exists, options.directory.string() + ": another agent is at work there");
    std::unique_ptr<Agent> agent{new Agent{std::move(options), *credentials, std::move(*lock), certificate->name}};
    for (std::filesystem::directory_iterator it{agent->options_.directory, error}, end; !error && it != end;
         it.increment(error))
        if (is_valid_name(it->path().filename().string()) && it->is_directory())
            static_cast<void>(agent->cluster(it->path().filename().string()));
    operator_link::ServerOptions server;
    server.host = agent->options_.listen_host;
    server.port = agent->options_.listen_port;
    auto started =
        operator_link::Server::start(server, *credentials,
                                     [self = agent.get()](operator_link::Caller& caller, const std::string& name,
                                                          ByteView body) { return self->answer(caller, name, body); });
    if (!started) return started.error();
    agent->server_ = std::move(*started);
    return agent;
}

Agent::ClusterHost& Agent::cluster(const std::string& name) {
    const std::lock_guard lock{mutex_};
    auto& cluster = clusters_[name];
    if (!cluster) cluster = std::make_unique<ClusterHost>(options_.directory / name, options_.executable);
    return *cluster;
}

Result<Bytes> Agent::answer(operator_link::Caller& caller, const std::string& name, ByteView body) {
    const auto& who = caller.who();
    // Gateways show the whole cluster.
    const bool may_look = who.kind == operator_link::Kind::node && (name == method::states || name == method::look);
    if (who.kind != operator_link::Kind::commander && !may_look) {
        spdlog::warn("{} ({} \"{}\") may not tell an agent to {}", caller.address(), operator_link::to_string(who.kind),
                     who.name, name);
        return make_error(ErrorCode::unauthorized, std::string{"a certificate of kind "} +
                                                       operator_link::to_string(who.kind) +
                                                       " can't tell agents what to do");
    }
    if (name == method::credentials) {
        const auto credentials = decode<operator_link::Credentials>(body);
        return credentials ? done(take_credentials(*credentials)) : Result<Bytes>{credentials.error()};
    }
    // Before anything is decoded: another version of the command line shall learn which this is.
    if (name == method::facts) return encode(facts());
    auto call = decode<HostCall>(body);
    if (!call)
        return make_error(call.error().code,
                          call.error().message + " (the agent is troupe " + std::string{node_version} + ")");
    if (!is_valid_name(call->cluster)) return make_error(ErrorCode::invalid, "not the name of a cluster");
    for (const auto& node : call->nodes)
        if (!is_valid_name(node)) return make_error(ErrorCode::invalid, "not the name of a node");
    const bool about_one =
        name != method::stop && name != method::states && name != method::check_ports && name != method::look;
    if (about_one && !is_valid_name(call->node)) return make_error(ErrorCode::invalid, "not the name of a node");
    if (name != method::states && name != method::look && name != method::read_log && name != method::read_data &&
        name != method::write_data)
        spdlog::info("{} ({}): {} {} {}", caller.address(), who.name, name, call->cluster, call->node);
    return answer_call(name, *call);
}

Result<Bytes> Agent::answer_call(const std::string& name, HostCall& call) {
    auto& there = cluster(call.cluster);
    auto& host = there.host;
    // Looking does not wait for whatever is being done.
    if (name == method::states) {
        auto states = host.states(call.nodes);
        if (!states) return states.error();
        const std::lock_guard lock{mutex_};
        for (auto& state : *states)
            if (const auto it = there.back_offs.find(state.name); it != there.back_offs.end())
                state.restarts = it->second.restarts();
        return encode(NodeStates{std::move(*states)});
    }
    if (name == method::look) return look(host, call);
    if (name == method::read_log) return reply(host.read_log(call.node, call.offset));
    const std::lock_guard lock{there.changing};
    if (name == method::check_ports) return done(host.check_ports(call.ports));
    if (name == method::install) {
        if (call.package.config.name != call.node || call.package.genesis.empty())
            return make_error(ErrorCode::invalid, "a package without its genesis or of another node");
        return done(host.install(call.package));
    }
    if (name == method::start) {
        const std::lock_guard guard{mutex_};
        there.back_offs.erase(call.node);
        return done(host.start(call.node));
    }
    if (name == method::stop) {
        const auto stopped = host.stop(call.nodes);
        if (!stopped) return stopped.error();
        return encode(Count{*stopped});
    }
    if (name == method::reload) return done(host.reload(call.node));
    if (name == method::drain) return done(host.drain(call.node));
    if (name == method::remove) return done(host.remove(call.node));
    if (name == method::data_files) {
        auto names = host.data_files(call.node);
        if (!names) return names.error();
        return encode(FileNames{std::move(*names)});
    }
    if (name == method::read_data) return reply(host.read_data(call.node, call.file, call.offset));
    if (name == method::write_data) return done(host.write_data(call.node, call.file, call.offset, call.bytes));
    return make_error(ErrorCode::unsupported, "this agent (version " + std::string{node_version} +
                                                  ") does not know how to " + name.substr(0, 64));
}

AgentFacts Agent::facts() {
    AgentFacts facts;
    facts.name = name_;
    facts.version = node_version;
    facts.directory = options_.directory.string();
    facts.processors = std::thread::hardware_concurrency();
    const std::lock_guard lock{mutex_};
    for (const auto& [name, cluster] : clusters_) facts.clusters.push_back(name);
    if (const auto certificate = operator_link::read_certificate(credentials_.certificate)) {
        facts.certificate = certificate->fingerprint;
        facts.certificate_end_ms = certificate->not_after.value;
    }
    facts.trust = operator_link::trust_fingerprints(credentials_.trust);
    return facts;
}

Status Agent::take_credentials(const operator_link::Credentials& credentials) {
    // Through the checks of the file, so that what is kept can be used at the next start.
    const auto checked = operator_link::from_bundle(operator_link::to_bundle(credentials));
    if (!checked) return checked.error();
    const auto certificate = operator_link::read_certificate(checked->certificate);
    if (!certificate) return certificate.error();
    if (certificate->name != name_ || certificate->kind != operator_link::Kind::agent)
        return make_error(ErrorCode::invalid, "the certificate is not for agent " + name_);
    const std::lock_guard lock{mutex_};
    if (auto status = write_text_file(options_.credentials_file, operator_link::to_bundle(*checked), true); !status)
        return status;
    credentials_ = *checked;
    spdlog::info("new certificate {}, valid until {:%Y-%m-%d}", certificate->fingerprint,
                 fmt::gmtime(static_cast<std::time_t>(certificate->not_after.value / 1000)));
    return server_->set_credentials(*checked);
}

void Agent::look_after() {
    std::vector<std::pair<std::string, ClusterHost*>> all;
    {
        const std::lock_guard lock{mutex_};
        for (const auto& [name, cluster] : clusters_) all.emplace_back(name, cluster.get());
    }
    for (const auto& [name, there] : all) {
        const std::unique_lock changing{there->changing, std::try_to_lock};
        if (!changing) continue;
        for (const auto& node : there->host.wanted()) {
            const auto process = there->host.process(node);
            if (!process || is_alive(*process)) continue;
            const auto now = wall_clock_now();
            const std::lock_guard lock{mutex_};
            auto& back_off = there->back_offs[node];
            if (!back_off.may_start(now)) continue;
            back_off.started(now);
            if (const auto status = there->host.start(node); status)
                spdlog::warn("{} of {} ended by itself: started again ({} times)", node, name, back_off.restarts());
            else
                spdlog::error("{} of {} ended by itself and does not start: {}", node, name, status.error().message);
        }
    }
}

int run_agent(const AgentOptions& options) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    signal(SIGPIPE, SIG_IGN);
    auto logger = spdlog::stdout_logger_mt("agent");
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%L%$ %n %v");
    logger->flush_on(spdlog::level::info);
    spdlog::set_default_logger(logger);

    auto agent = Agent::start(options);
    if (!agent) {
        spdlog::critical("can't start: {}", agent.error().message);
        return 1;
    }
    spdlog::info("agent of host {} on {}:{}, nodes in {}", (*agent)->name(), options.listen_host, (*agent)->port(),
                 options.directory.string());
    for (;;) {
        const timespec half_second{0, 500'000'000};
        const int number = sigtimedwait(&signals, nullptr, &half_second);
        if (number == SIGTERM || number == SIGINT) break;
        (*agent)->look_after();
    }
    spdlog::info("stopping; nodes go on");
    return 0;
}

}  // namespace troupe
