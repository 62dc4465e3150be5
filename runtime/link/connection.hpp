// One TCP connection, from dialing or accepting to close. Everything here runs on the hub's thread.
// Internal to runtime/link: the only header of ours that includes Asio's TLS besides hub_core.hpp.
#pragma once

#include <array>
#include <chrono>
#include <memory>
#include <string>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>

#include "runtime/link/frame_reader.hpp"
#include "runtime/link/send_queue.hpp"
#include "runtime/link/token_bucket.hpp"

namespace troupe::link {

class HubCore;
struct PeerState;

class Connection : public std::enable_shared_from_this<Connection> {
public:
    using tcp = boost::asio::ip::tcp;
    using Clock = std::chrono::steady_clock;

    /// `expected`: the peer that is dialed; null for an accepted connection, whose key tells who it is.
    Connection(HubCore& hub, tcp::socket socket, PeerState* expected);

    void dial(const tcp::resolver::results_type& endpoints);
    void accepted();
    /// Starts a write if none is under way.
    void flush();
    /// Sends what is queued, then says so by closing our direction; the peer closes the other one.
    void drain();
    void close(const std::string& why);

    [[nodiscard]] bool is_outbound() const noexcept { return expected_ != nullptr; }
    [[nodiscard]] const std::string& address() const noexcept { return address_; }

private:
    void start_timeout();
    void handshake();
    void on_handshake(const boost::system::error_code& error);
    void on_hello(ByteView payload);
    void read();
    void on_bytes(std::size_t size);
    void on_frame(Kind kind, Bytes payload, Clock::time_point now);
    void on_pong(ByteView payload, Clock::time_point now);
    void pause_or_read();
    void write();
    void keep_alive();
    void send_ping(Clock::time_point now);

    HubCore& hub_;
    boost::asio::ssl::stream<tcp::socket> stream_;
    /// The handshake's limit first, then the beat of the pings.
    boost::asio::steady_timer timer_;
    boost::asio::steady_timer pause_;
    PeerState* expected_;
    /// Whose key the certificate holds; its hello has not come.
    PeerState* candidate_ = nullptr;
    /// Set once the hello was right.
    PeerState* peer_ = nullptr;
    std::string address_;
    std::string who_;
    bool closed_ = false;
    bool writing_ = false;
    bool draining_ = false;
    bool heard_ = false;

    /// Hello, ping and pong: at most one of each, ahead of all frames.
    Bytes control_;
    SendBatch batch_;

    std::array<std::uint8_t, 64 << 10> in_;
    FrameReader reader_;
    TokenBucket bytes_;
    TokenBucket frames_;
    Clock::time_point last_read_;
    Clock::time_point ping_sent_{};
    std::uint64_t ping_nonce_ = 0;
    /// The newest ping to echo; older ones need no answer.
    Bytes pong_due_;
    std::uint64_t frames_in_ = 0;
    std::uint64_t bytes_in_ = 0;
};

}  // namespace troupe::link
