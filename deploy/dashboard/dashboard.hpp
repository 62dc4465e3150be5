// The web page that a gateway serves, and what the page asks for.
//
//     /                              the page; /style.css and /app.js with it
//     /dashboard/cluster             ClusterReport
//     /dashboard/actor/NODE/ACTOR    ActorDetail
//     /dashboard/trace/HASH          TraceSteps of a transaction
//     /dashboard/targets             for Prometheus' http_sd_configs: all nodes that run, by way of this gateway
//     /dashboard/metrics/NODE        a node's metrics
//
// Blocks and transactions it takes from the gateway's JSON-RPC like any other client.
#pragma once

#include <condition_variable>
#include <thread>

#include "deploy/inspect/collector.hpp"
#include "deploy/inspect/endpoint.hpp"

namespace troupe {

class Dashboard {
public:
    /// `own` answers alone where the cluster's directory has no cluster. `address` is this gateway's, "host:port".
    Dashboard(Cluster cluster, std::shared_ptr<NodeObserver> own, std::string address);
    ~Dashboard();
    Dashboard(const Dashboard&) = delete;
    Dashboard& operator=(const Dashboard&) = delete;

    /// From now on, in place of the one before: its credentials have been renewed. Thread-safe.
    void look_at(Cluster cluster);
    /// Thread-safe; waits for other nodes only as long as a person would not notice.
    [[nodiscard]] std::optional<rpc::HttpAnswer> get(std::string_view path);

private:
    void run();
    [[nodiscard]] rpc::HttpAnswer cluster();
    [[nodiscard]] rpc::HttpAnswer actor(std::string_view path) const;
    [[nodiscard]] rpc::HttpAnswer trace(std::string_view hash) const;
    [[nodiscard]] rpc::HttpAnswer targets() const;
    [[nodiscard]] rpc::HttpAnswer metrics(std::string_view node) const;

    [[nodiscard]] std::shared_ptr<const Collector> collector() const;

    std::shared_ptr<NodeObserver> own_;
    std::string address_;

    mutable std::mutex mutex_;
    std::shared_ptr<const Collector> collector_;
    std::condition_variable changed_;
    std::string picture_;
    /// The cluster is asked on while somebody looks.
    std::chrono::steady_clock::time_point wanted_until_;
    bool is_stopping_ = false;
    std::thread thread_;
};

}  // namespace troupe
