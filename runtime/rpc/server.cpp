#include "runtime/rpc/server.hpp"

#include <spdlog/spdlog.h>

#include <atomic>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/strand.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>
#include <deque>
#include <mutex>
#include <set>
#include <thread>

#include "runtime/base/limits.hpp"

namespace troupe::rpc {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using tcp = asio::ip::tcp;

namespace {

/// What all connections of a server share.
struct Shared {
    ServerOptions options;
    std::shared_ptr<Handler> handler;
    std::atomic<std::size_t> in_flight{0};
    std::atomic<std::size_t> connections{0};
    std::atomic<std::uint64_t> next_id{1};
    std::atomic<bool> stopping{false};
};

/// Gathers the answers of one body; calls `done` with the whole text when the last one is there.
class Gathering : public std::enable_shared_from_this<Gathering> {
public:
    Gathering(std::shared_ptr<Shared> shared, Body body, std::function<void(std::string)> done)
        : shared_(std::move(shared)), is_batch_(body.is_batch), requests_(std::move(body.requests)),
          answers_(requests_.size()), left_(requests_.size() + 1), done_(std::move(done)) {}

    void start(const std::shared_ptr<Peer>& peer) {
        for (std::size_t i = 0; i < requests_.size(); ++i) {
            auto& parsed = requests_[i];
            if (parsed.error) {
                answer(i, {"", std::move(parsed.error)});
                continue;
            }
            if (shared_->in_flight.fetch_add(1) >= shared_->options.in_flight_max) {
                shared_->in_flight.fetch_sub(1);
                answer(i, {"", RpcError{-32005, "request limit exceeded, try again", ""}});
                continue;
            }
            auto called = std::make_shared<std::atomic<bool>>(false);
            shared_->handler->handle(peer, parsed.request, [self = shared_from_this(), i, called](Outcome outcome) {
                if (called->exchange(true)) return;
                self->shared_->in_flight.fetch_sub(1);
                self->answer(i, std::move(outcome));
            });
        }
        finish_one();
    }

private:
    void answer(std::size_t i, Outcome outcome) {
        const auto& request = requests_[i].request;
        if (!request.is_notification || requests_[i].error) {
            auto size = bytes_.fetch_add(outcome.result_json.size());
            if (size + outcome.result_json.size() > limits::rpc_response_bytes_max)
                outcome = {"", RpcError{-32003, "response too large", ""}};
            answers_[i] = format_answer(request.id_json, outcome);
        }
        finish_one();
    }

    void finish_one() {
        if (left_.fetch_sub(1) != 1) return;
        std::string text;
        if (!is_batch_) {
            text = std::move(answers_[0]);
        } else {
            for (auto& one : answers_) {
                if (one.empty()) continue;
                text += text.empty() ? '[' : ',';
                text += one;
            }
            if (!text.empty()) text += ']';
        }
        done_(std::move(text));
    }

    std::shared_ptr<Shared> shared_;
    bool is_batch_;
    std::vector<Parsed> requests_;
    std::vector<std::string> answers_;
    std::atomic<std::size_t> left_;
    std::atomic<std::size_t> bytes_{0};
    std::function<void(std::string)> done_;
};

/// Empty text: nothing to answer.
void process(const std::shared_ptr<Shared>& shared, const std::shared_ptr<Peer>& peer, std::string_view text,
             std::function<void(std::string)> done) {
    auto body = parse_body(text);
    if (body.error) return done(format_answer("", {"", std::move(body.error)}));
    std::make_shared<Gathering>(shared, std::move(body), std::move(done))->start(peer);
}

// WebSocket -----------------------------------------------------------------------------------------------------------

class WebSocketSession;

/// Handlers keep this; it does not keep the connection.
class WebSocketPeer final : public Peer {
public:
    explicit WebSocketPeer(std::uint64_t id) : id_(id) {}
    [[nodiscard]] std::uint64_t id() const noexcept override { return id_; }
    [[nodiscard]] bool is_websocket() const noexcept override { return true; }
    bool push(std::string message) override;
    std::weak_ptr<WebSocketSession> session;

private:
    std::uint64_t id_;
};

class WebSocketSession : public std::enable_shared_from_this<WebSocketSession> {
public:
    WebSocketSession(tcp::socket socket, std::shared_ptr<Shared> shared)
        : stream_(std::move(socket)), shared_(std::move(shared)),
          peer_(std::make_shared<WebSocketPeer>(shared_->next_id.fetch_add(1))) {}
    ~WebSocketSession() {
        shared_->handler->on_closed(peer_->id());
        shared_->connections.fetch_sub(1);
    }

    void accept(const http::request<http::string_body>& request) {
        peer_->session = weak_from_this();
        websocket::stream_base::timeout timeout{};
        timeout.handshake_timeout = std::chrono::seconds(shared_->options.read_seconds);
        timeout.idle_timeout = std::chrono::seconds(shared_->options.idle_seconds);
        timeout.keep_alive_pings = true;
        stream_.set_option(timeout);
        stream_.read_message_max(limits::rpc_body_bytes_max);
        stream_.text(true);
        stream_.async_accept(request, [self = shared_from_this()](beast::error_code error) {
            if (!error) self->read();
        });
    }

    bool send(std::string message) {
        if (queued_.fetch_add(message.size()) + message.size() > shared_->options.push_bytes_max) {
            asio::post(stream_.get_executor(), [self = shared_from_this()] {
                beast::error_code ignored;
                beast::get_lowest_layer(self->stream_).socket().close(ignored);
            });
            return false;
        }
        asio::post(stream_.get_executor(), [self = shared_from_this(), message = std::move(message)]() mutable {
            self->queue_.push_back(std::move(message));
            if (self->queue_.size() == 1) self->write();
        });
        return true;
    }

private:
    void read() {
        stream_.async_read(buffer_, [self = shared_from_this()](beast::error_code error, std::size_t) {
            if (error) return;
            const auto data = self->buffer_.data();
            const std::string text{static_cast<const char*>(data.data()), data.size()};
            self->buffer_.consume(data.size());
            process(self->shared_, self->peer_, text, [weak = self->weak_from_this()](std::string answer) {
                if (answer.empty()) return;
                if (const auto session = weak.lock()) session->send(std::move(answer));
            });
            self->read();
        });
    }

    void write() {
        stream_.async_write(asio::buffer(queue_.front()), [self = shared_from_this()](beast::error_code error, std::size_t size) {
            if (error) return;
            self->queued_.fetch_sub(size);
            self->queue_.pop_front();
            if (!self->queue_.empty()) self->write();
        });
    }

    websocket::stream<beast::tcp_stream> stream_;
    std::shared_ptr<Shared> shared_;
    std::shared_ptr<WebSocketPeer> peer_;
    beast::flat_buffer buffer_;
    std::deque<std::string> queue_;
    std::atomic<std::size_t> queued_{0};
};

bool WebSocketPeer::push(std::string message) {
    const auto live = session.lock();
    return live && live->send(std::move(message));
}

// HTTP ----------------------------------------------------------------------------------------------------------------

class HttpPeer final : public Peer {
public:
    [[nodiscard]] std::uint64_t id() const noexcept override { return 0; }
    [[nodiscard]] bool is_websocket() const noexcept override { return false; }
    bool push(std::string) override { return false; }
};

class HttpSession : public std::enable_shared_from_this<HttpSession> {
public:
    HttpSession(tcp::socket socket, std::shared_ptr<Shared> shared) : stream_(std::move(socket)), shared_(std::move(shared)) {}
    ~HttpSession() {
        if (!upgraded_) shared_->connections.fetch_sub(1);
    }

    void read() {
        if (shared_->stopping) return close();
        parser_.emplace();
        parser_->body_limit(limits::rpc_body_bytes_max);
        parser_->header_limit(16 << 10);
        // A connection may idle between requests, not within one.
        stream_.expires_after(std::chrono::seconds(shared_->options.idle_seconds));
        http::async_read_header(stream_, buffer_, *parser_, [self = shared_from_this()](beast::error_code error, std::size_t) {
            if (error) return self->on_read_error(error);
            self->stream_.expires_after(std::chrono::seconds(self->shared_->options.read_seconds));
            http::async_read(self->stream_, self->buffer_, *self->parser_,
                             [self](beast::error_code failed, std::size_t) {
                                 if (failed) return self->on_read_error(failed);
                                 self->on_request();
                             });
        });
    }

private:
    void on_read_error(beast::error_code error) {
        keep_alive_ = false;
        if (error == http::error::body_limit)
            return reply(http::status::payload_too_large, "application/json",
                         format_answer("", {"", RpcError{-32600, "request body too large: at most 5242880 bytes", ""}}));
        if (error.category() == http::make_error_code(http::error::bad_method).category() && error != http::error::end_of_stream &&
            error != http::error::partial_message)
            return reply(http::status::bad_request, "text/plain", "bad request\n");
        close();
    }

    void on_request() {
        const auto& request = parser_->get();
        keep_alive_ = request.keep_alive();
        version_ = request.version();
        if (websocket::is_upgrade(request)) {
            upgraded_ = true;
            stream_.expires_never();
            std::make_shared<WebSocketSession>(stream_.release_socket(), shared_)->accept(request);
            return;
        }
        switch (request.method()) {
            case http::verb::options: return reply(http::status::ok, "text/plain", "");
            case http::verb::get: {
                const auto target = request.target();
                const std::string_view path{target.data(), target.size()};
                auto page = shared_->handler->on_get(path.substr(0, path.find('?')));
                if (!page) return reply(http::status::not_found, "text/plain", "not found: POST JSON-RPC to this address\n");
                return reply(static_cast<http::status>(page->status), page->content_type, std::move(page->body));
            }
            case http::verb::post: break;
            default: return reply(http::status::method_not_allowed, "text/plain", "POST JSON-RPC to this address\n");
        }
        stream_.expires_never();  // answers may be held open
        static const auto peer = std::make_shared<HttpPeer>();
        process(shared_, peer, request.body(), [self = shared_from_this()](std::string answer) {
            asio::dispatch(self->stream_.get_executor(), [self, answer = std::move(answer)]() mutable {
                if (answer.empty()) return self->reply(http::status::no_content, "application/json", "");
                self->reply(http::status::ok, "application/json", std::move(answer));
            });
        });
    }

    void reply(http::status status, std::string_view content_type, std::string body) {
        response_ = {status, version_ == 0 ? 11 : version_};
        response_.set(http::field::content_type, beast::string_view{content_type.data(), content_type.size()});
        response_.set(http::field::access_control_allow_origin, "*");
        response_.set(http::field::access_control_allow_methods, "POST, GET, OPTIONS");
        response_.set(http::field::access_control_allow_headers, "*");
        response_.keep_alive(keep_alive_ && !shared_->stopping);
        response_.body() = std::move(body);
        response_.prepare_payload();
        stream_.expires_after(std::chrono::seconds(shared_->options.read_seconds));
        http::async_write(stream_, response_, [self = shared_from_this()](beast::error_code error, std::size_t) {
            if (error || !self->response_.keep_alive()) return self->close();
            self->read();
        });
    }

    void close() {
        beast::error_code ignored;
        stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    }

    beast::tcp_stream stream_;
    std::shared_ptr<Shared> shared_;
    beast::flat_buffer buffer_;
    std::optional<http::request_parser<http::string_body>> parser_;
    http::response<http::string_body> response_;
    unsigned version_ = 0;
    bool keep_alive_ = false;
    bool upgraded_ = false;
};

}  // namespace

// Server --------------------------------------------------------------------------------------------------------------

class Server::Implementation : public std::enable_shared_from_this<Implementation> {
public:
    Implementation() : acceptor(io) {}

    Status listen() {
        beast::error_code error;
        const auto address = asio::ip::make_address(shared->options.host, error);
        const tcp::endpoint endpoint{address, shared->options.port};
        if (!error) acceptor.open(endpoint.protocol(), error);
        if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
        if (!error) acceptor.bind(endpoint, error);
        if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
        if (error)
            return make_error(ErrorCode::io, "RPC listener on " + shared->options.host + ":" +
                                                 std::to_string(shared->options.port) + ": " + error.message());
        port = acceptor.local_endpoint().port();
        return Done{};
    }

    void accept() {
        acceptor.async_accept(asio::make_strand(io), [self = shared_from_this()](beast::error_code error, tcp::socket socket) {
            if (error == asio::error::operation_aborted || self->shared->stopping) return;
            if (!error && self->shared->connections.fetch_add(1) < self->shared->options.connections_max) {
                beast::error_code ignored;
                socket.set_option(tcp::no_delay(true), ignored);
                std::make_shared<HttpSession>(std::move(socket), self->shared)->read();
            } else if (!error) {
                self->shared->connections.fetch_sub(1);
            }
            self->accept();
        });
    }

    std::shared_ptr<Shared> shared = std::make_shared<Shared>();
    asio::io_context io;
    tcp::acceptor acceptor;
    std::vector<std::thread> threads;
    std::uint16_t port = 0;
};

Result<std::unique_ptr<Server>> Server::start(const ServerOptions& options, std::shared_ptr<Handler> handler) {
    auto implementation = std::make_shared<Implementation>();
    implementation->shared->options = options;
    implementation->shared->handler = std::move(handler);
    if (auto status = implementation->listen(); !status) return status.error();
    implementation->accept();
    for (unsigned i = 0; i < std::max(options.threads, 1u); ++i)
        implementation->threads.emplace_back([raw = implementation.get()] { raw->io.run(); });
    return std::unique_ptr<Server>(new Server(std::move(implementation)));
}

Server::~Server() { stop(0); }

std::uint16_t Server::port() const noexcept { return implementation_->port; }

void Server::stop(unsigned grace_ms) {
    auto& server = *implementation_;
    if (server.threads.empty()) return;
    server.shared->stopping = true;
    asio::post(server.io, [implementation = implementation_] {
        beast::error_code ignored;
        implementation->acceptor.close(ignored);
    });
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(grace_ms);
    while (server.shared->in_flight > 0 && std::chrono::steady_clock::now() < deadline)
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    server.io.stop();
    for (auto& thread : server.threads) thread.join();
    server.threads.clear();
}

}  // namespace troupe::rpc
