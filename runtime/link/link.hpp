// Links between nodes of possibly different operators: length-prefixed frames over TLS 1.3, both ends known by Ed25519
// keys that the genesis pins. There is no certificate authority: each node shows a self-signed certificate made from
// its identity key, and the key in it decides who it is (DESIGN section 4).
//
// Frame on the wire: 4 bytes big-endian length of what follows, 1 byte kind, payload. Kind 0 is the hello (network id,
// index), 254 a ping, 255 its echo; all others are the caller's. Length and kind are checked before the payload is
// allocated.
//
// One connection per pair: the higher index dials the lower. A node without a listener dials everybody it has a port
// for. If both dial all the same, the connection that the higher index made stays; of two made by the same side, the
// newer one, since who dials again has lost the older.
//
// A frame is delivered at most once and in order within its priority. Frames queued when a connection closes are lost
// and counted: roles that need an answer ask again when `on_peer` says the peer is back.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/bytes.hpp"
#include "runtime/base/result.hpp"
#include "runtime/base/strong.hpp"
#include "runtime/crypto/ed25519.hpp"

namespace troupe::link {

using Kind = std::uint8_t;

inline constexpr Kind hello_kind = 0;
inline constexpr Kind ping_kind = 254;
inline constexpr Kind pong_kind = 255;

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
    /// An IP address.
    std::string listen_host = "127.0.0.1";
    /// 0: no listener unless listen_any_port.
    std::uint16_t listen_port = 0;
    bool listen_any_port = false;
    /// All other nodes.
    std::vector<Peer> peers;
    /// The closed set of frames: a peer that sends another kind is disconnected.
    std::vector<KindFacts> kinds;

    /// Bytes queued for one peer. A bulk frame that does not fit is dropped and counted; a priority frame that does
    /// not fit resets the connection, which then starts with an empty queue.
    std::size_t bulk_queue_bytes_max = 64 << 20;
    std::size_t priority_queue_bytes_max = 16 << 20;
    /// What one peer may send; beyond it reading pauses.
    double receive_bytes_per_second = 256e6;
    double receive_frames_per_second = 200e3;
    /// Connections that have not yet proven who they are. One more closes the oldest, so that a flood of half-open
    /// connections does not keep a node out that finishes its handshake in milliseconds.
    std::uint32_t unauthenticated_max = 128;
    std::uint32_t unauthenticated_per_address_max = 64;
    /// From the first packet to the accepted hello.
    std::uint32_t handshake_ms_max = 5000;
    std::uint32_t silence_ms_max = 5000;
    std::uint32_t ping_ms = 1000;
    std::uint32_t reconnect_ms_min = 50;
    std::uint32_t reconnect_ms_max = 2000;
};

struct PeerCounters {
    NodeIndex index;
    bool connected = false;
    /// The caller's frames only; bytes with headers, without TLS.
    std::uint64_t frames_in = 0;
    std::uint64_t frames_out = 0;
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;
    /// Bulk frames that found the queue full.
    std::uint64_t bulk_dropped = 0;
    /// Frames offered while there was no connection.
    std::uint64_t dropped_unconnected = 0;
    /// Frames that were queued when a connection closed.
    std::uint64_t lost_on_close = 0;
    /// Frames of an unknown kind or over their kind's limit, which our own roles offered.
    std::uint64_t dropped_illegal = 0;
    /// Connections reset because the priority queue was full.
    std::uint64_t priority_resets = 0;
    /// Times that reading paused because the peer sent faster than it may.
    std::uint64_t receive_pauses = 0;
    /// Established since the start; all but the first are reconnects.
    std::uint64_t connections = 0;
    std::uint64_t queued_bytes = 0;
    /// Of the newest answered ping; 0 before the first.
    std::uint64_t round_trip_us = 0;
    std::string last_error;
};

/// All on the hub's one I/O thread; must not block for long, and must not call `stop`.
struct Callbacks {
    std::function<void(NodeIndex from, Kind kind, Bytes payload)> on_frame;
    std::function<void(NodeIndex peer, bool connected)> on_peer;
    /// Each connection that did not belong here, also those that the log leaves out.
    std::function<void(std::string_view who, std::string_view why)> on_refused;
};

class HubCore;

class Hub {
public:
    /// ErrorCode::invalid if the identity is not usable, a peer's index or key occurs twice, or a kind is reserved.
    [[nodiscard]] static Result<std::unique_ptr<Hub>> create(Options options, Callbacks callbacks);
    /// Stops without flushing.
    ~Hub();
    Hub(const Hub&) = delete;
    Hub& operator=(const Hub&) = delete;

    /// Listens, starts the thread, dials. ErrorCode::io if the port can't be had. Once in a hub's life.
    [[nodiscard]] Status start();
    /// Sends what is queued, for at most `flush_ms`, then closes everything and joins the thread. Frames offered after
    /// the call are dropped; no callback runs after it returns.
    void stop(std::uint32_t flush_ms = 500);

    /// Thread-safe, never blocks. False if there is no connection or the frame was dropped.
    bool send(NodeIndex to, Kind kind, std::shared_ptr<const Bytes> payload);
    /// The same payload, not copied, to several peers or to all; returns how many took it.
    std::size_t broadcast(std::span<const NodeIndex> to, Kind kind, const std::shared_ptr<const Bytes>& payload);
    std::size_t broadcast(Kind kind, const std::shared_ptr<const Bytes>& payload);
    /// Closes the connection to a peer that broke the protocol; it may come back after a second.
    void disconnect(NodeIndex peer, std::string_view why);

    /// The peer listens elsewhere from now on. A connection that is up stays until it ends; the next is made there.
    void relocate(NodeIndex peer, std::string host, std::uint16_t port);

    [[nodiscard]] bool is_connected(NodeIndex peer) const;
    /// By index.
    [[nodiscard]] std::vector<PeerCounters> counters() const;
    /// 0 without a listener.
    [[nodiscard]] std::uint16_t listen_port() const noexcept;

private:
    explicit Hub(std::unique_ptr<HubCore> core);
    std::unique_ptr<HubCore> core_;
};

}  // namespace troupe::link
