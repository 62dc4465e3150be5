// The web page that a gateway serves, and what the page asks for.
//
//     /                              the page; /style.css and /app.js with it
//     /dashboard/cluster             ClusterReport
//     /dashboard/actor/NODE/ACTOR    ActorDetail
//     /dashboard/trace/HASH          TraceSteps of a transaction
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
    /// `cluster_directory` is where the nodes of this host are described; `own` answers alone where there is none.
    Dashboard(std::filesystem::path cluster_directory, std::shared_ptr<NodeObserver> own);
    ~Dashboard();
    Dashboard(const Dashboard&) = delete;
    Dashboard& operator=(const Dashboard&) = delete;

    /// Thread-safe; waits for other nodes only as long as a person would not notice.
    [[nodiscard]] std::optional<rpc::HttpAnswer> get(std::string_view path);

private:
    void run();
    [[nodiscard]] rpc::HttpAnswer cluster();
    [[nodiscard]] rpc::HttpAnswer actor(std::string_view path) const;
    [[nodiscard]] rpc::HttpAnswer trace(std::string_view hash) const;

    Collector collector_;
    std::shared_ptr<NodeObserver> own_;

    std::mutex mutex_;
    std::condition_variable changed_;
    std::string picture_;
    /// The cluster is asked on while somebody looks.
    std::chrono::steady_clock::time_point wanted_until_;
    bool is_stopping_ = false;
    std::thread thread_;
};

}  // namespace troupe
