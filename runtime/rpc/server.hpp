// HTTP/1.1 and WebSocket on one port, for JSON-RPC and a few GET pages. Loopback unless told otherwise.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/result.hpp"
#include "runtime/rpc/json_rpc.hpp"

namespace troupe::rpc {

/// To be called exactly once, from any thread.
using Respond = std::function<void(Outcome)>;

/// Whoever sent a request; outlives the connection.
class Peer {
public:
    virtual ~Peer() = default;
    [[nodiscard]] virtual std::uint64_t id() const noexcept = 0;
    [[nodiscard]] virtual bool is_websocket() const noexcept = 0;
    /// Sends a message of its own accord, after answers given before. False if the peer is gone, or so slow that its
    /// queue is full: then the connection is closed.
    virtual bool push(std::string message) = 0;
};

struct HttpAnswer {
    unsigned status = 200;
    std::string content_type;
    std::string body;
};

/// Called on the server's threads, several at once; must not block for long.
class Handler {
public:
    virtual ~Handler() = default;
    virtual void handle(const std::shared_ptr<Peer>& peer, Request request, Respond respond) = 0;
    /// A WebSocket peer is gone.
    virtual void on_closed(std::uint64_t peer) = 0;
    /// GET of a path; nothing: 404.
    virtual std::optional<HttpAnswer> on_get(std::string_view path) = 0;
};

struct ServerOptions {
    std::string host = "127.0.0.1";
    /// 0: any free one.
    std::uint16_t port = 0;
    unsigned threads = 2;
    std::size_t connections_max = 1024;
    /// Requests being answered over all connections; more are refused with -32005.
    std::size_t in_flight_max = 20'000;
    /// Bytes queued for one WebSocket peer.
    std::size_t push_bytes_max = 32 << 20;
    unsigned idle_seconds = 120;
    /// From the first byte of a request to its last.
    unsigned read_seconds = 20;
};

class Server {
public:
    /// ErrorCode::io if the address can't be had.
    [[nodiscard]] static Result<std::unique_ptr<Server>> start(const ServerOptions& options, std::shared_ptr<Handler> handler);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    [[nodiscard]] std::uint16_t port() const noexcept;
    /// Accepts nothing new, waits for what is being answered for at most `grace_ms`, closes.
    void stop(unsigned grace_ms);

    class Implementation;

private:
    explicit Server(std::shared_ptr<Implementation> implementation) : implementation_(std::move(implementation)) {}
    std::shared_ptr<Implementation> implementation_;
};

}  // namespace troupe::rpc
