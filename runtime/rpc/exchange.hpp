// One body on its way: its requests go to the handler, its answers are gathered in order, and when the last one is
// there the whole text goes back to the connection. Knows no network.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string_view>

#include "runtime/rpc/server.hpp"

namespace troupe::rpc {

/// What all connections of a server count together.
struct Load {
    std::atomic<std::size_t> requests{0};
    std::atomic<std::size_t> connections{0};
    std::atomic<std::size_t> body_bytes{0};

    /// Bodies that have been read and whose answers have not been written.
    std::size_t bodies = 0;
    std::mutex mutex;
    std::condition_variable bodies_done;
};

/// Holds the server's graceful stop up while it lives.
class BodyToken {
public:
    explicit BodyToken(std::shared_ptr<Load> load);
    BodyToken(BodyToken&&) noexcept = default;
    BodyToken& operator=(BodyToken&&) = delete;
    ~BodyToken();

private:
    std::shared_ptr<Load> load_;
};

/// A share of the bytes that all bodies may hold together; given back when destroyed.
class BodyBytes {
public:
    explicit BodyBytes(std::shared_ptr<Load> load, std::size_t most) : load_(std::move(load)), most_(most) {}
    BodyBytes(const BodyBytes&) = delete;
    BodyBytes& operator=(const BodyBytes&) = delete;
    ~BodyBytes() { release(); }

    /// False: there is no room; nothing is taken.
    [[nodiscard]] bool take(std::size_t bytes);
    void release() noexcept;

private:
    std::shared_ptr<Load> load_;
    std::size_t most_;
    std::size_t taken_ = 0;
};

/// Parses `text` and hands its requests to the handler. `done` is called exactly once, from any thread, with the text
/// to send back; empty if nothing is to be answered. A responder that is destroyed without having been called answers
/// -32603, so that no client waits for ever.
void run_exchange(const std::shared_ptr<Load>& load, const ServerOptions& options, Handler& handler,
                  const std::shared_ptr<Peer>& peer, std::string_view text, std::function<void(std::string)> done);

}  // namespace troupe::rpc
