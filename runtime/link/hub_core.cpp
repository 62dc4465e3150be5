#include "runtime/link/hub_core.hpp"

#include <array>

#include <boost/asio/post.hpp>
#include <spdlog/spdlog.h>

#include "runtime/crypto/random.hpp"
#include "runtime/link/connection.hpp"

namespace troupe::link {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

/// After a failed accept (no file descriptors left): trying at once would only spin.
constexpr std::chrono::milliseconds accept_retry{100};

}  // namespace

HubCore::HubCore(Options o, Callbacks c)
    : tls(asio::ssl::context::tls),
      options(std::move(o)),
      callbacks(std::move(c)),
      before_hello(FrameLimits::before_hello()),
      after_hello(FrameLimits::after_hello(options.kinds)),
      acceptor_(io),
      accept_timer_(io),
      stop_timer_(io),
      resolver_(io),
      work_(asio::make_work_guard(io)) {
    for (const auto& facts : options.kinds) kinds[facts.kind] = &facts;
    for (const auto& peer : options.peers) {
        auto& state = peers[peer.index];
        state = std::make_unique<PeerState>(peer, options, io);
        by_key_[peer.key] = state.get();
    }
}

PeerState* HubCore::find(const Ed25519PublicKey& key) const {
    const auto it = by_key_.find(key);
    return it == by_key_.end() ? nullptr : it->second;
}

// ---------------------------------------------------------------- accepting

Status HubCore::listen() {
    if (options.listen_port == 0 && !options.listen_any_port) return Done{};
    const auto where = "link listener on " + options.listen_host + ":" + std::to_string(options.listen_port) + ": ";
    boost::system::error_code error;
    const auto address = asio::ip::make_address(options.listen_host, error);
    if (error) return make_error(ErrorCode::invalid, where + "the host must be an IP address");
    const tcp::endpoint endpoint{address, options.listen_port};
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) return make_error(ErrorCode::io, where + error.message());
    port = acceptor_.local_endpoint().port();
    return Done{};
}

void HubCore::accept() {
    if (!acceptor_.is_open()) return;
    acceptor_.async_accept([this](const auto& error, tcp::socket socket) {
        if (stopping_) return;
        if (!error) {
            on_accept(std::move(socket));
            return accept();
        }
        accept_timer_.expires_after(accept_retry);
        accept_timer_.async_wait([this](const auto& cancelled) {
            if (!cancelled && !stopping_) accept();
        });
    });
}

void HubCore::on_accept(tcp::socket socket) {
    boost::system::error_code error;
    const auto endpoint = socket.remote_endpoint(error);
    if (error) return;
    make_room(endpoint.address().to_string());
    const auto connection = std::make_shared<Connection>(*this, std::move(socket), nullptr);
    unauthenticated_.push_back(connection);
    connection->accepted();
}

void HubCore::make_room(const std::string& address) {
    const auto from_there = [&](const auto& connection) { return connection->address() == address; };
    const auto there = std::count_if(unauthenticated_.begin(), unauthenticated_.end(), from_there);
    std::shared_ptr<Connection> oldest;
    if (static_cast<std::uint64_t>(there) >= options.unauthenticated_per_address_max)
        oldest = *std::find_if(unauthenticated_.begin(), unauthenticated_.end(), from_there);
    else if (unauthenticated_.size() >= options.unauthenticated_max)
        oldest = unauthenticated_.front();
    if (oldest) oldest->close("made room for newer connections, as it has not proven who it is");
}

void HubCore::leave_unauthenticated(const Connection& connection) {
    std::erase_if(unauthenticated_, [&](const auto& other) { return other.get() == &connection; });
}

// ---------------------------------------------------------------- dialing

bool HubCore::we_dial(const Peer& peer) const noexcept {
    const bool we_listen = options.listen_port != 0 || options.listen_any_port;
    return peer.port != 0 && (peer.index < options.self || !we_listen);
}

void HubCore::run() {
    accept();
    for (auto& [index, peer] : peers)
        if (we_dial(peer->facts)) dial(*peer);
    io.run();
}

void HubCore::dial(PeerState& peer) {
    if (stopping_ || peer.connection || peer.dialing) return;
    peer.dialing = true;
    const auto& facts = peer.facts;
    const auto connect = [this, &peer](const tcp::resolver::results_type& endpoints) {
        std::make_shared<Connection>(*this, tcp::socket{io}, &peer)->dial(endpoints);
    };
    boost::system::error_code error;
    const auto address = asio::ip::make_address(facts.host, error);
    if (!error)
        return connect(tcp::resolver::results_type::create(tcp::endpoint{address, facts.port}, facts.host, "link"));
    resolver_.async_resolve(facts.host, std::to_string(facts.port),
                            [this, connect, &peer](const auto& failure, const auto& endpoints) {
                                if (stopping_) return;
                                if (!failure) return connect(endpoints);
                                peer.dialing = false;
                                {
                                    const std::lock_guard lock{peer.mutex};
                                    peer.counters.last_error = peer.facts.host + ": " + failure.message();
                                }
                                dial_later(peer);
                            });
}

void HubCore::relocate(NodeIndex index, std::string host, std::uint16_t new_port) {
    const auto it = peers.find(index);
    if (stopping_ || it == peers.end()) return;
    auto& peer = *it->second;
    if (peer.facts.host == host && peer.facts.port == new_port) return;
    peer.facts.host = std::move(host);
    peer.facts.port = new_port;
    if (!we_dial(peer.facts)) return;
    // The wait that the old address has earned says nothing about the new one.
    peer.retry_ms = options.reconnect_ms_min;
    peer.retry_timer.cancel();
    dial(peer);
}

/// Doubles from try to try; the jitter keeps nodes that lost the same peer from returning in step.
void HubCore::dial_later(PeerState& peer) {
    if (stopping_ || !we_dial(peer.facts)) return;
    std::array<std::uint8_t, 1> random;
    fill_random(random);
    const auto wait = peer.retry_ms / 2 + peer.retry_ms * random[0] / 510;
    peer.retry_ms = std::min(peer.retry_ms * 2, options.reconnect_ms_max);
    peer.retry_timer.expires_after(std::chrono::milliseconds(wait));
    peer.retry_timer.async_wait([this, &peer](const auto& error) {
        if (!error) dial(peer);
    });
}

// ---------------------------------------------------------------- the life of a connection

bool HubCore::admit(PeerState& peer, const Connection& connection) {
    if (!peer.connection) return true;
    const bool outbound = connection.is_outbound();
    const bool newer_wins = outbound == peer.connection->is_outbound() || outbound == (options.self > peer.facts.index);
    if (newer_wins) peer.connection->close("replaced by a newer connection");
    return newer_wins;
}

void HubCore::established(PeerState& peer, const std::shared_ptr<Connection>& connection) {
    leave_unauthenticated(*connection);
    if (connection->is_outbound()) peer.dialing = false;
    peer.connection = connection;
    peer.retry_timer.cancel();
    {
        const std::lock_guard lock{peer.mutex};
        peer.open = !stopping_;
        peer.counters.connected = true;
        ++peer.counters.connections;
    }
    spdlog::info("link to {} is up", peer.facts.name);
    if (callbacks.on_peer) callbacks.on_peer(peer.facts.index, true);
}

void HubCore::closed(PeerState& peer, const Connection& connection, const std::string& why) {
    if (peer.connection.get() != &connection) return;
    peer.connection.reset();
    std::uint64_t lost = 0;
    {
        const std::lock_guard lock{peer.mutex};
        lost = peer.queue.clear();
        peer.open = false;
        peer.counters.connected = false;
        peer.counters.last_error = why;
        peer.counters.lost_on_close += lost;
    }
    spdlog::info("link to {} is down: {} ({} frames lost)", peer.facts.name, why, lost);
    if (callbacks.on_peer) callbacks.on_peer(peer.facts.index, false);
    dial_later(peer);
    stop_if_drained();
}

void HubCore::failed(const Connection& connection, PeerState* expected, const std::string& who,
                     const std::string& why) {
    leave_unauthenticated(connection);
    if (stopping_) return;
    if (expected == nullptr) return refuse(who, why);
    expected->dialing = false;
    {
        const std::lock_guard lock{expected->mutex};
        expected->counters.last_error = why;
    }
    // A peer that is not there is no news on every try; one that is there and is not right is.
    if (!why.starts_with("connect: ")) refuse(who, why);
    dial_later(*expected);
}

void HubCore::refuse(const std::string& who, const std::string& why) {
    if (const auto left_out = refusal_log_.admit(who, why, Clock::now())) {
        if (*left_out == 0)
            spdlog::warn("link refused: {}: {}", who, why);
        else
            spdlog::warn("link refused: {}: {} ({} further refusals not shown)", who, why, *left_out);
    }
    if (callbacks.on_refused) callbacks.on_refused(who, why);
}

// ---------------------------------------------------------------- sending

bool HubCore::enqueue(PeerState& peer, Kind kind, std::shared_ptr<const Bytes> payload) {
    const auto* facts = kinds[kind];
    bool reset = false;
    {
        const std::lock_guard lock{peer.mutex};
        if (facts == nullptr || !payload || payload->size() > after_hello.bytes_max(kind))
            return ++peer.counters.dropped_illegal, false;
        if (!peer.open) return ++peer.counters.dropped_unconnected, false;
        switch (peer.queue.offer(kind, std::move(payload), facts->priority)) {
            case SendQueue::Offer::queued: break;
            case SendQueue::Offer::bulk_full: return ++peer.counters.bulk_dropped, false;
            case SendQueue::Offer::priority_full:
                reset = true;
                peer.open = false;
                ++peer.counters.priority_resets;
                break;
        }
        if (!reset && std::exchange(peer.flush_posted, true)) return true;
    }
    asio::post(io, [this, &peer, reset] {
        {
            const std::lock_guard lock{peer.mutex};
            peer.flush_posted = false;
        }
        const auto connection = peer.connection;
        if (!connection) return;
        if (reset) return connection->close("does not read fast enough: its priority queue is full");
        connection->flush();
    });
    return !reset;
}

// ---------------------------------------------------------------- stopping

void HubCore::begin_stop(std::uint32_t flush_ms) {
    stopping_ = true;
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    resolver_.cancel();
    while (!unauthenticated_.empty()) {
        const auto connection = unauthenticated_.front();
        connection->close("node stops");
        leave_unauthenticated(*connection);
    }
    for (auto& [index, peer] : peers) {
        peer->retry_timer.cancel();
        const std::lock_guard lock{peer->mutex};
        peer->open = false;
    }
    stop_timer_.expires_after(std::chrono::milliseconds(flush_ms));
    stop_timer_.async_wait([this](const auto& error) {
        if (error) return;
        for (auto& [index, peer] : peers)
            if (const auto connection = peer->connection) connection->close("node stops");
        io.stop();
    });
    for (auto& [index, peer] : peers)
        if (const auto connection = peer->connection) connection->drain();
    stop_if_drained();
}

void HubCore::stop_if_drained() {
    if (!stopping_) return;
    for (const auto& [index, peer] : peers)
        if (peer->connection) return;
    io.stop();
}

}  // namespace troupe::link
