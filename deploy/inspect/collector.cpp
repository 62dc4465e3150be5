#include "deploy/inspect/collector.hpp"

#include <algorithm>
#include <charconv>
#include <set>

#include <unistd.h>

#include "deploy/node/node_config.hpp"

namespace troupe {
namespace {

[[nodiscard]] Result<Json> json_of(const Result<HttpReply>& reply) {
    if (!reply) return reply.error();
    auto json = Json::parse(reply->body, nullptr, false);
    if (json.is_discarded()) return make_error(ErrorCode::malformed, "a node did not answer with JSON");
    if (reply->status == 404) return make_error(ErrorCode::not_found, json.value("error", "not found"));
    if (reply->status != 200)
        return make_error(ErrorCode::invalid, json.value("error", "HTTP " + std::to_string(reply->status)));
    return json;
}

/// What can be said of a node that can't be asked.
[[nodiscard]] NodeReport silent_node(const NodeHealth& health, std::uint32_t index) {
    NodeReport report;
    report.name = health.name;
    report.index = index;
    report.roles = health.roles;
    report.pid = health.pid;
    const bool is_down = health.state == "dead" || health.state == "stopped" || health.state == "starting";
    report.state = is_down ? health.state : "unreachable";
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

Result<std::vector<Collector::Endpoint>> Collector::endpoints() const {
    auto health = cluster_.health();
    if (!health) return health.error();
    const auto state = cluster_.state();
    if (!state) return state.error();
    std::vector<Endpoint> out;
    for (auto& node : *health) {
        Endpoint endpoint;
        const auto known = std::ranges::find(state->nodes, node.name, [](const auto& n) { return n.manifest.name; });
        if (known != state->nodes.end()) endpoint.index = known->index;
        // The file is the node's own; a node that does not run has left its old one behind.
        if (node.pid != 0)
            if (const auto text = read_text_file(cluster_.directory() / "nodes" / node.name / "inspect.port", 16))
                std::from_chars(text->data(), text->data() + text->size(), endpoint.port);
        endpoint.health = std::move(node);
        out.push_back(std::move(endpoint));
    }
    return out;
}

Result<ClusterReport> Collector::report() const {
    const auto nodes = endpoints();
    if (!nodes) return nodes.error();
    const auto state = cluster_.state();
    if (!state) return state.error();
    std::vector<HttpTarget> targets;
    for (const auto& node : *nodes)
        if (node.port != 0) targets.push_back({"127.0.0.1", node.port, "/inspect"});
    const auto replies = http_get_all(targets, patience_ms_);
    ClusterReport out;
    out.name = state->name;
    out.time_us = TickClock::to_unix_us(ticks_now());
    std::size_t next = 0;
    for (const auto& node : *nodes) {
        auto report = silent_node(node.health, node.index);
        if (node.port != 0) {
            const auto json = json_of(replies[next++]);
            // Another program may have the port that a killed node had.
            if (json && json->value("name", "") == node.health.name) read_report(*json, report);
        }
        if (report.host.empty()) report.host = this_host();
        auto host = std::ranges::find(out.hosts, report.host, &HostReport::name);
        if (host == out.hosts.end()) host = out.hosts.insert(out.hosts.end(), {report.host, {}});
        host->nodes.push_back(std::move(report));
    }
    return out;
}

Result<Json> Collector::scrape_targets() const {
    const auto nodes = endpoints();
    if (!nodes) return nodes.error();
    Json out = Json::array();
    for (const auto& node : *nodes)
        if (node.port != 0)
            out.push_back({{"targets", Json::array({"127.0.0.1:" + std::to_string(node.port)})},
                           {"labels", {{"node", node.health.name}}}});
    return out;
}

Result<Json> Collector::get(const std::string& name, const std::string& path) const {
    const auto nodes = endpoints();
    if (!nodes) return nodes.error();
    const auto node = std::ranges::find(*nodes, name, [](const auto& n) { return n.health.name; });
    if (node == nodes->end()) return make_error(ErrorCode::not_found, "no node " + name);
    if (node->port == 0)
        return make_error(ErrorCode::unavailable,
                          name + " is " + node->health.state + "; `troupe restart " + name + "` starts it");
    return json_of(http_get({"127.0.0.1", node->port, path}, patience_ms_ + 500));
}

Result<Json> Collector::actor(const std::string& node, const std::string& actor) const {
    return get(node, "/inspect/" + actor);
}

Result<Json> Collector::messages(const std::string& node, const std::string& actor, std::uint64_t from) const {
    return get(node, "/inspect/" + actor + "/messages/" + std::to_string(from));
}

std::vector<TraceStep> Collector::ask_all(const std::vector<Endpoint>& endpoints,
                                          const std::vector<std::string>& keys) const {
    std::string path = "/trace/";
    for (const auto& key : keys) path += (path.ends_with('/') ? "" : ",") + key;
    std::vector<HttpTarget> targets;
    for (const auto& node : endpoints)
        if (node.port != 0) targets.push_back({"127.0.0.1", node.port, path});
    std::vector<TraceStep> out;
    for (const auto& reply : http_get_all(targets, patience_ms_)) {
        const auto json = json_of(reply);
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
    const auto nodes = endpoints();
    if (!nodes) return nodes.error();
    auto steps = ask_all(*nodes, {to_hex(transaction.view())});
    std::set<std::string> chunks;
    for (const auto& step : steps)
        if (step.event.chunk != ChunkId{}) chunks.insert(to_hex(step.event.chunk.view()));
    if (!chunks.empty()) {
        auto more = ask_all(*nodes, {chunks.begin(), chunks.end()});
        steps.insert(steps.end(), more.begin(), more.end());
    }
    std::ranges::stable_sort(steps, {}, [](const TraceStep& s) { return std::pair{s.event.unix_us, s.event.station}; });
    return steps;
}

}  // namespace troupe
