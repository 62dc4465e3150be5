#include "runtime/link/connection.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/write.hpp>
#include <netinet/tcp.h>

#include "runtime/base/codec.hpp"
#include "runtime/link/hub_core.hpp"
#include "runtime/link/tls_identity.hpp"

namespace troupe::link {
namespace {

namespace asio = boost::asio;

struct Hello {
    Hash256 network;
    NodeIndex index;

    static constexpr auto reflect() {
        return fields("Hello", field("network", &Hello::network), field("index", &Hello::index));
    }
};

/// Unsent bytes in the kernel's buffer: what is there can't be overtaken by a priority frame any more.
constexpr int kernel_unsent_bytes_max = 256 << 10;
/// Above this a batch's buffer is given back after the write.
constexpr std::size_t kept_buffer_bytes_max = 256 << 10;

[[nodiscard]] std::chrono::milliseconds ms(std::uint32_t count) { return std::chrono::milliseconds(count); }

}  // namespace

Connection::Connection(HubCore& hub, tcp::socket socket, PeerState* expected)
    : hub_(hub),
      stream_(std::move(socket), hub.tls),
      timer_(hub.io),
      pause_(hub.io),
      expected_(expected),
      bytes_(hub.options.receive_bytes_per_second, Clock::now()),
      frames_(hub.options.receive_frames_per_second, Clock::now()),
      last_read_(Clock::now()) {}

void Connection::dial(const tcp::resolver::results_type& endpoints) {
    who_ = expected_->facts.name;
    start_timeout();
    asio::async_connect(stream_.lowest_layer(), endpoints,
                        [self = shared_from_this()](const auto& error, const tcp::endpoint&) {
                            if (self->closed_) return;
                            if (error) return self->close("connect: " + error.message());
                            self->handshake();
                        });
}

void Connection::accepted() {
    boost::system::error_code error;
    const auto endpoint = stream_.lowest_layer().remote_endpoint(error);
    if (!error) address_ = endpoint.address().to_string();
    who_ = error ? "a connection that is gone" : address_;
    start_timeout();
    handshake();
}

void Connection::start_timeout() {
    timer_.expires_after(ms(hub_.options.handshake_ms_max));
    timer_.async_wait([self = shared_from_this()](const auto& error) {
        if (!error && self->peer_ == nullptr) self->close("handshake took too long");
    });
}

void Connection::handshake() {
    boost::system::error_code ignored;
    stream_.lowest_layer().set_option(tcp::no_delay(true), ignored);
    ::setsockopt(stream_.lowest_layer().native_handle(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kernel_unsent_bytes_max,
                 sizeof kernel_unsent_bytes_max);
    stream_.async_handshake(is_outbound() ? asio::ssl::stream_base::client : asio::ssl::stream_base::server,
                            [self = shared_from_this()](const auto& error) {
                                if (!self->closed_) self->on_handshake(error);
                            });
}

void Connection::on_handshake(const boost::system::error_code& error) {
    if (error) return close("TLS handshake failed: " + error.message());
    const auto key = peer_key(stream_.native_handle());
    if (!key) return close("its certificate holds no Ed25519 key");
    candidate_ = hub_.find(*key);
    if (candidate_ == nullptr) return close("its key " + to_hex(key->view()) + " is not in the genesis");
    if (expected_ != nullptr && expected_ != candidate_)
        return close("answers with the key of " + candidate_->facts.name);
    put_frame(control_, hello_kind, encode(Hello{hub_.options.network, hub_.options.self}));
    flush();
    read();
}

void Connection::on_hello(ByteView payload) {
    const auto hello = decode<Hello>(payload);
    if (!hello) return close(hello.error().message);
    if (hello->network != hub_.options.network)
        return close("belongs to network " + to_hex(hello->network.view()) + ", ours is " +
                     to_hex(hub_.options.network.view()));
    if (hello->index != candidate_->facts.index)
        return close("claims to be node " + std::to_string(hello->index.value) + ", its key is that of " +
                     candidate_->facts.name);
    if (Clock::now() < candidate_->banned_until) return close("broke the protocol a moment ago");
    if (!hub_.admit(*candidate_, *this)) return close("has a better connection already");
    peer_ = candidate_;
    hub_.established(*peer_, shared_from_this());
    if (closed_) return;
    keep_alive();
    send_ping(Clock::now());
    flush();
}

void Connection::read() {
    stream_.async_read_some(asio::buffer(in_), [self = shared_from_this()](const auto& error, std::size_t size) {
        if (self->closed_) return;
        if (error == asio::error::eof || error == asio::ssl::error::stream_truncated)
            return self->close(self->peer_ == nullptr ? "closed by the other side before its hello"
                                                      : "closed by the peer");
        if (error) return self->close("read: " + error.message());
        self->on_bytes(size);
    });
}

void Connection::on_bytes(std::size_t size) {
    const auto now = Clock::now();
    last_read_ = now;
    bytes_.take(static_cast<double>(size), now);
    ByteView input{in_.data(), size};
    frames_in_ = bytes_in_ = 0;
    while (!closed_) {
        const auto event = reader_.next(input, peer_ == nullptr ? hub_.before_hello : hub_.after_hello);
        if (event == FrameReader::Event::need_more) break;
        if (event == FrameReader::Event::fault) {
            if (peer_ != nullptr) hub_.refuse(peer_->facts.name, reader_.fault());
            return close(reader_.fault());
        }
        frames_.take(1, now);
        on_frame(reader_.kind(), reader_.take_payload(), now);
    }
    if (peer_ != nullptr && frames_in_ != 0) {
        const std::lock_guard lock{peer_->mutex};
        peer_->counters.frames_in += frames_in_;
        peer_->counters.bytes_in += bytes_in_;
    }
    if (closed_) return;
    flush();
    pause_or_read();
}

void Connection::on_frame(Kind kind, Bytes payload, Clock::time_point now) {
    if (kind == hello_kind) return on_hello(payload);
    if (!heard_) {
        // Only now is it certain that the peer accepted us too, so a peer that refuses is not dialed ever faster.
        heard_ = true;
        peer_->retry_ms = hub_.options.reconnect_ms_min;
    }
    if (kind == ping_kind) {
        pong_due_ = std::move(payload);
        return;
    }
    if (kind == pong_kind) return on_pong(payload, now);
    ++frames_in_;
    bytes_in_ += payload.size() + frame_header_bytes;
    if (hub_.callbacks.on_frame) hub_.callbacks.on_frame(peer_->facts.index, kind, std::move(payload));
}

void Connection::on_pong(ByteView payload, Clock::time_point now) {
    const auto echoed = decode<std::uint64_t>(payload);
    // An echo of anything but the ping under way says nothing about the time.
    if (ping_nonce_ == 0 || !echoed || *echoed != ping_nonce_) return;
    ping_nonce_ = 0;
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(now - ping_sent_).count();
    const std::lock_guard lock{peer_->mutex};
    peer_->counters.round_trip_us = static_cast<std::uint64_t>(std::max<std::int64_t>(took, 1));
}

/// A peer over its rate is not read for as long as it takes to be within again; TCP then holds it back.
void Connection::pause_or_read() {
    const auto wait = std::max(bytes_.wait(), frames_.wait());
    if (wait.count() == 0) return read();
    if (peer_ != nullptr) {
        const std::lock_guard lock{peer_->mutex};
        ++peer_->counters.receive_pauses;
    }
    pause_.expires_after(wait);
    pause_.async_wait([self = shared_from_this()](const auto& error) {
        if (error || self->closed_) return;
        // The silence was ours.
        self->last_read_ = Clock::now();
        self->read();
    });
}

void Connection::flush() {
    if (writing_ || closed_) return;
    batch_.clear();
    batch_.coalesced.swap(control_);
    if (!pong_due_.empty()) {
        put_frame(batch_.coalesced, pong_kind, pong_due_);
        pong_due_.clear();
    }
    if (peer_ != nullptr) {
        const auto control_bytes = batch_.coalesced.size();
        const std::lock_guard lock{peer_->mutex};
        peer_->queue.take(batch_);
        peer_->counters.frames_out += batch_.frames;
        peer_->counters.bytes_out += batch_.size_bytes() - control_bytes;
    }
    if (!batch_.coalesced.empty()) return write();
    if (draining_) {
        boost::system::error_code ignored;
        stream_.lowest_layer().shutdown(tcp::socket::shutdown_send, ignored);
    }
}

void Connection::write() {
    writing_ = true;
    const std::array<asio::const_buffer, 2> buffers{asio::buffer(batch_.coalesced),
                                                    batch_.large ? asio::buffer(*batch_.large) : asio::const_buffer{}};
    asio::async_write(stream_, buffers, [self = shared_from_this()](const auto& error, std::size_t) {
        self->writing_ = false;
        if (self->closed_) return;
        if (error) return self->close("write: " + error.message());
        if (self->batch_.coalesced.capacity() > kept_buffer_bytes_max) Bytes{}.swap(self->batch_.coalesced);
        self->flush();
    });
}

void Connection::drain() {
    draining_ = true;
    flush();
}

void Connection::keep_alive() {
    timer_.expires_after(ms(hub_.options.ping_ms));
    timer_.async_wait([self = shared_from_this()](const auto& error) {
        if (error || self->closed_) return;
        const auto now = Clock::now();
        if (now - self->last_read_ > ms(self->hub_.options.silence_ms_max) && self->pause_.expiry() <= now)
            return self->close("silent for over " + std::to_string(self->hub_.options.silence_ms_max) + " ms");
        if (!self->draining_) self->send_ping(now);
        self->flush();
        self->keep_alive();
    });
}

void Connection::send_ping(Clock::time_point now) {
    // With a ping unwritten or unanswered a further one would only tell less.
    if (!control_.empty() || (ping_nonce_ != 0 && now - ping_sent_ < ms(hub_.options.silence_ms_max))) return;
    ping_sent_ = now;
    ping_nonce_ = static_cast<std::uint64_t>(now.time_since_epoch().count()) | 1;
    put_frame(control_, ping_kind, encode(ping_nonce_));
}

void Connection::close(const std::string& why) {
    if (closed_) return;
    closed_ = true;
    const auto self = shared_from_this();
    timer_.cancel();
    pause_.cancel();
    boost::system::error_code ignored;
    stream_.lowest_layer().shutdown(tcp::socket::shutdown_both, ignored);
    stream_.lowest_layer().close(ignored);
    if (peer_ != nullptr)
        hub_.closed(*peer_, *this, why);
    else
        hub_.failed(*this, expected_, who_, why);
}

}  // namespace troupe::link
