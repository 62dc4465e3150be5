#include "runtime/rpc/server.hpp"

#include <algorithm>
#include <thread>

#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <spdlog/spdlog.h>

#include "runtime/base/limits.hpp"
#include "runtime/rpc/connection.hpp"

namespace troupe::rpc {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

void Connections::add(std::uint64_t id, std::shared_ptr<Connection> connection) {
    const std::lock_guard lock{mutex_};
    by_id_.emplace(id, std::move(connection));
}

void Connections::remove(std::uint64_t id) {
    std::shared_ptr<Connection> last;  // destroyed without the lock
    const std::lock_guard lock{mutex_};
    const auto it = by_id_.find(id);
    if (it == by_id_.end()) return;
    last = std::move(it->second);
    by_id_.erase(it);
    if (by_id_.empty()) removed_.notify_all();
}

std::vector<std::shared_ptr<Connection>> Connections::all() const {
    std::vector<std::shared_ptr<Connection>> out;
    const std::lock_guard lock{mutex_};
    for (const auto& [id, connection] : by_id_) out.push_back(connection);
    return out;
}

bool Connections::wait_until_empty(std::chrono::steady_clock::time_point deadline) {
    std::unique_lock lock{mutex_};
    return removed_.wait_until(lock, deadline, [&] { return by_id_.empty(); });
}

std::uint64_t next_connection_id() {
    static std::atomic<std::uint64_t> next{1};
    return next.fetch_add(1);
}

namespace {

/// A connection that was told to go may still be sending: its bytes are thrown away for this long, so that it gets to
/// read why instead of a reset.
constexpr auto linger = std::chrono::seconds(2);
constexpr std::size_t header_bytes_max = 16 << 10;
constexpr std::string_view continue_line = "HTTP/1.1 100 Continue\r\n\r\n";

/// What a connection over the limit gets.
[[nodiscard]] const std::string& full_answer() {
    static const std::string text = [] {
        const auto body = format_answer("", {"", RpcError{-32005, "connection limit exceeded, try again", ""}, {}});
        return "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\n"
               "connection: close\r\ncontent-length: " +
               std::to_string(body.size()) + "\r\n\r\n" + body;
    }();
    return text;
}

class HttpPeer final : public Peer {
public:
    [[nodiscard]] std::uint64_t id() const noexcept override { return 0; }
    [[nodiscard]] bool is_websocket() const noexcept override { return false; }
    bool push(std::string) override { return false; }
};

/// One request at a time; pipelined ones wait in the buffer. All of it runs on the stream's strand.
class HttpConnection final : public Connection, public std::enable_shared_from_this<HttpConnection> {
public:
    HttpConnection(std::shared_ptr<Connections> all, tcp::socket socket)
        : all_(std::move(all)),
          id_(next_connection_id()),
          stream_(std::move(socket)),
          bytes_(all_->load, all_->options.body_bytes_max) {}
    ~HttpConnection() override {
        if (!upgraded_) all_->load->connections.fetch_sub(1);
    }

    void start() {
        all_->add(id_, shared_from_this());
        asio::dispatch(stream_.get_executor(), [self = shared_from_this()] { self->wait_for_request(); });
    }
    /// Those that are being answered have had their time.
    void say_goodbye() override { abort(); }
    void abort() override {
        asio::post(stream_.get_executor(), [self = shared_from_this()] { self->close(); });
    }

private:
    [[nodiscard]] std::chrono::milliseconds read_time() const {
        return std::chrono::milliseconds(all_->options.read_ms);
    }

    /// A connection may idle between requests, not within one.
    void wait_for_request() {
        if (all_->stopping) return close();
        if (buffer_.size() != 0) return read_header();
        stream_.expires_after(std::chrono::milliseconds(all_->options.idle_ms));
        stream_.async_read_some(buffer_.prepare(4096),
                                [self = shared_from_this()](beast::error_code error, std::size_t size) {
                                    if (error) return self->close();
                                    self->buffer_.commit(size);
                                    self->read_header();
                                });
    }

    void read_header() {
        parser_.emplace();
        parser_->body_limit(limits::rpc_body_bytes_max);
        parser_->header_limit(header_bytes_max);
        stream_.expires_after(read_time());
        http::async_read_header(stream_, buffer_, *parser_,
                                [self = shared_from_this()](beast::error_code error, std::size_t) {
                                    if (error) return self->refuse(error);
                                    self->on_header();
                                });
    }

    void on_header() {
        const auto length = parser_->content_length();
        const auto bytes = length ? *length : parser_->chunked() ? limits::rpc_body_bytes_max : 0;
        if (!bytes_.take(bytes))
            return end_with(http::status::service_unavailable, -32005, "too many large requests at once, try again");
        if (!beast::iequals(parser_->get()[http::field::expect], "100-continue")) return read_body();
        asio::async_write(stream_, asio::buffer(continue_line),
                          [self = shared_from_this()](beast::error_code error, std::size_t) {
                              if (error) return self->close();
                              self->read_body();
                          });
    }

    void read_body() {
        http::async_read(stream_, buffer_, *parser_, [self = shared_from_this()](beast::error_code error, std::size_t) {
            if (error) return self->refuse(error);
            self->on_request();
        });
    }

    void on_request() {
        auto request = parser_->release();
        keep_alive_ = request.keep_alive();
        version_ = request.version();
        if (beast::websocket::is_upgrade(request)) {
            upgraded_ = true;
            bytes_.release();
            stream_.expires_never();
            serve_websocket(all_, stream_.release_socket(), std::move(request));
            return all_->remove(id_);
        }
        token_.emplace(all_->load);
        switch (request.method()) {
            case http::verb::options: return reply(http::status::ok, "text/plain", "");
            case http::verb::get: {
                const auto target = request.target();
                const std::string_view path{target.data(), target.size()};
                auto page = all_->handler->on_get(path.substr(0, path.find('?')));
                if (!page)
                    return reply(http::status::not_found, "text/plain", "not found: POST JSON-RPC to this address\n");
                return reply(static_cast<http::status>(page->status), page->content_type, std::move(page->body));
            }
            case http::verb::post: break;
            default: return reply(http::status::method_not_allowed, "text/plain", "POST JSON-RPC to this address\n");
        }
        stream_.expires_never();  // answers may be held open
        static const auto peer = std::make_shared<HttpPeer>();
        run_exchange(all_->load, all_->options, *all_->handler, peer, request.body(),
                     [weak = weak_from_this()](std::string answer) {
                         const auto self = weak.lock();
                         if (!self) return;
                         asio::dispatch(self->stream_.get_executor(), [weak, answer = std::move(answer)]() mutable {
                             const auto live = weak.lock();
                             if (!live) return;
                             const auto status = answer.empty() ? http::status::no_content : http::status::ok;
                             live->reply(status, "application/json", std::move(answer));
                         });
                     });
        bytes_.release();
    }

    void reply(http::status status, std::string_view content_type, std::string body) {
        if (closed_) return;
        response_ = {status, version_};
        response_.set(http::field::content_type, beast::string_view{content_type.data(), content_type.size()});
        response_.set(http::field::access_control_allow_origin, "*");
        response_.set(http::field::access_control_allow_methods, "POST, GET, OPTIONS");
        response_.set(http::field::access_control_allow_headers, "*");
        if (status == http::status::service_unavailable) response_.set(http::field::retry_after, "1");
        response_.keep_alive(keep_alive_ && !all_->stopping);
        response_.body() = std::move(body);
        response_.prepare_payload();
        stream_.expires_after(read_time());
        http::async_write(stream_, response_, [self = shared_from_this()](beast::error_code error, std::size_t) {
            self->token_.reset();
            if (error) return self->close();
            if (!self->response_.keep_alive()) return self->drain();
            self->response_.body() = {};
            self->wait_for_request();
        });
    }

    void refuse(beast::error_code error) {
        if (error == http::error::body_limit)
            return end_with(http::status::payload_too_large, -32600,
                            "request body too large: at most " + std::to_string(limits::rpc_body_bytes_max) + " bytes");
        const bool is_protocol_error = error.category() == http::make_error_code(http::error::bad_method).category();
        if (!is_protocol_error || error == http::error::end_of_stream || error == http::error::partial_message)
            return close();
        end_with(http::status::bad_request, -32600, std::string{"bad HTTP request: "} + error.message());
    }

    void end_with(http::status status, int code, std::string message) {
        keep_alive_ = false;
        bytes_.release();
        reply(status, "application/json", format_answer("", {"", RpcError{code, std::move(message), ""}, {}}));
    }

    void drain() {
        beast::error_code ignored;
        stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
        if (all_->stopping) return close();
        stream_.expires_after(linger);
        drain_some();
    }

    void drain_some() {
        buffer_.clear();
        stream_.async_read_some(buffer_.prepare(64 << 10),
                                [self = shared_from_this()](beast::error_code error, std::size_t) {
                                    if (error) return self->close();
                                    self->drain_some();
                                });
    }

    void close() {
        if (closed_ || upgraded_) return;
        closed_ = true;
        token_.reset();
        stream_.close();
        all_->remove(id_);
    }

    std::shared_ptr<Connections> all_;
    std::uint64_t id_;
    beast::tcp_stream stream_;
    BodyBytes bytes_;
    beast::flat_buffer buffer_;
    std::optional<http::request_parser<http::string_body>> parser_;
    http::response<http::string_body> response_;
    std::optional<BodyToken> token_;
    unsigned version_ = 11;
    bool keep_alive_ = false;
    bool upgraded_ = false;
    bool closed_ = false;
};

}  // namespace

// Server --------------------------------------------------------------------------------------------------------------

class Server::Implementation : public std::enable_shared_from_this<Implementation> {
public:
    explicit Implementation(const ServerOptions& options)
        : connections(std::make_shared<Connections>(options)),
          work(connections->io.get_executor()),
          acceptor(asio::make_strand(connections->io)),
          retry(acceptor.get_executor()) {}

    [[nodiscard]] Status listen() {
        const auto& options = connections->options;
        beast::error_code error;
        const auto address = asio::ip::make_address(options.host, error);
        const tcp::endpoint endpoint{address, options.port};
        if (!error) acceptor.open(endpoint.protocol(), error);
        if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
        if (!error) acceptor.bind(endpoint, error);
        if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
        if (error)
            return make_error(ErrorCode::io, "RPC listener on " + options.host + ":" + std::to_string(options.port) +
                                                 ": " + error.message());
        port = acceptor.local_endpoint().port();
        return Done{};
    }

    void accept() {
        acceptor.async_accept(asio::make_strand(connections->io),
                              [self = shared_from_this()](beast::error_code error, tcp::socket socket) {
                                  if (self->connections->stopping) return;
                                  if (error) return self->accept_later(error);
                                  self->on_accepted(std::move(socket));
                                  self->accept();
                              });
    }

    void run(unsigned threads) {
        running = threads;
        for (unsigned i = 0; i < threads; ++i)
            workers.emplace_back([self = this] {
                self->connections->io.run();
                const std::lock_guard lock{self->mutex};
                --self->running;
                self->ended.notify_all();
            });
    }

    void stop(unsigned grace_ms);

    std::shared_ptr<Connections> connections;
    /// A connection whose answer is held has nothing pending: the threads must not leave meanwhile.
    asio::executor_work_guard<asio::io_context::executor_type> work;
    tcp::acceptor acceptor;
    asio::steady_timer retry;
    std::vector<std::thread> workers;
    std::uint16_t port = 0;
    std::mutex mutex;
    std::condition_variable ended;
    unsigned running = 0;

private:
    void on_accepted(tcp::socket socket) {
        beast::error_code ignored;
        if (connections->load->connections.fetch_add(1) >= connections->options.connections_max) {
            connections->load->connections.fetch_sub(1);
            // A new socket's buffer takes this without blocking.
            socket.non_blocking(true, ignored);
            socket.write_some(asio::buffer(full_answer()), ignored);
            return;
        }
        socket.set_option(tcp::no_delay(true), ignored);
        std::make_shared<HttpConnection>(connections, std::move(socket))->start();
    }

    /// Out of file descriptors, most likely: trying at once again would only burn the processor.
    void accept_later(beast::error_code error) {
        spdlog::warn("rpc: accept: {}", error.message());
        retry.expires_after(std::chrono::milliseconds(50));
        retry.async_wait([self = shared_from_this()](beast::error_code cancelled) {
            if (!cancelled && !self->connections->stopping) self->accept();
        });
    }
};

void Server::Implementation::stop(unsigned grace_ms) {
    if (workers.empty()) return;
    using std::chrono::steady_clock;
    auto& all = *connections;
    all.stopping = true;
    asio::post(acceptor.get_executor(), [self = shared_from_this()] {
        beast::error_code ignored;
        self->acceptor.close(ignored);
        self->retry.cancel();
    });
    {
        std::unique_lock lock{all.load->mutex};
        all.load->bodies_done.wait_until(lock, steady_clock::now() + std::chrono::milliseconds(grace_ms),
                                         [&] { return all.load->bodies == 0; });
    }
    if (grace_ms != 0) {
        for (const auto& connection : all.all()) connection->say_goodbye();
        static_cast<void>(all.wait_until_empty(steady_clock::now() + std::chrono::milliseconds(200)));
    }
    for (const auto& connection : all.all()) connection->abort();
    work.reset();
    {
        // Without connections the threads run out of work; a handler that does not come back must not keep us.
        std::unique_lock lock{mutex};
        if (!ended.wait_for(lock, std::chrono::seconds(2), [&] { return running == 0; })) all.io.stop();
    }
    for (auto& worker : workers) worker.join();
    workers.clear();
    // A late responder may hold a connection for a moment; it must not be what ends the handler.
    all.handler.reset();
}

Result<std::unique_ptr<Server>> Server::start(const ServerOptions& options, std::shared_ptr<Handler> handler) {
    auto implementation = std::make_shared<Implementation>(options);
    implementation->connections->handler = std::move(handler);
    if (auto status = implementation->listen(); !status) return status.error();
    implementation->accept();
    implementation->run(std::max(options.threads, 1u));
    return std::unique_ptr<Server>(new Server(std::move(implementation)));
}

Server::~Server() { stop(0); }

std::uint16_t Server::port() const noexcept { return implementation_->port; }

void Server::stop(unsigned grace_ms) { implementation_->stop(grace_ms); }

}  // namespace troupe::rpc
