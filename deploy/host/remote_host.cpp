#include "deploy/host/remote_host.hpp"

namespace troupe {
namespace {

using std::chrono::milliseconds;
/// Stopping takes up to the graces of LocalHost.
constexpr milliseconds work_patience{30'000};
/// What is asked again and again must not hold up the rest when a host is cut off.
constexpr milliseconds look_patience{3000};

}  // namespace

RemoteHost::RemoteHost(std::unique_ptr<operator_link::Client> client, std::string name, std::string cluster)
    : client_(std::move(client)), name_(std::move(name)), cluster_(std::move(cluster)) {}

Result<std::unique_ptr<RemoteHost>> RemoteHost::create(const operator_link::Credentials& credentials,
                                                       const std::string& name, const std::string& address,
                                                       std::uint16_t agent_port, std::string cluster) {
    auto client = operator_link::Client::create(credentials, {address, agent_port, operator_link::Kind::agent, name});
    if (!client) return client.error();
    return std::unique_ptr<RemoteHost>(new RemoteHost{std::move(*client), name, std::move(cluster)});
}

HostCall RemoteHost::about(const std::string& node) const {
    HostCall call;
    call.cluster = cluster_;
    call.node = node;
    return call;
}

template <class Reply>
Result<Reply> RemoteHost::ask(const char* method, const HostCall& call, milliseconds patience) {
    auto reply = client_->request<Reply>(method, call, patience);
    if (reply) return reply;
    auto message = "host " + name_ + ": " + reply.error().message;
    if (reply.error().code == ErrorCode::unavailable && message.find("agent") == std::string::npos)
        message += "; is `troupe agent` running there?";
    // Calls carry fields in order: another version has others.
    if (reply.error().code == ErrorCode::malformed) message += "; does its agent run another version of troupe?";
    return make_error(reply.error().code, std::move(message));
}

Status RemoteHost::tell(const char* method, const HostCall& call) {
    const auto reply = ask<NoReply>(method, call, work_patience);
    return reply ? Status{Done{}} : reply.error();
}

Result<AgentFacts> RemoteHost::facts() { return ask<AgentFacts>(host_method::facts, about(""), look_patience); }

Status RemoteHost::give_credentials(const operator_link::Credentials& credentials) {
    const auto reply = client_->request<NoReply>(host_method::credentials, credentials, work_patience);
    return reply ? Status{Done{}} : make_error(reply.error().code, "host " + name_ + ": " + reply.error().message);
}

Status RemoteHost::install(const NodePackage& package) {
    auto call = about(package.config.name);
    call.package = package;
    return tell(host_method::install, call);
}

Status RemoteHost::check_ports(const std::vector<WantedPort>& ports) {
    auto call = about("");
    call.ports = ports;
    return tell(host_method::check_ports, call);
}

Status RemoteHost::start(const std::string& node) { return tell(host_method::start, about(node)); }

Result<std::uint64_t> RemoteHost::stop(const std::vector<std::string>& nodes) {
    auto call = about("");
    call.nodes = nodes;
    const auto reply = ask<Count>(host_method::stop, call, work_patience);
    if (!reply) return reply.error();
    return reply->count;
}

Status RemoteHost::reload(const std::string& node) { return tell(host_method::reload, about(node)); }
Status RemoteHost::drain(const std::string& node) { return tell(host_method::drain, about(node)); }
Status RemoteHost::remove(const std::string& node) { return tell(host_method::remove, about(node)); }

Result<std::vector<NodeState>> RemoteHost::states(const std::vector<std::string>& nodes) {
    auto call = about("");
    call.nodes = nodes;
    auto reply = ask<NodeStates>(host_method::states, call, look_patience);
    if (!reply) return reply.error();
    if (reply->states.size() != nodes.size())
        return make_error(ErrorCode::malformed, "host " + name_ + ": states of other nodes than asked for");
    return std::move(reply->states);
}

Result<std::vector<NodeView>> RemoteHost::look(const std::vector<std::string>& nodes, const std::string& path,
                                               std::uint32_t patience_ms) {
    auto call = about("");
    call.nodes = nodes;
    call.file = path;
    call.offset = patience_ms;
    auto reply = ask<NodeViews>(host_method::look, call, look_patience);
    if (!reply) return reply.error();
    if (reply->views.size() != nodes.size())
        return make_error(ErrorCode::malformed, "host " + name_ + ": views of other nodes than asked for");
    return std::move(reply->views);
}

Result<FilePart> RemoteHost::read_log(const std::string& node, std::uint64_t offset) {
    auto call = about(node);
    call.offset = offset;
    return ask<FilePart>(host_method::read_log, call, look_patience);
}

Result<std::vector<std::string>> RemoteHost::data_files(const std::string& node) {
    auto reply = ask<FileNames>(host_method::data_files, about(node), work_patience);
    if (!reply) return reply.error();
    return std::move(reply->names);
}

Result<FilePart> RemoteHost::read_data(const std::string& node, const std::string& file, std::uint64_t offset) {
    auto call = about(node);
    call.file = file;
    call.offset = offset;
    return ask<FilePart>(host_method::read_data, call, work_patience);
}

Status RemoteHost::write_data(const std::string& node, const std::string& file, std::uint64_t offset,
                              const Bytes& bytes) {
    auto call = about(node);
    call.file = file;
    call.offset = offset;
    call.bytes = bytes;
    return tell(host_method::write_data, call);
}

}  // namespace troupe
