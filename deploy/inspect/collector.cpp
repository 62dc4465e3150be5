#include "deploy/inspect/collector.hpp"

#include <algorithm>
#include <set>

#include <unistd.h>

#include "deploy/node/node_config.hpp"

namespace troupe {
namespace {

[[nodiscard]] Result<Json> json_of(const NodeView& view) {
    if (view.status == 0) return make_error(ErrorCode::unavailable, view.node + " does not answer");
    auto json = Json::parse(view.body, nullptr, false);
    if (json.is_discarded()) return make_error(ErrorCode::malformed, view.node + " did not answer with JSON");
    if (view.status == 404) return make_error(ErrorCode::not_found, json.value("error", "not found"));
    if (view.status != 200)
        return make_error(ErrorCode::invalid, json.value("error", "HTTP " + std::to_string(view.status)));
    return json;
}

/// Nodes that may answer.
[[nodiscard]] std::vector<std::string> running(const std::vector<NodeHealth>& nodes) {
    std::vector<std::string> out;
    for (const auto& node : nodes)
        if (node.runs()) out.push_back(node.name);
    return out;
}

/// What can be said of a node that can't be asked.
[[nodiscard]] NodeReport silent_node(const NodeHealth& health) {
    NodeReport report;
    report.name = health.name;
    report.index = health.index;
    report.roles = health.roles;
    report.pid = health.pid;
    const bool is_known = health.state == "dead" || health.state == "stopped" || health.state == "starting" ||
                          health.state == "not asked";
    report.state = is_known ? health.state : "unreachable";
    report.height = health.height;
    report.view = health.view;
    return report;
}

[[nodiscard]] std::string this_host() {
    char name[256] = {};
    return gethostname(name, sizeof name - 1) == 0 ? name : "localhost";
}

void read_event(const Json& in, TraceEvent& event) {
    event.unix_us = in.value("unix_us", std::uint64_t{0});
    event.height = in.value("height", std::uint64_t{0});
    event.view = in.value("view", std::uint64_t{0});
    const auto station = in.value("station", "");
    for (std::size_t i = 0; i < station_count; ++i)
        if (station == to_string(static_cast<Station>(i))) event.station = static_cast<Station>(i);
    if (const auto hash = fixed_from_hex<TransactionHash>(in.value("transaction", ""))) event.transaction = *hash;
    if (const auto id = fixed_from_hex<ChunkId>(in.value("chunk", ""))) event.chunk = *id;
}

}  // namespace

Result<ClusterReport> Collector::report() const {
    const auto nodes = cluster_.health();
    if (!nodes) return nodes.error();
    const auto state = cluster_.state();
    if (!state) return state.error();
    const auto views = cluster_.look(running(*nodes), "/inspect", patience_ms_);
    if (!views) return views.error();
    ClusterReport out;
    out.name = state->name;
    out.time_us = TickClock::to_unix_us(ticks_now());
    for (const auto& node : *nodes) {
        auto report = silent_node(node);
        if (const auto view = std::ranges::find(*views, node.name, &NodeView::node); view != views->end()) {
            const auto json = json_of(*view);
            // Another program may have the port that a killed node had.
            if (json && json->value("name", "") == node.name) read_report(*json, report);
        }
        // By the name that the manifest and all commands know it by.
        report.host = node.host;
        auto host = std::ranges::find(out.hosts, report.host, &HostReport::name);
        if (host == out.hosts.end()) host = out.hosts.insert(out.hosts.end(), {report.host, {}});
        host->nodes.push_back(std::move(report));
    }
    return out;
}

Result<Json> Collector::scrape_targets(const std::string& gateway, bool direct) const {
    const auto nodes = cluster_.health();
    if (!nodes) return nodes.error();
    Json out = Json::array();
    for (const auto& node : *nodes) {
        // One that has died stays: its alert is that it can't be scraped.
        if (node.state == "stopped" || node.state == "not asked") continue;
        // Several are asked at one address: instances are told apart by their names.
        Json labels{{"instance", node.name},
                    {"node", node.name},
                    {"host", node.host == local_host_name ? this_host() : node.host}};
        auto target = gateway;
        const auto port = read_text_file(cluster_.directory() / "nodes" / node.name / "inspect.port", 16);
        if (direct && node.host == local_host_name && port)
            target = "127.0.0.1:" + port->substr(0, port->find('\n'));
        else
            labels["__metrics_path__"] = std::string{metrics_path} + node.name;
        if (!target.empty()) out.push_back({{"targets", Json::array({target})}, {"labels", labels}});
    }
    return out;
}

Result<NodeView> Collector::look(const std::string& name, const std::string& path) const {
    const auto nodes = cluster_.health();
    if (!nodes) return nodes.error();
    const auto node = std::ranges::find(*nodes, name, &NodeHealth::name);
    if (node == nodes->end()) return make_error(ErrorCode::not_found, "no node " + name);
    if (node->state == "unreachable")
        return make_error(ErrorCode::unavailable, name + " can't be asked: host " + node->host +
                                                      " does not answer; is `troupe agent` running there?");
    if (!node->runs())
        return make_error(ErrorCode::unavailable,
                          name + " is " + node->state + "; `troupe restart " + name + "` starts it");
    auto views = cluster_.look({name}, path, patience_ms_ + 500);
    if (!views) return views.error();
    return std::move(views->front());
}

Result<Json> Collector::get(const std::string& node, const std::string& path) const {
    const auto view = look(node, path);
    return view ? json_of(*view) : Result<Json>{view.error()};
}

Result<std::string> Collector::metrics(const std::string& node) const {
    auto view = look(node, "/metrics");
    if (!view) return view.error();
    if (view->status != 200) return make_error(ErrorCode::unavailable, node + " does not answer");
    return std::move(view->body);
}

Result<Json> Collector::actor(const std::string& node, const std::string& actor) const {
    return get(node, "/inspect/" + actor);
}

Result<Json> Collector::messages(const std::string& node, const std::string& actor, std::uint64_t from) const {
    return get(node, "/inspect/" + actor + "/messages/" + std::to_string(from));
}

std::vector<TraceStep> Collector::ask_all(const std::vector<std::string>& nodes,
                                          const std::vector<std::string>& keys) const {
    std::string path = "/trace/";
    for (const auto& key : keys) path += (path.ends_with('/') ? "" : ",") + key;
    std::vector<TraceStep> out;
    const auto views = cluster_.look(nodes, path, patience_ms_);
    if (!views) return out;
    for (const auto& view : *views) {
        const auto json = json_of(view);
        if (!json || !json->contains("events")) continue;
        for (const auto& event : (*json)["events"]) {
            TraceStep step;
            step.node = json->value("node", "");
            read_event(event, step.event);
            out.push_back(std::move(step));
        }
    }
    return out;
}

Result<std::vector<TraceStep>> Collector::trace(const TransactionHash& transaction) const {
    const auto health = cluster_.health();
    if (!health) return health.error();
    const auto nodes = running(*health);
    auto steps = ask_all(nodes, {to_hex(transaction.view())});
    std::set<std::string> chunks;
    for (const auto& step : steps)
        if (step.event.chunk != ChunkId{}) chunks.insert(to_hex(step.event.chunk.view()));
    if (!chunks.empty()) {
        auto more = ask_all(nodes, {chunks.begin(), chunks.end()});
        steps.insert(steps.end(), more.begin(), more.end());
    }
    std::ranges::stable_sort(steps, {}, [](const TraceStep& s) { return std::pair{s.event.unix_us, s.event.station}; });
    return steps;
}

}  // namespace troupe
