#include <spdlog/spdlog.h>

#include <array>
#include <atomic>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <deque>
#include <future>
#include <map>
#include <mutex>
#include <thread>

#include "runtime/base/codec.hpp"
#include "runtime/base/limits.hpp"
#include "runtime/crypto/random.hpp"
#include "runtime/link/link.hpp"
#include "runtime/link/tls_identity.hpp"

namespace troupe::link {
namespace {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using Clock = std::chrono::steady_clock;
using Stream = asio::ssl::stream<tcp::socket>;

constexpr Kind hello_kind = 0;
constexpr Kind ping_kind = 255;
constexpr std::size_t header_bytes = 5;
constexpr std::size_t control_bytes_max = 256;
constexpr std::size_t write_batch_bytes = 256 << 10;

struct Hello {
    Hash256 network;
    NodeIndex index;

    static constexpr auto reflect() {
        return fields("Hello", field("network", &Hello::network), field("index", &Hello::index));
    }
};

struct Frame {
    Kind kind = 0;
    std::shared_ptr<const Bytes> payload;
};

/// Allows `rate` units a second with one second's burst; debt is paid by waiting.
class TokenBucket {
public:
    explicit TokenBucket(double rate) : rate_(rate), tokens_(rate) {}
    void take(double units, Clock::time_point now) {
        tokens_ = std::min(rate_, tokens_ + rate_ * std::chrono::duration<double>(now - last_).count());
        last_ = now;
        tokens_ -= units;
    }
    [[nodiscard]] std::chrono::milliseconds wait() const {
        return std::chrono::milliseconds(tokens_ >= 0 ? 0 : static_cast<std::int64_t>(-tokens_ / rate_ * 1000) + 1);
    }

private:
    double rate_;
    double tokens_;
    Clock::time_point last_ = Clock::now();
};

}  // namespace

class Connection;

struct PeerState {
    Peer facts;

    /// Guards the queues and what decides whether a frame may enter them.
    mutable std::mutex mutex;
    std::deque<Frame> priority;
    std::deque<Frame> bulk;
    std::size_t priority_bytes = 0;
    std::size_t bulk_bytes = 0;
    bool connected = false;
    bool flush_posted = false;
    PeerCounters counters;

    // Only on the hub's thread.
    std::shared_ptr<Connection> connection;
    std::uint32_t retry_ms = 0;
    std::unique_ptr<asio::steady_timer> retry_timer;
    Clock::time_point banned_until{};
};

class Hub::Implementation : public std::enable_shared_from_this<Implementation> {
public:
    Implementation(Options o, Callbacks c)
        : options(std::move(o)),
          callbacks(std::move(c)),
          tls(asio::ssl::context::tls),
          acceptor(io),
          work(asio::make_work_guard(io)) {
        for (const auto& facts : options.kinds) kinds[facts.kind] = facts;
        for (const auto& peer : options.peers) {
            auto state = std::make_unique<PeerState>();
            state->facts = peer;
            state->counters.index = peer.index;
            state->retry_ms = options.reconnect_ms_min;
            state->retry_timer = std::make_unique<asio::steady_timer>(io);
            by_key[peer.key] = state.get();
            peers[peer.index] = std::move(state);
        }
    }

    Status listen();
    void accept();
    void dial(PeerState& peer);
    void dial_later(PeerState& peer);
    void established(PeerState& peer, const std::shared_ptr<Connection>& connection);
    void closed(PeerState& peer, const std::shared_ptr<Connection>& connection, const std::string& why);
    bool enqueue(PeerState& peer, Frame frame);
    void refuse(const std::string& who, const std::string& why);

    Options options;
    Callbacks callbacks;
    std::map<Kind, KindFacts> kinds;
    std::map<NodeIndex, std::unique_ptr<PeerState>> peers;
    std::map<Ed25519PublicKey, PeerState*> by_key;

    asio::io_context io;
    asio::ssl::context tls;
    tcp::acceptor acceptor;
    asio::executor_work_guard<asio::io_context::executor_type> work;
    std::thread thread;
    std::uint32_t unauthenticated = 0;
    std::uint16_t port = 0;
    bool stopping = false;
    std::map<std::string, Clock::time_point> last_refusal;
};

/// One TCP connection, from handshake to close. Only on the hub's thread.
class Connection : public std::enable_shared_from_this<Connection> {
public:
    Connection(Hub::Implementation& hub, tcp::socket socket, PeerState* expected)
        : hub_(hub),
          stream_(std::move(socket), hub.tls),
          timer_(hub.io),
          expected_(expected),
          bytes_(hub.options.receive_bytes_per_second),
          frames_(hub.options.receive_frames_per_second) {}

    void start(bool as_client) {
        boost::system::error_code ignored;
        stream_.lowest_layer().set_option(tcp::no_delay(true), ignored);
        const auto endpoint = stream_.lowest_layer().remote_endpoint(ignored);
        who_ = ignored ? "a closed connection" : endpoint.address().to_string() + ":" + std::to_string(endpoint.port());
        ++hub_.unauthenticated;
        counted_ = true;
        timer_.expires_after(std::chrono::milliseconds(hub_.options.handshake_ms_max));
        timer_.async_wait([self = shared_from_this()](auto error) {
            if (!error && self->peer_ == nullptr) self->close("handshake took too long");
        });
        stream_.async_handshake(as_client ? Stream::client : Stream::server,
                                [self = shared_from_this()](auto error) { self->on_handshake(error); });
    }

    void close(const std::string& why) {
        if (closed_) return;
        closed_ = true;
        leave_unauthenticated();
        timer_.cancel();
        boost::system::error_code ignored;
        stream_.lowest_layer().shutdown(tcp::socket::shutdown_both, ignored);
        stream_.lowest_layer().close(ignored);
        if (peer_ != nullptr) return hub_.closed(*peer_, shared_from_this(), why);
        if (!hub_.stopping) hub_.refuse(expected_ != nullptr ? expected_->facts.name : who_, why);
        if (expected_ != nullptr) hub_.dial_later(*expected_);
    }

    void flush() {
        if (writing_ || closed_ || peer_ == nullptr) return;
        {
            const std::lock_guard lock{peer_->mutex};
            out_.clear();
            take(peer_->priority, peer_->priority_bytes);
            take(peer_->bulk, peer_->bulk_bytes);
            peer_->counters.bytes_out += out_.size();
        }
        if (!out_.empty()) write();
    }

    [[nodiscard]] bool is_writing() const noexcept { return writing_; }

private:
    void take(std::deque<Frame>& queue, std::size_t& bytes) {
        while (!queue.empty() && out_.size() < write_batch_bytes) {
            auto& frame = queue.front();
            put(frame.kind, *frame.payload);
            bytes -= frame.payload->size() + header_bytes;
            ++peer_->counters.frames_out;
            queue.pop_front();
        }
    }

    void put(Kind kind, ByteView payload) {
        const auto length = static_cast<std::uint32_t>(payload.size() + 1);
        for (int shift = 24; shift >= 0; shift -= 8) out_.push_back(static_cast<std::uint8_t>(length >> shift));
        out_.push_back(kind);
        append(out_, payload);
    }

    void write() {
        writing_ = true;
        last_write_ = Clock::now();
        asio::async_write(stream_, asio::buffer(out_), [self = shared_from_this()](auto error, std::size_t) {
            self->writing_ = false;
            if (error) return self->close("write: " + error.message());
            if (self->out_.capacity() > 4 * write_batch_bytes) Bytes{}.swap(self->out_);
            self->flush();
        });
    }

    void on_handshake(const boost::system::error_code& error) {
        if (closed_) return;
        if (error) return close("TLS handshake failed: " + error.message());
        const auto key = peer_key(stream_.native_handle());
        if (!key) return close("no Ed25519 certificate");
        const auto it = hub_.by_key.find(*key);
        if (it == hub_.by_key.end()) return close("unknown key " + to_hex(key->view()));
        if (expected_ != nullptr && expected_ != it->second) return close("another node's key");
        candidate_ = it->second;
        out_.clear();
        put(hello_kind, encode(Hello{hub_.options.network, hub_.options.self}));
        write();
        read();
    }

    void read() {
        stream_.async_read_some(asio::buffer(in_), [self = shared_from_this()](auto error, std::size_t size) {
            if (self->closed_) return;
            if (error) return self->close(error == asio::error::eof ? "closed by the peer" : "read: " + error.message());
            self->on_bytes(size);
        });
    }

    void on_bytes(std::size_t size) {
        const auto now = Clock::now();
        last_read_ = now;
        bytes_.take(static_cast<double>(size), now);
        std::size_t used = 0;
        while (used < size && !closed_) {
            if (header_size_ < header_bytes) {
                header_[header_size_++] = in_[used++];
                if (header_size_ == header_bytes && !begin_frame()) return;
            } else {
                const auto n = std::min(size - used, wanted_ - body_.size());
                body_.insert(body_.end(), in_.begin() + used, in_.begin() + used + n);
                used += n;
            }
            if (header_size_ == header_bytes && body_.size() == wanted_) {
                header_size_ = 0;
                frames_.take(1, now);
                on_frame(header_[4], std::move(body_));
                body_ = {};
            }
        }
        if (closed_) return;
        const auto wait = std::max(bytes_.wait(), frames_.wait());
        if (wait.count() == 0) return read();
        pause_ = std::make_unique<asio::steady_timer>(hub_.io, wait);
        pause_->async_wait([self = shared_from_this()](auto error) {
            if (!error && !self->closed_) self->read();
        });
    }

    /// The length is checked before anything is allocated for the payload.
    bool begin_frame() {
        const std::size_t length = static_cast<std::size_t>(header_[0]) << 24 | static_cast<std::size_t>(header_[1]) << 16 |
                                   static_cast<std::size_t>(header_[2]) << 8 | header_[3];
        const Kind kind = header_[4];
        std::size_t max = control_bytes_max;
        if (peer_ == nullptr ? kind != hello_kind : kind == hello_kind) return close("frame out of order"), false;
        if (kind != hello_kind && kind != ping_kind) {
            const auto facts = hub_.kinds.find(kind);
            if (facts == hub_.kinds.end()) return close("unknown kind of frame " + std::to_string(kind)), false;
            max = facts->second.bytes_max;
        }
        if (length == 0 || length - 1 > max || length - 1 > limits::frame_bytes_max)
            return close("frame of " + std::to_string(length) + " bytes is over the limit"), false;
        wanted_ = length - 1;
        // Grows as bytes arrive: a claimed length alone allocates little.
        body_.reserve(std::min<std::size_t>(wanted_, 64 << 10));
        return true;
    }

    void on_frame(Kind kind, Bytes payload) {
        if (kind == ping_kind) return;
        if (kind == hello_kind) return on_hello(payload);
        {
            const std::lock_guard lock{peer_->mutex};
            ++peer_->counters.frames_in;
            peer_->counters.bytes_in += payload.size() + header_bytes;
        }
        if (hub_.callbacks.on_frame) hub_.callbacks.on_frame(peer_->facts.index, kind, std::move(payload));
    }

    void on_hello(ByteView payload) {
        const auto hello = decode<Hello>(payload);
        if (!hello) return close(hello.error().message);
        if (hello->network != hub_.options.network) return close("node of another network (its genesis differs)");
        if (hello->index != candidate_->facts.index) return close("claims to be another node than its key says");
        if (Clock::now() < candidate_->banned_until) return close("peer broke the protocol a moment ago");
        peer_ = candidate_;
        leave_unauthenticated();
        hub_.established(*peer_, shared_from_this());
        keep_alive();
    }

    void keep_alive() {
        timer_.expires_after(std::chrono::milliseconds(hub_.options.ping_ms));
        timer_.async_wait([self = shared_from_this()](auto error) {
            if (error || self->closed_) return;
            const auto now = Clock::now();
            if (now - self->last_read_ > std::chrono::milliseconds(self->hub_.options.silence_ms_max))
                return self->close("silent for too long");
            if (!self->writing_ && now - self->last_write_ > std::chrono::milliseconds(self->hub_.options.ping_ms / 2)) {
                self->out_.clear();
                self->put(ping_kind, {});
                self->write();
            }
            self->keep_alive();
        });
    }

    void leave_unauthenticated() {
        if (counted_) --hub_.unauthenticated;
        counted_ = false;
    }

    Hub::Implementation& hub_;
    Stream stream_;
    asio::steady_timer timer_;
    std::unique_ptr<asio::steady_timer> pause_;
    PeerState* expected_;
    PeerState* candidate_ = nullptr;
    PeerState* peer_ = nullptr;
    std::string who_;
    bool counted_ = false;
    bool closed_ = false;
    bool writing_ = false;
    Bytes out_;
    std::array<std::uint8_t, 64 << 10> in_;
    std::array<std::uint8_t, header_bytes> header_{};
    std::size_t header_size_ = 0;
    Bytes body_;
    std::size_t wanted_ = 0;
    TokenBucket bytes_;
    TokenBucket frames_;
    Clock::time_point last_read_ = Clock::now();
    Clock::time_point last_write_ = Clock::now();
};

Status Hub::Implementation::listen() {
    if (options.listen_port == 0 && !options.listen_any_port) return Done{};
    boost::system::error_code error;
    const auto address = asio::ip::make_address(options.listen_host, error);
    const tcp::endpoint endpoint{address, options.listen_port};
    if (!error) acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (error)
        return make_error(ErrorCode::io, "link listener on " + options.listen_host + ":" +
                                             std::to_string(options.listen_port) + ": " + error.message());
    port = acceptor.local_endpoint().port();
    accept();
    return Done{};
}

void Hub::Implementation::accept() {
    acceptor.async_accept([self = shared_from_this()](auto error, tcp::socket socket) {
        if (self->stopping || error == asio::error::operation_aborted) return;
        if (!error) {
            if (self->unauthenticated < self->options.unauthenticated_max)
                std::make_shared<Connection>(*self, std::move(socket), nullptr)->start(false);
            else
                self->refuse("a new connection", "too many connections in their handshake");
        }
        self->accept();
    });
}

void Hub::Implementation::dial(PeerState& peer) {
    if (stopping || peer.connection) return;
    auto socket = std::make_shared<tcp::socket>(io);
    boost::system::error_code error;
    auto address = asio::ip::make_address(peer.facts.host, error);
    const auto connect = [this, self = shared_from_this(), socket, &peer](const tcp::endpoint& endpoint) {
        socket->async_connect(endpoint, [self, socket, &peer](auto failed) {
            if (self->stopping) return;
            if (failed) {
                const std::lock_guard lock{peer.mutex};
                peer.counters.last_error = "connect: " + failed.message();
            }
            if (failed) return self->dial_later(peer);
            std::make_shared<Connection>(*self, std::move(*socket), &peer)->start(true);
        });
    };
    if (!error) return connect({address, peer.facts.port});
    auto resolver = std::make_shared<tcp::resolver>(io);
    resolver->async_resolve(peer.facts.host, std::to_string(peer.facts.port),
                            [self = shared_from_this(), resolver, connect, &peer](auto failed, auto results) {
                                if (failed || results.empty()) return self->dial_later(peer);
                                connect(results.begin()->endpoint());
                            });
}

void Hub::Implementation::dial_later(PeerState& peer) {
    if (stopping || peer.facts.port == 0 || peer.facts.index > options.self) return;
    std::array<std::uint8_t, 1> random;
    fill_random(random);
    const auto wait = peer.retry_ms + peer.retry_ms * random[0] / 512;
    peer.retry_ms = std::min(peer.retry_ms * 2, options.reconnect_ms_max);
    peer.retry_timer->expires_after(std::chrono::milliseconds(wait));
    peer.retry_timer->async_wait([self = shared_from_this(), &peer](auto error) {
        if (!error) self->dial(peer);
    });
}

void Hub::Implementation::established(PeerState& peer, const std::shared_ptr<Connection>& connection) {
    // A peer that dials again has lost the old connection, even if we have not noticed.
    if (const auto old = std::exchange(peer.connection, connection)) old->close("replaced by a new connection");
    peer.connection = connection;
    peer.retry_ms = options.reconnect_ms_min;
    {
        const std::lock_guard lock{peer.mutex};
        peer.connected = true;
        peer.counters.connected = true;
        ++peer.counters.connections;
    }
    spdlog::info("link to {} is up", peer.facts.name);
    if (callbacks.on_peer) callbacks.on_peer(peer.facts.index, true);
}

void Hub::Implementation::closed(PeerState& peer, const std::shared_ptr<Connection>& connection,
                                 const std::string& why) {
    if (peer.connection != connection) return;
    peer.connection.reset();
    {
        const std::lock_guard lock{peer.mutex};
        peer.connected = false;
        peer.counters.connected = false;
        peer.counters.last_error = why;
        peer.priority.clear();
        peer.bulk.clear();
        peer.priority_bytes = peer.bulk_bytes = 0;
    }
    if (!stopping) spdlog::info("link to {} is down: {}", peer.facts.name, why);
    if (callbacks.on_peer) callbacks.on_peer(peer.facts.index, false);
    dial_later(peer);
}

bool Hub::Implementation::enqueue(PeerState& peer, Frame frame) {
    const auto facts = kinds.find(frame.kind);
    TROUPE_ASSERT(facts != kinds.end() && frame.payload->size() <= facts->second.bytes_max);
    const auto size = frame.payload->size() + header_bytes;
    bool reset = false;
    {
        const std::lock_guard lock{peer.mutex};
        if (!peer.connected) return false;
        if (facts->second.priority) {
            reset = peer.priority_bytes + size > options.priority_queue_bytes_max;
            if (!reset) {
                peer.priority.push_back(std::move(frame));
                peer.priority_bytes += size;
            }
        } else {
            if (peer.bulk_bytes + size > options.bulk_queue_bytes_max) return ++peer.counters.bulk_dropped, false;
            peer.bulk.push_back(std::move(frame));
            peer.bulk_bytes += size;
        }
        if (!reset && std::exchange(peer.flush_posted, true)) return true;
    }
    asio::post(io, [self = shared_from_this(), &peer, reset] {
        {
            const std::lock_guard lock{peer.mutex};
            peer.flush_posted = false;
        }
        const auto connection = peer.connection;
        if (!connection) return;
        if (reset) return connection->close("does not read fast enough");
        connection->flush();
    });
    return !reset;
}

/// One line per reason and source in five seconds: what strangers send must not fill the log.
void Hub::Implementation::refuse(const std::string& who, const std::string& why) {
    const auto now = Clock::now();
    const auto key = who.substr(0, who.rfind(':')) + why;
    if (last_refusal.size() > 1000) last_refusal.clear();
    auto& last = last_refusal[key];
    if (last != Clock::time_point{} && now - last < std::chrono::seconds(5)) return;
    last = now;
    spdlog::warn("link refused: {}: {}", who, why);
}

Result<std::unique_ptr<Hub>> Hub::create(Options options, Callbacks callbacks) {
    auto implementation = std::make_shared<Implementation>(std::move(options), std::move(callbacks));
    if (auto status = configure_tls(implementation->tls.native_handle(), implementation->options.identity); !status)
        return status.error();
    return std::unique_ptr<Hub>(new Hub(std::move(implementation)));
}

Hub::~Hub() { stop(0); }

Status Hub::start() {
    if (auto status = implementation_->listen(); !status) return status;
    for (auto& [index, peer] : implementation_->peers)
        if (index < implementation_->options.self && peer->facts.port != 0) implementation_->dial(*peer);
    implementation_->thread = std::thread([implementation = implementation_] { implementation->io.run(); });
    return Done{};
}

void Hub::stop(std::uint32_t flush_ms) {
    auto& hub = *implementation_;
    if (!hub.thread.joinable()) return;
    const auto deadline = Clock::now() + std::chrono::milliseconds(flush_ms);
    const auto pending = [&] {
        for (auto& [index, peer] : hub.peers) {
            const std::lock_guard lock{peer->mutex};
            if (peer->connected && peer->priority_bytes + peer->bulk_bytes != 0) return true;
        }
        return false;
    };
    while (Clock::now() < deadline && pending()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    std::promise<void> done;
    asio::post(hub.io, [&] {
        hub.stopping = true;
        boost::system::error_code ignored;
        hub.acceptor.close(ignored);
        for (auto& [index, peer] : hub.peers) {
            peer->retry_timer->cancel();
            if (peer->connection) peer->connection->close("node stops");
        }
        done.set_value();
    });
    done.get_future().wait();
    hub.work.reset();
    hub.io.stop();
    hub.thread.join();
}

bool Hub::send(NodeIndex to, Kind kind, std::shared_ptr<const Bytes> payload) {
    const auto it = implementation_->peers.find(to);
    return it != implementation_->peers.end() && implementation_->enqueue(*it->second, {kind, std::move(payload)});
}

void Hub::disconnect(NodeIndex index, std::string_view why) {
    asio::post(implementation_->io, [implementation = implementation_, index, why = std::string{why}] {
        const auto it = implementation->peers.find(index);
        if (it == implementation->peers.end() || !it->second->connection) return;
        it->second->banned_until = Clock::now() + std::chrono::seconds(1);
        implementation->refuse(it->second->facts.name, why);
        it->second->connection->close(why);
    });
}

bool Hub::is_connected(NodeIndex index) const {
    const auto it = implementation_->peers.find(index);
    if (it == implementation_->peers.end()) return false;
    const std::lock_guard lock{it->second->mutex};
    return it->second->connected;
}

std::vector<PeerCounters> Hub::counters() const {
    std::vector<PeerCounters> out;
    for (const auto& [index, peer] : implementation_->peers) {
        const std::lock_guard lock{peer->mutex};
        out.push_back(peer->counters);
        out.back().queued_bytes = peer->priority_bytes + peer->bulk_bytes;
    }
    return out;
}

std::uint16_t Hub::listen_port() const noexcept { return implementation_->port; }

}  // namespace troupe::link
