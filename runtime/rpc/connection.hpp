// What a server's connections share. For this folder's .cpp files only: brings in Asio and Beast's HTTP.
#pragma once

#include <unordered_map>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

#include "runtime/rpc/exchange.hpp"

namespace troupe::rpc {

using tcp = boost::asio::ip::tcp;
using HttpRequest = boost::beast::http::request<boost::beast::http::string_body>;

class Connection {
public:
    virtual ~Connection() = default;
    /// Ends it in good manners; what can't be ended so is ended by abort() soon after. From any thread.
    virtual void say_goodbye() = 0;
    virtual void abort() = 0;
};

/// Connections are owned here and by their pending operations, never by whoever may answer them: a responder that is
/// kept for long keeps no socket, and none outlives its io_context.
class Connections {
public:
    explicit Connections(const ServerOptions& server_options) : options(server_options) {}

    const ServerOptions options;
    std::shared_ptr<Handler> handler;
    std::shared_ptr<Load> load = std::make_shared<Load>();
    std::atomic<bool> stopping{false};
    boost::asio::io_context io;

    void add(std::uint64_t id, std::shared_ptr<Connection> connection);
    void remove(std::uint64_t id);
    [[nodiscard]] std::vector<std::shared_ptr<Connection>> all() const;
    [[nodiscard]] bool wait_until_empty(std::chrono::steady_clock::time_point deadline);

private:
    mutable std::mutex mutex_;
    std::condition_variable removed_;
    std::unordered_map<std::uint64_t, std::shared_ptr<Connection>> by_id_;
};

[[nodiscard]] std::uint64_t next_connection_id();

/// Takes the socket over after an HTTP upgrade request; counts as the connection that it was.
void serve_websocket(const std::shared_ptr<Connections>& connections, tcp::socket socket, HttpRequest request);

}  // namespace troupe::rpc
