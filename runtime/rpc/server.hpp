// HTTP/1.1 and WebSocket on one port, for JSON-RPC and a few GET pages. Loopback unless told otherwise.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "runtime/base/result.hpp"
#include "runtime/rpc/json_rpc.hpp"

namespace troupe::rpc {

/// To be called once, from any thread; later calls do nothing. Destroyed uncalled, it answers -32603.
using Respond = std::function<void(Outcome)>;

/// Whoever sent a request; outlives the connection.
class Peer {
public:
    virtual ~Peer() = default;
    /// Not repeated within a process; 0 for HTTP.
    [[nodiscard]] virtual std::uint64_t id() const noexcept = 0;
    [[nodiscard]] virtual bool is_websocket() const noexcept = 0;
    /// Sends a message of its own accord, after what has been sent before. False if the peer is gone, or so slow that
    /// its queue is full: then the connection is closed.
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
    /// The requests of a batch, before each is handled: for work that is cheaper together. It may only look.
    virtual void on_batch(std::span<const Parsed> batch) { static_cast<void>(batch); }
    virtual void handle(const std::shared_ptr<Peer>& peer, Request request, Respond respond) = 0;
    /// A WebSocket peer is gone. Called once a peer, perhaps while a request of it is being handled.
    virtual void on_closed(std::uint64_t peer) = 0;
    /// GET of a path, without its query; nothing: 404.
    virtual std::optional<HttpAnswer> on_get(std::string_view path) = 0;
};

struct ServerOptions {
    std::string host = "127.0.0.1";
    /// 0: any free one.
    std::uint16_t port = 0;
    unsigned threads = 2;
    /// A further connection takes the place of one that keeps us waiting, or is answered with HTTP 503.
    std::size_t connections_max = 1024;
    /// Those of them that may be WebSockets, which can be silent for ever.
    std::size_t websockets_max = 768;
    /// Requests being answered over all connections; more are refused with -32005.
    std::size_t in_flight_max = 20'000;
    /// Bodies of one WebSocket peer being answered; the next is read when one is done. HTTP has one a connection.
    std::size_t peer_bodies_max = 256;
    /// Bytes received of all bodies that are not answered yet; more are refused with HTTP 503, or the WebSocket closed
    /// with 1013.
    std::size_t body_bytes_max = 256 << 20;
    /// Bytes of all answers and pushes that are not written yet; further answers become -32005, and who is pushed to is
    /// disconnected.
    std::size_t answer_bytes_max = 512 << 20;
    /// Bytes queued for one WebSocket peer; a peer that falls further behind is disconnected.
    std::size_t push_bytes_max = 32 << 20;
    /// Between two requests of an HTTP connection; a WebSocket that answers pings may be silent for ever.
    unsigned idle_ms = 120'000;
    /// From the first byte of a request to its last, from the first of an answer to its last.
    unsigned read_ms = 20'000;
    /// Without a byte of the HTTP request that has begun.
    unsigned stall_ms = 5'000;
};

class Server {
public:
    /// ErrorCode::io if the address can't be had.
    [[nodiscard]] static Result<std::unique_ptr<Server>> start(const ServerOptions& options,
                                                               std::shared_ptr<Handler> handler);
    /// Closes at once if stop() has not been called.
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    [[nodiscard]] std::uint16_t port() const noexcept;
    /// Accepts nothing new, lets what is being answered finish for at most `grace_ms`, closes. Responders that are
    /// still held do nothing from then on.
    void stop(unsigned grace_ms);

    class Implementation;

private:
    explicit Server(std::shared_ptr<Implementation> implementation) : implementation_(std::move(implementation)) {}
    std::shared_ptr<Implementation> implementation_;
};

}  // namespace troupe::rpc
