#include "deploy/node/drain.hpp"

namespace troupe {
namespace {

/// Counts a request from its arrival until its responder is called or dropped.
class InFlight {
public:
    explicit InFlight(std::shared_ptr<std::atomic<std::size_t>> count) : count_(std::move(count)) { ++*count_; }
    ~InFlight() { --*count_; }
    InFlight(const InFlight&) = delete;
    InFlight& operator=(const InFlight&) = delete;

private:
    std::shared_ptr<std::atomic<std::size_t>> count_;
};

}  // namespace

void DrainableHandler::handle(const std::shared_ptr<rpc::Peer>& peer, rpc::Request request, rpc::Respond respond) {
    // Counted before the check: what slips past it is waited for.
    auto counted = std::make_shared<InFlight>(in_flight_);
    if (draining_ && request.method.starts_with("eth_send"))
        return respond({"", rpc::RpcError{-32005, "this gateway is draining: send to another one", ""}, {}});
    inner_->handle(peer, std::move(request),
                   [counted = std::move(counted), respond = std::move(respond)](rpc::Outcome outcome) {
                       respond(std::move(outcome));
                   });
}

}  // namespace troupe
