// Links between nodes of possibly different operators: length-prefixed frames over TLS 1.3, both ends known by Ed25519
// keys that the genesis pins. There is no certificate authority: each node shows a self-signed certificate made from
// its identity key, and the key in it decides who it is (DESIGN section 4).
//
// Frame on the wire: 4 bytes big-endian length of what follows, 1 byte kind, payload. Kind 0 is the hello (network id,
// index), 255 a ping; all others are the caller's. Length and kind are checked before the payload is allocated.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/bytes.hpp"
#include "runtime/base/result.hpp"
#include "runtime/base/strong.hpp"
#include "runtime/crypto/ed25519.hpp"

namespace troupe::link {

using Kind = std::uint8_t;

struct KindFacts {
    Kind kind = 0;
    std::string_view name;
    std::size_t bytes_max = 0;
    /// Overtakes bulk frames in the send queue.
    bool priority = false;
};

struct Peer {
    NodeIndex index;
    std::string name;
    Ed25519PublicKey key;
    /// Where it listens; port 0: it dials us.
    std::string host;
    std::uint16_t port = 0;
};

struct Options {
    NodeIndex self;
    std::string self_name;
    Ed25519Seed identity;
    /// Hash of the genesis: nodes of different networks refuse each other.
    Hash256 network;
    std::string listen_host = "127.0.0.1";
    /// 0: no listener unless listen_any_port.
    std::uint16_t listen_port = 0;
    bool listen_any_port = false;
    /// All other nodes.
    std::vector<Peer> peers;
    std::vector<KindFacts> kinds;

    /// Bytes queued for one peer. A bulk frame that does not fit is dropped and counted; a priority frame that does
    /// not fit resets the connection, which then starts with an empty queue.
    std::size_t bulk_queue_bytes_max = 64 << 20;
    std::size_t priority_queue_bytes_max = 16 << 20;
    /// What one peer may send; beyond it reading pauses.
    double receive_bytes_per_second = 256e6;
    double receive_frames_per_second = 100e3;
    std::uint32_t unauthenticated_max = 64;
    std::uint32_t handshake_ms_max = 5000;
    std::uint32_t silence_ms_max = 5000;
    std::uint32_t ping_ms = 1000;
    std::uint32_t reconnect_ms_min = 50;
    std::uint32_t reconnect_ms_max = 2000;
};

struct PeerCounters {
    NodeIndex index;
    bool connected = false;
    std::uint64_t frames_in = 0;
    std::uint64_t frames_out = 0;
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;
    std::uint64_t bulk_dropped = 0;
    std::uint64_t connections = 0;
    std::uint64_t queued_bytes = 0;
    std::string last_error;
};

struct Callbacks {
    /// On the hub's own thread; must not block for long.
    std::function<void(NodeIndex from, Kind kind, Bytes payload)> on_frame;
    std::function<void(NodeIndex peer, bool connected)> on_peer;
};

class Hub {
public:
    /// An error if the identity is not usable.
    [[nodiscard]] static Result<std::unique_ptr<Hub>> create(Options options, Callbacks callbacks);
    /// Stops.
    ~Hub();
    Hub(const Hub&) = delete;
    Hub& operator=(const Hub&) = delete;

    /// Listens, dials peers with a lower index, starts the thread. ErrorCode::io if the port can't be had.
    [[nodiscard]] Status start();
    /// Sends what is queued, for at most `flush_ms`, then closes everything and joins the thread.
    void stop(std::uint32_t flush_ms = 500);

    /// Thread-safe, never blocks. False if there is no connection or the frame was dropped.
    bool send(NodeIndex to, Kind kind, std::shared_ptr<const Bytes> payload);
    /// Closes the connection to a peer that broke the protocol; it may come back after a second.
    void disconnect(NodeIndex peer, std::string_view why);

    [[nodiscard]] bool is_connected(NodeIndex peer) const;
    [[nodiscard]] std::vector<PeerCounters> counters() const;
    [[nodiscard]] std::uint16_t listen_port() const noexcept;

    class Implementation;

private:
    explicit Hub(std::shared_ptr<Implementation> implementation) : implementation_(std::move(implementation)) {}
    std::shared_ptr<Implementation> implementation_;
};

}  // namespace troupe::link
