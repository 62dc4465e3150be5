#include <deque>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/websocket.hpp>
#include <spdlog/spdlog.h>

#include "runtime/base/limits.hpp"
#include "runtime/rpc/connection.hpp"

namespace troupe::rpc {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;

namespace {

constexpr std::size_t read_bytes = 64 << 10;

class WebSocketConnection;

/// What handlers keep of a connection: it may be gone.
class WebSocketPeer final : public Peer {
public:
    explicit WebSocketPeer(std::uint64_t id) : id_(id) {}
    [[nodiscard]] std::uint64_t id() const noexcept override { return id_; }
    [[nodiscard]] bool is_websocket() const noexcept override { return true; }
    bool push(std::string message) override;

private:
    friend class WebSocketConnection;
    std::uint64_t id_;
    std::weak_ptr<WebSocketConnection> connection_;
};

/// All of it runs on the stream's strand but send().
class WebSocketConnection final : public Connection, public std::enable_shared_from_this<WebSocketConnection> {
public:
    WebSocketConnection(std::shared_ptr<Connections> all, tcp::socket socket)
        : all_(std::move(all)),
          id_(next_connection_id()),
          stream_(std::move(socket)),
          message_timer_(stream_.get_executor()),
          peer_(std::make_shared<WebSocketPeer>(id_)) {}
    ~WebSocketConnection() override {
        all_->load->connections.fetch_sub(1);
        all_->load->websockets.fetch_sub(1);
    }

    void accept(const HttpRequest& request) {
        peer_->connection_ = weak_from_this();
        all_->add(id_, shared_from_this());
        websocket::stream_base::timeout timeout{};
        timeout.handshake_timeout = std::chrono::milliseconds(all_->options.read_ms);
        timeout.idle_timeout = std::chrono::milliseconds(all_->options.idle_ms);
        timeout.keep_alive_pings = true;
        stream_.set_option(timeout);
        stream_.read_message_max(limits::rpc_body_bytes_max);
        stream_.text(true);
        // permessage-deflate, which ethers offers, is declined by not being mentioned.
        stream_.async_accept(request, [self = shared_from_this()](beast::error_code error) {
            if (error) return self->close();
            if (self->all_->stopping) return self->close();
            self->read();
        });
    }

    /// From any thread. `work` is held until the message has been written; what answers none pays for itself.
    bool send(std::string message, std::shared_ptr<BodyWork> work) {
        if (closed_) return false;
        const auto size = message.size();
        Share pushed{all_->load, &Load::answer_bytes, all_->options.answer_bytes_max};
        const bool has_room = work != nullptr || pushed.take(size);
        if (queued_bytes_.fetch_add(size) + size > all_->options.push_bytes_max || !has_room) {
            spdlog::info("rpc: WebSocket peer {} reads too slowly, disconnected", id_);
            abort();
            return false;
        }
        asio::post(stream_.get_executor(),
                   [self = shared_from_this(),
                    queued = Queued{std::move(message), std::move(work), std::move(pushed)}]() mutable {
                       if (self->closed_) return;
                       self->queue_.push_back(std::move(queued));
                       if (self->queue_.size() == 1) self->write();
                   });
        return true;
    }

    void say_goodbye() override {
        asio::post(stream_.get_executor(),
                   [self = shared_from_this()] { self->close_with(websocket::close_code::going_away); });
    }
    void abort() override {
        asio::post(stream_.get_executor(), [self = shared_from_this()] { self->close(); });
    }
    [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> waits_since() const override {
        return std::nullopt;
    }

private:
    struct Queued {
        std::string message;
        std::shared_ptr<BodyWork> work;
        Share pushed;
    };

    void read() {
        reading_ = true;
        stream_.async_read_some(buffer_, read_bytes, [self = shared_from_this()](beast::error_code error, std::size_t) {
            self->reading_ = false;
            if (error) return self->close();
            if (!self->receive()) return self->close_with(websocket::close_code::try_again_later);
            if (!self->stream_.is_message_done()) return self->read();
            self->on_message();
        });
    }

    bool receive() {
        if (!message_) {
            message_ = std::make_shared<BodyWork>(all_->load, all_->options);
            // Pings keep a silent peer, but not the beginning of a message.
            message_timer_.expires_after(std::chrono::milliseconds(all_->options.read_ms));
            message_timer_.async_wait([weak = weak_from_this()](beast::error_code cancelled) {
                if (const auto self = weak.lock(); self && !cancelled) self->close();
            });
        }
        return message_->receive(buffer_.size());
    }

    void on_message() {
        if (all_->stopping) return;
        ++bodies_;
        message_timer_.cancel();
        const auto work = std::move(message_);
        work->begin();
        const auto data = buffer_.data();
        // Answers come from any thread; the count of bodies is the strand's.
        auto done = [weak = weak_from_this(), work](std::string answer) {
            const auto self = weak.lock();
            if (!self) return;
            if (!answer.empty()) self->send(std::move(answer), work);
            asio::post(self->stream_.get_executor(), [self] { self->on_answered(); });
        };
        run_exchange(all_->load, work, all_->options, *all_->handler, peer_,
                     {static_cast<const char*>(data.data()), data.size()}, std::move(done));
        buffer_.consume(data.size());
        if (buffer_.capacity() > 2 * read_bytes) buffer_.shrink_to_fit();
        if (bodies_ < all_->options.peer_bodies_max) read();
    }

    void on_answered() {
        const bool was_full = bodies_-- >= all_->options.peer_bodies_max;
        if (was_full && !reading_ && !closed_ && !all_->stopping) read();
    }

    void write() {
        stream_.async_write(asio::buffer(queue_.front().message),
                            [self = shared_from_this()](beast::error_code error, std::size_t) {
                                if (error) return self->close();
                                self->queued_bytes_.fetch_sub(self->queue_.front().message.size());
                                self->queue_.pop_front();
                                if (self->closed_) return;
                                if (!self->queue_.empty()) return self->write();
                                if (self->close_after_) self->close_with(*self->close_after_);
                            });
    }

    /// After what is queued.
    void close_with(websocket::close_code code) {
        if (closed_) return;
        if (!queue_.empty()) {
            close_after_ = code;
            return;
        }
        stream_.async_close(code, [self = shared_from_this()](beast::error_code) { self->close(); });
    }

    void close() {
        if (closed_) return;
        closed_ = true;
        message_timer_.cancel();
        message_.reset();
        beast::error_code ignored;
        beast::get_lowest_layer(stream_).socket().close(ignored);
        // What is being written stays until its operation has ended.
        while (queue_.size() > 1) queue_.pop_back();
        all_->handler->on_closed(id_);
        all_->remove(id_);
    }

    std::shared_ptr<Connections> all_;
    std::uint64_t id_;
    websocket::stream<beast::tcp_stream> stream_;
    asio::steady_timer message_timer_;
    std::shared_ptr<WebSocketPeer> peer_;
    /// The message that is being received.
    std::shared_ptr<BodyWork> message_;
    beast::flat_buffer buffer_;
    std::deque<Queued> queue_;
    std::atomic<std::size_t> queued_bytes_{0};
    std::size_t bodies_ = 0;
    std::optional<websocket::close_code> close_after_;
    bool reading_ = false;
    std::atomic<bool> closed_{false};
};

bool WebSocketPeer::push(std::string message) {
    const auto connection = connection_.lock();
    return connection && connection->send(std::move(message), nullptr);
}

}  // namespace

void serve_websocket(const std::shared_ptr<Connections>& connections, tcp::socket socket, HttpRequest request) {
    std::make_shared<WebSocketConnection>(connections, std::move(socket))->accept(request);
}

}  // namespace troupe::rpc
