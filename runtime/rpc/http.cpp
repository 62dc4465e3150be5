#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket/rfc6455.hpp>

#include "runtime/base/limits.hpp"
#include "runtime/rpc/connection.hpp"

namespace troupe::rpc {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using std::chrono::steady_clock;

namespace {

/// A connection that was told to go may still be sending: its bytes are thrown away for this long, so that it gets to
/// read why instead of a reset.
constexpr auto linger = std::chrono::seconds(2);
constexpr std::size_t header_bytes_max = 16 << 10;
constexpr std::string_view continue_line = "HTTP/1.1 100 Continue\r\n\r\n";

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
        : all_(std::move(all)), id_(next_connection_id()), stream_(std::move(socket)) {}
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
    [[nodiscard]] std::optional<steady_clock::time_point> waits_since() const override { return waiting_.since(); }

private:
    [[nodiscard]] std::chrono::milliseconds read_time() const {
        return std::chrono::milliseconds(all_->options.read_ms);
    }

    /// A connection may idle between requests, not within one.
    void wait_for_request() {
        if (all_->stopping) return close();
        waiting_.begin();
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
        deadline_ = steady_clock::now() + read_time();
        expire_soon();
        http::async_read_header(stream_, buffer_, *parser_,
                                [self = shared_from_this()](beast::error_code error, std::size_t) {
                                    if (error) return self->refuse(error);
                                    self->on_header();
                                });
    }

    /// The whole request has its time, and each part of it a shorter one.
    void expire_soon() {
        stream_.expires_at(
            std::min(deadline_, steady_clock::now() + std::chrono::milliseconds(all_->options.stall_ms)));
    }

    void on_header() {
        body_.emplace(all_->load, all_->options);
        parser_->eager(true);
        if (!beast::iequals(parser_->get()[http::field::expect], "100-continue")) return read_body();
        asio::async_write(stream_, asio::buffer(continue_line),
                          [self = shared_from_this()](beast::error_code error, std::size_t) {
                              if (error) return self->close();
                              self->read_body();
                          });
    }

    /// A body counts by what has come of it, not by what it says it will be.
    void read_body() {
        if (parser_->is_done()) return on_request();
        expire_soon();
        http::async_read_some(stream_, buffer_, *parser_,
                              [self = shared_from_this()](beast::error_code error, std::size_t) {
                                  if (error) return self->refuse(error);
                                  if (!self->body_->receive(self->parser_->get().body().size()))
                                      return self->end_with(http::status::service_unavailable, -32005,
                                                            "too many large requests at once, try again");
                                  self->read_body();
                              });
    }

    void on_request() {
        waiting_.end();
        auto request = parser_->release();
        parser_.reset();
        keep_alive_ = request.keep_alive();
        version_ = request.version();
        if (beast::websocket::is_upgrade(request)) return upgrade(std::move(request));
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
        auto work = std::make_shared<BodyWork>(std::move(*body_));
        body_.reset();
        work->begin();
        run_exchange(all_->load, work, all_->options, *all_->handler, peer, request.body(),
                     [weak = weak_from_this(), work](std::string answer) {
                         const auto self = weak.lock();
                         if (!self) return;
                         asio::dispatch(
                             self->stream_.get_executor(), [weak, work, answer = std::move(answer)]() mutable {
                                 const auto live = weak.lock();
                                 if (!live) return;
                                 live->work_ = std::move(work);
                                 const auto status = answer.empty() ? http::status::no_content : http::status::ok;
                                 live->reply(status, "application/json", std::move(answer));
                             });
                     });
    }

    void upgrade(HttpRequest request) {
        body_.reset();
        if (all_->load->websockets.fetch_add(1) >= all_->options.websockets_max) {
            all_->load->websockets.fetch_sub(1);
            return end_with(http::status::service_unavailable, -32005, "WebSocket limit exceeded, try again");
        }
        upgraded_ = true;
        stream_.expires_never();
        serve_websocket(all_, stream_.release_socket(), std::move(request));
        all_->remove(id_);
    }

    void reply(http::status status, std::string_view content_type, std::string body) {
        if (closed_) return;
        response_ = {status, version_};
        response_.set(http::field::content_type, beast::string_view{content_type.data(), content_type.size()});
        for (const auto& [name, value] : cross_origin_headers) response_.set(name, value);
        if (status == http::status::service_unavailable) response_.set(http::field::retry_after, "1");
        response_.keep_alive(keep_alive_ && !all_->stopping);
        response_.body() = std::move(body);
        response_.prepare_payload();
        stream_.expires_after(read_time());
        http::async_write(stream_, response_, [self = shared_from_this()](beast::error_code error, std::size_t) {
            self->work_.reset();
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
        waiting_.end();
        keep_alive_ = false;
        parser_.reset();
        body_.reset();
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
        body_.reset();
        work_.reset();
        stream_.close();
        all_->remove(id_);
    }

    std::shared_ptr<Connections> all_;
    std::uint64_t id_;
    beast::tcp_stream stream_;
    /// The request that is being received.
    std::optional<BodyWork> body_;
    /// The one whose answer is being written.
    std::shared_ptr<BodyWork> work_;
    Waiting waiting_;
    steady_clock::time_point deadline_;
    beast::flat_buffer buffer_;
    std::optional<http::request_parser<TextBody>> parser_;
    http::response<http::string_body> response_;
    unsigned version_ = 11;
    bool keep_alive_ = false;
    bool upgraded_ = false;
    bool closed_ = false;
};

}  // namespace

void serve_http(const std::shared_ptr<Connections>& connections, tcp::socket socket) {
    std::make_shared<HttpConnection>(connections, std::move(socket))->start();
}

}  // namespace troupe::rpc
