// Two hubs on loopback over TLS 1.3: throughput by frame size, and the round trip of a small frame. One line a figure.
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <memory>
#include <mutex>
#include <vector>

#include "runtime/link/link.hpp"

using namespace troupe;
using namespace troupe::link;
using Clock = std::chrono::steady_clock;

namespace {

constexpr Kind bulk = 1;
constexpr Kind echo = 2;

class Counter {
public:
    void add() {
        const std::lock_guard lock{mutex_};
        ++count_;
        if (count_ == wanted_) changed_.notify_all();
    }
    void wait(std::size_t count) {
        std::unique_lock lock{mutex_};
        wanted_ = count;
        changed_.wait(lock, [&] { return count_ >= count; });
        count_ = 0;
        wanted_ = 0;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::size_t count_ = 0;
    std::size_t wanted_ = 0;
};

Options options_of(std::uint32_t self, std::uint16_t port) {
    Ed25519Seed seeds[2];
    seeds[0].bytes.fill(1);
    seeds[1].bytes.fill(2);
    Options options;
    options.self = NodeIndex{self};
    options.identity = seeds[self];
    options.listen_any_port = true;
    options.kinds = {{bulk, "bulk", 4 << 20, false}, {echo, "echo", 1000, true}};
    options.receive_bytes_per_second = options.receive_frames_per_second = 1e12;
    options.peers = {{NodeIndex{1 - self}, "other", Ed25519KeyPair::from_seed(seeds[1 - self].view())->public_key(),
                      "127.0.0.1", port}};
    return options;
}

}  // namespace

int main() {
    Counter received;
    Counter echoed;
    Counter up;
    std::unique_ptr<Hub> server;
    server = std::move(*Hub::create(options_of(0, 0), {.on_frame =
                                                           [&](NodeIndex from, Kind kind, Bytes payload) {
                                                               if (kind == bulk) return received.add();
                                                               server->send(from, echo,
                                                                            std::make_shared<const Bytes>(payload));
                                                           },
                                                       .on_peer = {},
                                                       .on_refused = {}}));
    if (!server->start()) return 1;
    auto client = std::move(
        *Hub::create(options_of(1, server->listen_port()), {.on_frame = [&](NodeIndex, Kind, Bytes) { echoed.add(); },
                                                            .on_peer = [&](NodeIndex, bool) { up.add(); },
                                                            .on_refused = {}}));
    if (!client->start()) return 1;
    up.wait(1);

    for (const auto& [size, count] :
         std::vector<std::pair<std::size_t, std::size_t>>{{200, 200'000}, {200'000, 5'000}}) {
        const auto payload = std::make_shared<const Bytes>(size);
        // In portions that fit the send queue.
        const std::size_t portion = std::min<std::size_t>(count, (32 << 20) / (size + 64));
        const auto start = Clock::now();
        std::size_t sent = 0;
        while (sent < count) {
            const auto n = std::min(portion, count - sent);
            for (std::size_t i = 0; i < n; ++i)
                if (!client->send(NodeIndex{0}, bulk, payload)) return 1;
            received.wait(n);
            sent += n;
        }
        const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
        std::printf("link %zu-byte frames: %.0f frames/s, %.0f MB/s\n", size, static_cast<double>(count) / seconds,
                    static_cast<double>(count * size) / seconds / 1e6);
    }
    const auto ping = std::make_shared<const Bytes>(200);
    const int rounds = 5000;
    const auto start = Clock::now();
    for (int i = 0; i < rounds; ++i) {
        client->send(NodeIndex{0}, echo, ping);
        echoed.wait(1);
    }
    std::printf("link round trip of 200 bytes, application to application: %.1f us\n",
                std::chrono::duration<double, std::micro>(Clock::now() - start).count() / rounds);
}
