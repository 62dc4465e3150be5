// The whole cluster as its nodes tell it: asks every node's inspection endpoint at once, those of other hosts through
// their agents, and says of those that do not answer what the host knows of their processes. Never waits longer than
// its patience.
#pragma once

#include "deploy/cluster/cluster.hpp"
#include "deploy/inspect/report.hpp"
#include "runtime/actor/trace.hpp"

namespace troupe {

/// Where a gateway serves a node's metrics: the node's name follows.
inline constexpr std::string_view metrics_path = "/dashboard/metrics/";

struct HostReport {
    std::string name;
    std::vector<NodeReport> nodes;

    static constexpr auto reflect() {
        return fields("HostReport", field("name", &HostReport::name), field("nodes", &HostReport::nodes));
    }
};

struct ClusterReport {
    std::string name;
    std::uint64_t time_us = 0;
    std::vector<HostReport> hosts;

    static constexpr auto reflect() {
        return fields("ClusterReport", field("name", &ClusterReport::name), field("time_us", &ClusterReport::time_us),
                      field("hosts", &ClusterReport::hosts));
    }
};

/// A station of a transaction on one node.
struct TraceStep {
    std::string node;
    TraceEvent event;

    static constexpr auto reflect() {
        return fields("TraceStep", field("node", &TraceStep::node), field("event", &TraceStep::event));
    }
};

class Collector {
public:
    explicit Collector(std::filesystem::path cluster_directory, unsigned patience_ms = 400)
        : Collector(Cluster{std::move(cluster_directory)}, patience_ms) {}
    Collector(Cluster cluster, unsigned patience_ms) : cluster_(std::move(cluster)), patience_ms_(patience_ms) {}

    [[nodiscard]] Result<ClusterReport> report() const;
    /// ActorDetail as JSON. ErrorCode::not_found, or unavailable if the node does not answer.
    [[nodiscard]] Result<Json> actor(const std::string& node, const std::string& actor) const;
    /// {"next": N, "messages": [...]}
    [[nodiscard]] Result<Json> messages(const std::string& node, const std::string& actor, std::uint64_t from) const;
    /// The stations of a transaction in order of time; empty if no node remembers it.
    [[nodiscard]] Result<std::vector<TraceStep>> trace(const TransactionHash& transaction) const;
    /// For Prometheus' file_sd_configs and http_sd_configs: one group a node that runs, labelled with its name and
    /// host. Endpoints listen on their hosts' loopback, so each is asked by way of `gateway` ("host:port"); if
    /// `direct`, those of this host are not. What can't be asked is left out.
    [[nodiscard]] Result<Json> scrape_targets(const std::string& gateway, bool direct) const;
    /// In Prometheus' text format.
    [[nodiscard]] Result<std::string> metrics(const std::string& node) const;
    [[nodiscard]] const Cluster& cluster() const noexcept { return cluster_; }

private:
    [[nodiscard]] Result<NodeView> look(const std::string& node, const std::string& path) const;
    [[nodiscard]] Result<Json> get(const std::string& node, const std::string& path) const;
    [[nodiscard]] std::vector<TraceStep> ask_all(const std::vector<std::string>& nodes,
                                                 const std::vector<std::string>& keys) const;

    Cluster cluster_;
    unsigned patience_ms_;
};

}  // namespace troupe
