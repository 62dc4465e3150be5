// Cluster: its hosts, and nodes that change theirs.
#include <algorithm>

#include "deploy/cluster/cluster.hpp"
#include "deploy/keys/authority.hpp"
#include "deploy/version.hpp"
#include "runtime/base/clock.hpp"

namespace troupe {
namespace {

[[nodiscard]] Result<operator_link::Credentials> commander() {
    const auto authority = Authority::open(Authority::usual_directory());
    if (!authority) return authority.error();
    return authority->commander();
}

}  // namespace

Result<RemoteHost*> Cluster::remote_host(const ClusterState& state, const std::string& name) const {
    const std::lock_guard lock{*remote_mutex_};
    auto& known = remote_hosts_[name];
    if (known) return known.get();
    const auto facts = std::ranges::find(state.hosts, name, &ManifestHost::name);
    if (facts == state.hosts.end()) return make_error(ErrorCode::not_found, "no [[host]] is called " + name);
    const auto credentials = observer_ ? Result<operator_link::Credentials>{*observer_} : commander();
    if (!credentials) return credentials.error();
    auto host = RemoteHost::create(*credentials, name, facts->address, facts->agent_port, state.name);
    if (!host) return host.error();
    known = std::move(*host);
    return known.get();
}

Result<Host*> Cluster::host(const ClusterState& state, const std::string& name) const {
    if (name == local_host_name && observer_)
        return make_error(ErrorCode::unavailable, "nodes beside the command line have no agent to ask");
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

Status Cluster::renew_agent(const ClusterState& now, const std::string& name, const Authority& authority) const {
    const auto remote = remote_host(now, name);
    if (!remote) return remote.error();
    const auto facts = (*remote)->facts();
    if (!facts) return facts.error();
    if (facts->version != node_version)
        return make_error(ErrorCode::unsupported, "host " + name + ": its agent is troupe " + facts->version +
                                                      ", this is " + node_version + ": run the same version on both");
    const auto last_third = std::uint64_t{certificate_days} * 86'400'000 / 3;
    if (facts->trust == operator_link::trust_fingerprints(authority.trust()) &&
        facts->certificate_end_ms > wall_clock_now().value + last_third)
        return Done{};
    say("giving the agent of " + name + " a new certificate");
    const auto credentials = authority.issue(name, operator_link::Kind::agent, certificate_days);
    if (!credentials) return credentials.error();
    return (*remote)->give_credentials(*credentials);
}

Status Cluster::renew_agents() const {
    const auto now = state();
    if (!now || now->hosts.empty()) return now ? Status{Done{}} : now.error();
    const auto authority = Authority::open(Authority::usual_directory());
    if (!authority) return authority.error();
    // One that can't be told, perhaps because its own certificate was revoked, must not keep the others from learning.
    Status out = Done{};
    for (const auto& host : now->hosts)
        if (auto status = renew_agent(*now, host.name, *authority); !status && out) out = status;
    return out;
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
    bool has_moved = false;
    for (auto& node : now->nodes) {
        if (node.moving_from.empty()) continue;
        has_moved = true;
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
    // Gateways show where nodes are.
    return has_moved ? install(*now) : Status{Done{}};
}

}  // namespace troupe
