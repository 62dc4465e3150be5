// A gateway that is about to stop: it takes no new transactions, and knows when everything that it took is answered.
#pragma once

#include <atomic>

#include "runtime/rpc/server.hpp"

namespace troupe {

/// In front of a gateway's handler.
class DrainableHandler final : public rpc::Handler {
public:
    explicit DrainableHandler(std::shared_ptr<rpc::Handler> inner) : inner_(std::move(inner)) {}

    void on_batch(std::span<const rpc::Parsed> batch) override {
        if (!draining_) inner_->on_batch(batch);
    }
    void handle(const std::shared_ptr<rpc::Peer>& peer, rpc::Request request, rpc::Respond respond) override;
    void on_closed(std::uint64_t peer) override { inner_->on_closed(peer); }
    std::optional<rpc::HttpAnswer> on_get(std::string_view path) override { return inner_->on_get(path); }

    void drain() noexcept { draining_ = true; }
    [[nodiscard]] bool is_draining() const noexcept { return draining_; }
    /// Requests that have not been answered.
    [[nodiscard]] std::size_t in_flight() const noexcept { return *in_flight_; }

private:
    std::shared_ptr<rpc::Handler> inner_;
    std::atomic<bool> draining_{false};
    /// Responders may outlive the server.
    std::shared_ptr<std::atomic<std::size_t>> in_flight_ = std::make_shared<std::atomic<std::size_t>>(0);
};

}  // namespace troupe
