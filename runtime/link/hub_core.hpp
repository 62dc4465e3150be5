// What the hub and its connections share. Internal to runtime/link.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "runtime/link/frame_reader.hpp"
#include "runtime/link/link.hpp"
#include "runtime/link/refusal_log.hpp"
#include "runtime/link/send_queue.hpp"

namespace troupe::link {

class Connection;

struct PeerState {
    PeerState(Peer peer, const Options& options, boost::asio::io_context& io)
        : facts(std::move(peer)),
          queue(options.bulk_queue_bytes_max, options.priority_queue_bytes_max),
          retry_ms(options.reconnect_ms_min),
          retry_timer(io) {
        counters.index = facts.index;
    }

    /// Host and port may change (HubCore::relocate), only on the hub's thread; the rest stays.
    Peer facts;

    /// Guards what senders on other threads touch.
    mutable std::mutex mutex;
    SendQueue queue;
    /// Frames may be queued.
    bool open = false;
    bool flush_posted = false;
    PeerCounters counters;

    // Only on the hub's thread.
    std::shared_ptr<Connection> connection;
    /// An attempt of ours is under way.
    bool dialing = false;
    std::uint32_t retry_ms;
    boost::asio::steady_timer retry_timer;
    std::chrono::steady_clock::time_point banned_until{};
};

class HubCore {
public:
    using tcp = boost::asio::ip::tcp;

    HubCore(Options options, Callbacks callbacks);

    Status listen();
    void accept();
    void run();
    void dial(PeerState& peer);
    /// From now on the peer is dialed there; a connection that is up stays.
    void relocate(NodeIndex index, std::string host, std::uint16_t port);
    bool enqueue(PeerState& peer, Kind kind, std::shared_ptr<const Bytes> payload);
    void begin_stop(std::uint32_t flush_ms);

    // For connections.
    [[nodiscard]] PeerState* find(const Ed25519PublicKey& key) const;
    /// False if the connection that is there stays. Closes it otherwise.
    [[nodiscard]] bool admit(PeerState& peer, const Connection& connection);
    void established(PeerState& peer, const std::shared_ptr<Connection>& connection);
    /// An established connection is gone.
    void closed(PeerState& peer, const Connection& connection, const std::string& why);
    /// A connection ended before it was established. `expected` is the peer that was dialed, if any.
    void failed(const Connection& connection, PeerState* expected, const std::string& who, const std::string& why);
    void refuse(const std::string& who, const std::string& why);

    /// Destroyed last: handlers that never ran hold connections.
    boost::asio::io_context io;
    boost::asio::ssl::context tls;
    const Options options;
    const Callbacks callbacks;
    const FrameLimits before_hello;
    const FrameLimits after_hello;
    /// By kind; null: not one of the caller's.
    std::array<const KindFacts*, 256> kinds{};
    std::map<NodeIndex, std::unique_ptr<PeerState>> peers;
    std::thread thread;
    std::atomic<std::uint16_t> port{0};

private:
    [[nodiscard]] bool we_dial(const Peer& peer) const noexcept;
    void dial_later(PeerState& peer);
    void make_room(const std::string& address);
    void leave_unauthenticated(const Connection& connection);
    void on_accept(tcp::socket socket);
    void stop_if_drained();

    std::map<Ed25519PublicKey, PeerState*> by_key_;
    tcp::acceptor acceptor_;
    boost::asio::steady_timer accept_timer_;
    boost::asio::steady_timer stop_timer_;
    tcp::resolver resolver_;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
    /// Accepted connections that have not proven who they are, oldest first.
    std::deque<std::shared_ptr<Connection>> unauthenticated_;
    RefusalLog refusal_log_;
    bool stopping_ = false;
};

}  // namespace troupe::link
