// Cluster: starting, stopping and waiting, never without a quorum.
#include <algorithm>
#include <thread>
#include <utility>

#include "deploy/cluster/cluster.hpp"
#include "runtime/ledger/genesis.hpp"

namespace troupe {

using SteadyClock = std::chrono::steady_clock;

namespace {

[[nodiscard]] bool is_draining(const std::string& state) { return state == "draining" || state == "drained"; }

}  // namespace

std::vector<WantedPort> Cluster::ports_of(const ManifestNode& node) {
    std::vector<WantedPort> out{{node.name, node.address, node.link_port}};
    if (node.rpc_port != 0) out.push_back({node.name, node.rpc_host, node.rpc_port});
    return out;
}

Status Cluster::start(const std::string& name) {
    const auto now = state();
    if (!now) return now.error();
    if (const auto* node = now->find(name); node != nullptr && !node->moving_from.empty())
        return make_error(ErrorCode::invalid, name + " is on its way from " + node->moving_from + " to " +
                                                  node->manifest.host + "; `troupe up` completes the move");
    const auto host = host_of(*now, name);
    if (!host) return host.error();
    // One that was told to drain takes work again in a new process only.
    if (const auto states = (*host)->states({name}); states && is_draining(states->front().state))
        if (const auto stopped = (*host)->stop({name}); !stopped) return stopped.error();
    return (*host)->start(name);
}

Result<std::size_t> Cluster::start_all() {
    const auto now = state();
    if (!now) return now.error();
    const auto nodes = health();
    if (!nodes) return nodes.error();
    // All ports first: a conflict must not leave half a cluster running.
    std::vector<const NodeHealth*> idle;
    for (const auto& node : *nodes) {
        if ((node.runs() && !is_draining(node.state)) || node.state == "unreachable") continue;
        idle.push_back(&node);
        if (node.runs()) continue;
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
    // One host that is away does not keep those of the others running.
    Status out = Done{};
    for (const auto& [name, there] : by_host) {
        const auto host = this->host(*now, name);
        if (!host) return host.error();
        const auto stopped = (*host)->stop(there);
        if (stopped)
            count += *stopped;
        else if (out)
            out = stopped.error();
    }
    if (!out && by_host.size() > 1)
        return make_error(out.error().code, out.error().message + "; on the other hosts " + std::to_string(count) +
                                                " nodes were stopped");
    if (!out) return out.error();
    return count;
}

Result<std::size_t> Cluster::stop_all() {
    const auto now = state();
    if (!now) return now.error();
    return stop(names());
}

Status Cluster::wait_quorum_without(const std::string& name, std::chrono::milliseconds patience) const {
    const auto deadline = SteadyClock::now() + patience;
    bool told = false;
    for (;;) {
        const auto nodes = health();
        if (!nodes) return nodes.error();
        std::size_t validators = 0;
        std::size_t ready = 0;
        // Neither ready nor stopped: they may come.
        std::size_t coming = 0;
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
            } else if (node.state != "stopped" && !is_draining(node.state)) {
                ++coming;
            }
        }
        // Three or fewer validators have no quorum without one: it can only be quick.
        if (faulty_max(validators) == 0 || ready >= quorum(validators)) return Done{};
        if (SteadyClock::now() > deadline || ready + coming < quorum(validators))
            return make_error(ErrorCode::unavailable, name + " is not stopped: only " + std::to_string(ready) +
                                                          " of the other validators are ready, " +
                                                          std::to_string(quorum(validators)) + " make a quorum");
        if (!std::exchange(told, true)) say("waiting until the others make a quorum without " + name);
        std::this_thread::sleep_for(poll);
    }
}

Status Cluster::restart(const std::vector<std::string>& nodes, std::chrono::milliseconds patience) {
    const auto before = health();
    if (!before) return before.error();
    // Those that are down first, at once: the others may need them for their quorum.
    std::vector<std::string> down;
    for (const auto& node : *before)
        if (!node.runs() && std::ranges::find(nodes, node.name) != nodes.end()) down.push_back(node.name);
    for (const auto& name : down) {
        say("starting " + name);
        if (auto status = start(name); !status) return status;
    }
    if (!down.empty())
        if (auto status = wait_healthy(down, patience); !status) return status;
    for (const auto& name : nodes) {
        if (std::ranges::find(down, name) != down.end()) continue;
        if (auto status = wait_quorum_without(name, patience); !status) return status;
        say("restarting " + name);
        if (auto stopped = stop({name}); !stopped) return stopped.error();
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

}  // namespace troupe
