// What a server's connections share. For this folder's .cpp files only: brings in Asio and Beast's HTTP.
#pragma once

#include <array>
#include <unordered_map>

#include <boost/asio/buffers_iterator.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/http/message.hpp>

#include "runtime/rpc/exchange.hpp"

namespace troupe::rpc {

using tcp = boost::asio::ip::tcp;

/// A body that grows with what has come. Beast's own reserves what the client declares.
struct TextBody {
    using value_type = std::string;
    class reader {
    public:
        template <bool is_request, class Fields>
        reader(boost::beast::http::header<is_request, Fields>&, value_type& body) : body_(body) {}
        void init(const boost::optional<std::uint64_t>&, boost::beast::error_code& error) { error = {}; }
        template <class Buffers>
        std::size_t put(const Buffers& buffers, boost::beast::error_code& error) {
            error = {};
            const auto before = body_.size();
            for (const auto buffer : boost::beast::buffers_range_ref(buffers))
                body_.append(static_cast<const char*>(buffer.data()), buffer.size());
            return body_.size() - before;
        }
        void finish(boost::beast::error_code& error) { error = {}; }

    private:
        value_type& body_;
    };
};
using HttpRequest = boost::beast::http::request<TextBody>;

/// Browsers hide from a page every answer that lacks these, refusals too.
inline constexpr std::array<std::pair<const char*, const char*>, 3> cross_origin_headers{{
    {"access-control-allow-origin", "*"},
    {"access-control-allow-methods", "POST, GET, OPTIONS"},
    {"access-control-allow-headers", "*"},
}};

class Connection {
public:
    virtual ~Connection() = default;
    /// Ends it in good manners; what can't be ended so is ended by abort() soon after. From any thread.
    virtual void say_goodbye() = 0;
    virtual void abort() = 0;
    /// Since when it has owed us the rest of a request, or a first one. Nothing: it is being answered, or may be
    /// silent. From any thread.
    [[nodiscard]] virtual std::optional<std::chrono::steady_clock::time_point> waits_since() const = 0;
};

/// A point in time, or none, that any thread may look at.
class Waiting {
public:
    void begin() noexcept { since_ = std::chrono::steady_clock::now().time_since_epoch().count(); }
    void end() noexcept { since_ = 0; }
    [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> since() const noexcept {
        using std::chrono::steady_clock;
        const auto at = since_.load();
        if (at == 0) return std::nullopt;
        return steady_clock::time_point{steady_clock::duration{at}};
    }

private:
    std::atomic<std::chrono::steady_clock::rep> since_{0};
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
    /// Closes the one that has been waited for longest, if that is long enough. False: there is none.
    [[nodiscard]] bool make_room();
    [[nodiscard]] std::vector<std::shared_ptr<Connection>> all() const;
    [[nodiscard]] bool wait_until_empty(std::chrono::steady_clock::time_point deadline);

private:
    mutable std::mutex mutex_;
    std::condition_variable removed_;
    std::unordered_map<std::uint64_t, std::shared_ptr<Connection>> by_id_;
};

[[nodiscard]] std::uint64_t next_connection_id();

/// Takes an accepted socket, counted in `load->connections`, over.
void serve_http(const std::shared_ptr<Connections>& connections, tcp::socket socket);
/// Takes the socket over after an HTTP upgrade request; counts as the connection that it was.
void serve_websocket(const std::shared_ptr<Connections>& connections, tcp::socket socket, HttpRequest request);

}  // namespace troupe::rpc
