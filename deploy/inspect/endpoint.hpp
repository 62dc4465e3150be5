// The node's inspection endpoint: HTTP on loopback, on a port of its own that status.json names. It only reads.
//
//     /inspect                     NodeReport
//     /inspect/ACTOR               ActorDetail
//     /inspect/ACTOR/messages/N    received messages from number N on, as far as kept, and the next N
//     /trace/KEY,KEY...            TraceEvents of transactions or chunks, by hash
//     /metrics                     Prometheus text format 0.0.4
//     /health                      200 while the process answers
//     /ready                       200 when it is in step with the cluster and serves, else 503
#pragma once

#include "deploy/inspect/observer.hpp"
#include "runtime/rpc/server.hpp"

namespace troupe {

/// Answers the paths above; nothing for others.
[[nodiscard]] std::optional<rpc::HttpAnswer> inspect_get(NodeObserver& observer, std::string_view path);

class InspectEndpoint {
public:
    /// Takes `wanted_port` if it is free, else any. ErrorCode::io if there is none.
    [[nodiscard]] static Result<std::unique_ptr<InspectEndpoint>> start(std::shared_ptr<NodeObserver> observer,
                                                                        std::uint16_t wanted_port);
    [[nodiscard]] std::uint16_t port() const noexcept { return server_->port(); }
    void stop() { server_->stop(200); }

private:
    explicit InspectEndpoint(std::unique_ptr<rpc::Server> server) : server_(std::move(server)) {}
    std::unique_ptr<rpc::Server> server_;
};

}  // namespace troupe
