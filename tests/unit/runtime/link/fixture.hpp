// Hubs on loopback, and a client that speaks TLS by hand and breaks the rules.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/codec.hpp"
#include "runtime/link/frame_reader.hpp"
#include "runtime/link/link.hpp"
#include "runtime/link/tls_identity.hpp"

namespace troupe::link::test {

inline constexpr std::chrono::seconds deadline{20};
inline constexpr Kind small_kind = 1;   // bulk
inline constexpr Kind urgent_kind = 2;  // priority
inline constexpr Kind big_kind = 3;     // bulk, up to the frame limit
inline constexpr Kind tiny_kind = 4;    // bulk, at most 100 bytes

[[nodiscard]] inline Ed25519Seed seed_of(std::uint8_t n) {
    Ed25519Seed seed;
    seed.bytes.fill(n);
    return seed;
}
[[nodiscard]] inline Ed25519PublicKey key_of(std::uint8_t n) {
    return Ed25519KeyPair::from_seed(seed_of(n).view())->public_key();
}
[[nodiscard]] inline Hash256 network_of(std::uint8_t n) {
    Hash256 hash;
    hash.bytes.fill(n);
    return hash;
}

/// Node i has the seed i + 1.
[[nodiscard]] inline Options options_of(std::uint32_t self, std::uint32_t count) {
    Options options;
    options.self = NodeIndex{self};
    options.self_name = "node-" + std::to_string(self);
    options.identity = seed_of(static_cast<std::uint8_t>(self + 1));
    options.network = network_of(7);
    options.listen_any_port = true;
    options.kinds = {{small_kind, "small", 1 << 20, false},
                     {urgent_kind, "urgent", 1 << 20, true},
                     {big_kind, "big", 4 << 20, false},
                     {tiny_kind, "tiny", 100, false}};
    options.ping_ms = 100;
    for (std::uint32_t i = 0; i < count; ++i)
        if (i != self)
            options.peers.push_back(
                {NodeIndex{i}, "node-" + std::to_string(i), key_of(static_cast<std::uint8_t>(i + 1)), "127.0.0.1", 0});
    return options;
}

struct Received {
    NodeIndex from;
    Kind kind = 0;
    Bytes payload;
};

/// A hub whose callbacks land in a mailbox that tests wait on.
class Node {
public:
    explicit Node(Options options) {
        hub = std::move(
            *Hub::create(std::move(options), {.on_frame =
                                                  [this](NodeIndex from, Kind kind, Bytes payload) {
                                                      std::unique_lock lock{mutex_};
                                                      changed_.wait_for(lock, deadline, [&] { return !blocked_; });
                                                      inbox.push_back({from, kind, std::move(payload)});
                                                      changed_.notify_all();
                                                  },
                                              .on_peer =
                                                  [this](NodeIndex peer, bool up) {
                                                      const std::lock_guard lock{mutex_};
                                                      up_[peer] = up;
                                                      ++changes_[peer];
                                                      changed_.notify_all();
                                                  },
                                              .on_refused =
                                                  [this](std::string_view who, std::string_view why) {
                                                      const std::lock_guard lock{mutex_};
                                                      refusals.push_back(std::string{who} + ": " + std::string{why});
                                                      changed_.notify_all();
                                                  }}));
        started = hub->start().ok();
    }
    ~Node() {
        block(false);
        hub.reset();
    }
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    /// Also for what changes without a callback, such as counters.
    template <class Condition>
    [[nodiscard]] bool wait(Condition&& condition) {
        const auto end = std::chrono::steady_clock::now() + deadline;
        std::unique_lock lock{mutex_};
        while (!condition(*this)) {
            if (std::chrono::steady_clock::now() > end) return false;
            changed_.wait_for(lock, std::chrono::milliseconds(5));
        }
        return true;
    }
    [[nodiscard]] bool wait_up(std::uint32_t peer, bool up = true) {
        return wait([=](Node& n) { return n.up_[NodeIndex{peer}] == up && n.changes_[NodeIndex{peer}] > 0; });
    }
    /// More changes of the peer's state than `seen`.
    [[nodiscard]] bool wait_changes(std::uint32_t peer, int count) {
        return wait([=](Node& n) { return n.changes_[NodeIndex{peer}] >= count; });
    }
    [[nodiscard]] int changes(std::uint32_t peer) {
        const std::lock_guard lock{mutex_};
        return changes_[NodeIndex{peer}];
    }
    [[nodiscard]] bool wait_frames(std::size_t count) {
        return wait([=](Node& n) { return n.inbox.size() >= count; });
    }
    [[nodiscard]] bool wait_refusal(const std::string& part) {
        return wait([&](Node& n) {
            for (const auto& line : n.refusals)
                if (line.find(part) != std::string::npos) return true;
            return false;
        });
    }
    [[nodiscard]] std::string all_refusals() {
        const std::lock_guard lock{mutex_};
        std::string out;
        for (const auto& line : refusals) out += line + "\n";
        return out;
    }
    /// The hub's thread stands still at its next frame: a reader that does not read.
    void block(bool blocked) {
        const std::lock_guard lock{mutex_};
        blocked_ = blocked;
        changed_.notify_all();
    }
    [[nodiscard]] PeerCounters counters(std::uint32_t peer) const {
        for (const auto& c : hub->counters())
            if (c.index == NodeIndex{peer}) return c;
        return {};
    }

    std::unique_ptr<Hub> hub;
    bool started = false;
    // Read them inside `wait`, or once the hub is quiet.
    std::deque<Received> inbox;
    std::deque<std::string> refusals;

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<NodeIndex, bool> up_;
    std::map<NodeIndex, int> changes_;
    bool blocked_ = false;
};

/// `count` hubs, each dialing the lower ones; those with a lower index start first, so that ports are known.
[[nodiscard]] inline std::vector<std::unique_ptr<Node>> start_all(std::uint32_t count) {
    std::vector<std::unique_ptr<Node>> nodes;
    for (std::uint32_t i = 0; i < count; ++i) {
        auto options = options_of(i, count);
        for (std::uint32_t j = 0; j < i; ++j) options.peers[j].port = nodes[j]->hub->listen_port();
        nodes.push_back(std::make_unique<Node>(std::move(options)));
    }
    return nodes;
}

[[nodiscard]] inline std::shared_ptr<const Bytes> payload_of(std::size_t size, std::uint8_t fill = 0x5a) {
    return std::make_shared<const Bytes>(size, fill);
}

/// A blocking TCP connection, with TLS on top if asked; every read has a deadline.
class RawClient {
public:
    explicit RawClient(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
        const timeval limit{std::chrono::duration_cast<std::chrono::seconds>(deadline).count(), 0};
        ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        connected = ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    }
    ~RawClient() {
        SSL_free(ssl_);
        SSL_CTX_free(context_);
        ::close(socket_);
    }
    RawClient(const RawClient&) = delete;
    RawClient& operator=(const RawClient&) = delete;

    void send_plain(ByteView bytes) { (void)::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
    /// True if the other side closes before the deadline.
    [[nodiscard]] bool is_closed_by_other() {
        std::array<char, 4096> buffer;
        for (;;) {
            const auto n = ::recv(socket_, buffer.data(), buffer.size(), 0);
            if (n == 0) return true;
            if (n < 0) return errno != EAGAIN && errno != EWOULDBLOCK;
        }
    }

    /// `identity` 0: no certificate.
    bool handshake(std::uint8_t identity, int version_max = TLS1_3_VERSION) {
        context_ = SSL_CTX_new(TLS_client_method());
        if (identity != 0 && !configure_tls(context_, seed_of(identity))) return false;
        SSL_CTX_set_verify(context_, SSL_VERIFY_NONE, nullptr);
        SSL_CTX_set_min_proto_version(context_, TLS1_2_VERSION);
        SSL_CTX_set_max_proto_version(context_, version_max);
        ssl_ = SSL_new(context_);
        SSL_set_fd(ssl_, socket_);
        return SSL_connect(ssl_) == 1;
    }
    void send(ByteView bytes) {
        if (ssl_ != nullptr && !bytes.empty()) SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()));
    }
    void send_hello(const Hash256& network, std::uint32_t index) {
        Bytes hello;
        Writer writer{hello};
        writer.array(2);
        writer.bytes(network.view());
        writer.unsigned_integer(index);
        Bytes out;
        put_frame(out, hello_kind, hello);
        send(out);
    }
    [[nodiscard]] bool is_tls_closed_by_other() {
        std::array<char, 4096> buffer;
        for (;;) {
            const int n = SSL_read(ssl_, buffer.data(), static_cast<int>(buffer.size()));
            if (n > 0) continue;
            return !(SSL_get_error(ssl_, n) == SSL_ERROR_SYSCALL && (errno == EAGAIN || errno == EWOULDBLOCK));
        }
    }

    bool connected = false;

private:
    int socket_;
    SSL_CTX* context_ = nullptr;
    SSL* ssl_ = nullptr;
};

}  // namespace troupe::link::test
