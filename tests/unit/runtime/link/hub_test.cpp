// Hubs that belong together: delivery, order, reconnects, bounds, stopping.
#include <thread>

#include <doctest/doctest.h>

#include "tests/unit/runtime/link/fixture.hpp"

using namespace troupe;
using namespace troupe::link;
using namespace troupe::link::test;

namespace {

/// A payload that tells its number and size, so that a mix-up or a torn frame shows.
[[nodiscard]] std::shared_ptr<const Bytes> numbered(std::uint32_t number, std::size_t size) {
    auto bytes = std::make_shared<Bytes>(size);
    for (std::size_t i = 0; i < size; ++i)
        (*bytes)[i] = static_cast<std::uint8_t>((number * 2654435761U >> 8) + i * 31 + (i >> 8));
    return bytes;
}

}  // namespace

TEST_CASE("two hubs exchange frames of all sizes, whole and in order, both ways") {
    auto nodes = start_all(2);
    REQUIRE(nodes[0]->wait_up(1));
    REQUIRE(nodes[1]->wait_up(0));
    std::vector<std::size_t> sizes{0, 1, 2, 255, 256, 4095, 4096, 16383, 16384, 16385, 65535, 65536, 65537, 1 << 20};
    sizes.push_back((4 << 20) - 1);
    sizes.push_back(4 << 20);
    for (std::size_t i = 0; i < 500; ++i) sizes.push_back(i * 37 % 3000);
    for (std::uint32_t i = 0; i < sizes.size(); ++i) {
        REQUIRE(nodes[0]->hub->send(NodeIndex{1}, big_kind, numbered(i, sizes[i])));
        REQUIRE(nodes[1]->hub->send(NodeIndex{0}, big_kind, numbered(i + 7, sizes[i])));
    }
    REQUIRE(nodes[0]->wait_frames(sizes.size()));
    REQUIRE(nodes[1]->wait_frames(sizes.size()));
    bool same = true;
    for (std::uint32_t i = 0; i < sizes.size(); ++i) {
        same = same && nodes[1]->inbox[i].payload == *numbered(i, sizes[i]);
        same = same && nodes[0]->inbox[i].payload == *numbered(i + 7, sizes[i]);
    }
    CHECK(same);
    CHECK(nodes[0]->inbox[0].from == NodeIndex{1});
    CHECK(nodes[0]->wait([](Node& n) { return n.counters(1).frames_in == n.inbox.size(); }));
    // A frame counts as sent when the system has taken it, which the peer may see first.
    CHECK(nodes[0]->wait([&](Node& n) { return n.counters(1).frames_out == sizes.size(); }));
    CHECK(nodes[0]->wait([](Node& n) { return n.counters(1).queued_bytes == 0; }));
}

TEST_CASE("four hubs form a full mesh with one connection per pair and broadcast to it") {
    auto nodes = start_all(4);
    for (std::uint32_t i = 0; i < 4; ++i)
        for (std::uint32_t j = 0; j < 4; ++j)
            if (i != j) REQUIRE(nodes[i]->wait_up(j));
    for (auto& node : nodes) CHECK(node->hub->broadcast(urgent_kind, payload_of(1000)) == 3);
    const std::array some{NodeIndex{1}, NodeIndex{2}};
    CHECK(nodes[0]->hub->broadcast(some, small_kind, payload_of(5)) == 2);
    for (std::uint32_t i = 0; i < 4; ++i) {
        CHECK(nodes[i]->wait_frames(i == 1 || i == 2 ? 4 : 3));
        for (const auto& counters : nodes[i]->hub->counters()) CHECK(counters.connections == 1);
    }
}

TEST_CASE("many threads may send at once and nothing is lost") {
    auto nodes = start_all(2);
    REQUIRE(nodes[0]->wait_up(1));
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 2000; ++i) (void)nodes[0]->hub->send(NodeIndex{1}, small_kind, payload_of(100));
        });
    for (auto& thread : threads) thread.join();
    CHECK(nodes[1]->wait_frames(8000));
}

TEST_CASE("a hub that stops and starts again is connected again and frames flow") {
    auto nodes = start_all(2);
    const auto port = nodes[0]->hub->listen_port();
    REQUIRE(nodes[1]->wait_up(0));
    for (int round = 1; round <= 3; ++round) {
        const auto seen = nodes[1]->changes(0);
        nodes[0].reset();
        REQUIRE(nodes[1]->wait_changes(0, seen + 1));
        CHECK_FALSE(nodes[1]->hub->send(NodeIndex{0}, small_kind, payload_of(1)));
        CHECK(nodes[1]->counters(0).dropped_unconnected == static_cast<std::uint64_t>(round));
        auto options = options_of(0, 2);
        options.listen_port = port;
        nodes[0] = std::make_unique<Node>(std::move(options));
        REQUIRE(nodes[0]->started);
        REQUIRE(nodes[1]->wait_changes(0, seen + 2));
        CHECK(nodes[1]->hub->send(NodeIndex{0}, small_kind, payload_of(9)));
        CHECK(nodes[0]->wait_frames(1));
        CHECK(nodes[1]->counters(0).connections == static_cast<std::uint64_t>(round) + 1);
    }
}

TEST_CASE("a peer that moves to another port is found there, once it is told") {
    auto nodes = start_all(2);
    REQUIRE(nodes[1]->wait_up(0));
    auto moved = std::make_unique<Node>([] {
        auto options = options_of(0, 2);
        options.listen_any_port = true;
        return options;
    }());
    nodes[1]->hub->relocate(NodeIndex{0}, "127.0.0.1", moved->hub->listen_port());
    CHECK(nodes[1]->hub->is_connected(NodeIndex{0}));
    CHECK(nodes[1]->changes(0) == 1);
    nodes[0].reset();
    CHECK(moved->wait_up(1));
    CHECK(nodes[1]->wait_changes(0, 3));
    // Of a peer that was never up: dialed at once.
    auto options = options_of(1, 2);
    options.identity = seed_of(2);
    nodes[1].reset();
    nodes[1] = std::make_unique<Node>(std::move(options));
    nodes[1]->hub->relocate(NodeIndex{0}, "127.0.0.1", moved->hub->listen_port());
    CHECK(nodes[1]->wait_up(0));
}

TEST_CASE("a dialing hub that restarts replaces its old connection") {
    auto nodes = start_all(2);
    REQUIRE(nodes[0]->wait_up(1));
    auto options = options_of(1, 2);
    options.peers[0].port = nodes[0]->hub->listen_port();
    // A second process of the same identity: what a restart looks like whose predecessor's end was not noticed.
    Node again{std::move(options)};
    REQUIRE(again.wait_up(0));
    CHECK(nodes[0]->wait_changes(1, 3));
    CHECK(nodes[0]->counters(1).last_error == "replaced by a newer connection");
}

TEST_CASE("where both sides dial, one connection stays") {
    // Node 1 dials node 0, as it should. Then a second process with node 0's identity dials node 1: what the higher
    // index made stays.
    auto first = std::make_unique<Node>(options_of(0, 2));
    auto options = options_of(1, 2);
    options.peers[0].port = first->hub->listen_port();
    Node second{std::move(options)};
    REQUIRE(second.wait_up(0));
    auto dialer = options_of(0, 2);
    dialer.listen_any_port = false;
    dialer.peers[0].port = second.hub->listen_port();
    Node intruder{std::move(dialer)};
    REQUIRE(second.wait_refusal("has a better connection already"));
    CHECK(second.hub->is_connected(NodeIndex{0}));
    CHECK(second.changes(0) == 1);
}

TEST_CASE("a node without a listener dials the higher ones too") {
    auto listening = std::make_unique<Node>(options_of(1, 2));
    auto options = options_of(0, 2);
    options.listen_any_port = false;
    options.peers[0].port = listening->hub->listen_port();
    Node dialing{std::move(options)};
    CHECK(dialing.hub->listen_port() == 0);
    CHECK(dialing.wait_up(1));
    CHECK(listening->wait_up(0));
}

TEST_CASE("a host name is resolved and each of its addresses tried") {
    auto nodes = std::make_unique<Node>(options_of(0, 2));
    auto options = options_of(1, 2);
    options.peers[0].host = "localhost";
    options.peers[0].port = nodes->hub->listen_port();
    Node dialing{std::move(options)};
    CHECK(dialing.wait_up(0));
}

TEST_CASE("a slow reader costs bounded memory, and urgent frames overtake what is queued") {
    auto slow_options = options_of(0, 2);
    slow_options.silence_ms_max = 60'000;
    Node slow{std::move(slow_options)};
    auto options = options_of(1, 2);
    options.peers[0].port = slow.hub->listen_port();
    options.bulk_queue_bytes_max = 8 << 20;
    options.silence_ms_max = 60'000;
    Node fast{std::move(options)};
    REQUIRE(fast.wait_up(0));
    slow.block(true);
    std::size_t accepted = 0;
    for (int i = 0; i < 1000; ++i) {
        accepted += fast.hub->send(NodeIndex{0}, small_kind, payload_of(100'000));
        REQUIRE(fast.counters(0).queued_bytes <= 8 << 20);
    }
    CHECK(fast.counters(0).bulk_dropped == 1000 - accepted);
    CHECK(accepted < 500);
    REQUIRE(fast.counters(0).bulk_dropped > 0);
    REQUIRE(fast.hub->send(NodeIndex{0}, urgent_kind, payload_of(10)));
    slow.block(false);
    REQUIRE(slow.wait_frames(accepted + 1));
    std::size_t position = 0;
    while (slow.inbox[position].kind != urgent_kind) ++position;
    // Ahead of the 80 or so frames that were in the queue; behind what the kernel held already.
    CHECK(position + 70 <= accepted);
}

TEST_CASE("a peer whose priority queue is full is reset and comes back with an empty queue") {
    Node slow{options_of(0, 2)};
    auto options = options_of(1, 2);
    options.peers[0].port = slow.hub->listen_port();
    options.priority_queue_bytes_max = 1 << 20;
    Node fast{std::move(options)};
    REQUIRE(fast.wait_up(0));
    slow.block(true);
    bool refused = false;
    for (int i = 0; i < 1000 && !refused; ++i)
        refused = !fast.hub->send(NodeIndex{0}, urgent_kind, payload_of(100'000));
    REQUIRE(refused);
    REQUIRE(fast.wait_changes(0, 2));
    CHECK(fast.counters(0).priority_resets == 1);
    CHECK(fast.counters(0).lost_on_close > 0);
    CHECK(fast.counters(0).queued_bytes == 0);
    slow.block(false);
    CHECK(fast.wait_changes(0, 3));
    CHECK(fast.hub->is_connected(NodeIndex{0}));
}

TEST_CASE("a peer over its rate is read more slowly and loses nothing") {
    auto limited = options_of(0, 2);
    limited.receive_frames_per_second = 1000;
    Node reader{std::move(limited)};
    auto options = options_of(1, 2);
    options.peers[0].port = reader.hub->listen_port();
    Node writer{std::move(options)};
    REQUIRE(writer.wait_up(0));
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < 1500; ++i) REQUIRE(writer.hub->send(NodeIndex{0}, small_kind, payload_of(1000)));
    REQUIRE(reader.wait_frames(1500));
    // One second's burst passes at once. Of the other 500 only what one read holds, 64 KiB at most, is delivered before
    // its debt is waited for.
    CHECK(std::chrono::steady_clock::now() - start >= std::chrono::milliseconds(500 - 66));
    CHECK(reader.wait([](Node& n) { return n.counters(1).receive_pauses > 0; }));
    CHECK(reader.counters(1).connections == 1);
}

TEST_CASE("stop sends what is queued before it closes") {
    auto nodes = start_all(2);
    REQUIRE(nodes[1]->wait_up(0));
    REQUIRE(nodes[0]->wait_up(1));
    for (int i = 0; i < 200; ++i) REQUIRE(nodes[1]->hub->send(NodeIndex{0}, small_kind, payload_of(100'000)));
    nodes[1]->hub->stop(20'000);
    CHECK_FALSE(nodes[1]->hub->send(NodeIndex{0}, small_kind, payload_of(1)));
    CHECK(nodes[0]->wait_frames(200));
    CHECK(nodes[0]->wait_up(1, false));
}

TEST_CASE("stop does not wait longer than told for a peer that does not read") {
    auto nodes = start_all(2);
    REQUIRE(nodes[1]->wait_up(0));
    nodes[0]->block(true);
    for (int i = 0; i < 300; ++i) (void)nodes[1]->hub->send(NodeIndex{0}, small_kind, payload_of(100'000));
    const auto start = std::chrono::steady_clock::now();
    nodes[1]->hub->stop(100);
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(5));
}

TEST_CASE("a silent peer is given up after the limit") {
    auto options = options_of(0, 2);
    options.silence_ms_max = 300;
    Node node{std::move(options)};
    RawClient client{node.hub->listen_port()};
    REQUIRE(client.handshake(2));
    client.send_hello(network_of(7), 1);
    // Up, and down again.
    CHECK(node.wait_changes(1, 2));
    CHECK(node.counters(1).last_error == "silent for over 300 ms");
}

TEST_CASE("the round-trip time is measured") {
    auto nodes = start_all(2);
    REQUIRE(nodes[0]->wait_up(1));
    // Frames behind the first ping: when they have arrived, so has its echo.
    REQUIRE(nodes[1]->wait_up(0));
    for (int i = 1; i <= 50; ++i) {
        REQUIRE(nodes[0]->hub->send(NodeIndex{1}, small_kind, payload_of(1)));
        REQUIRE(nodes[1]->wait_frames(static_cast<std::size_t>(i)));
        REQUIRE(nodes[1]->hub->send(NodeIndex{0}, small_kind, payload_of(1)));
        REQUIRE(nodes[0]->wait_frames(static_cast<std::size_t>(i)));
    }
    CHECK(nodes[0]->wait([](Node& n) { return n.counters(1).round_trip_us > 0; }));
    CHECK(nodes[0]->counters(1).round_trip_us < 5'000'000);
}

TEST_CASE("a frame of our own that breaks its kind's limit is refused and counted, not sent") {
    auto nodes = start_all(2);
    REQUIRE(nodes[0]->wait_up(1));
    CHECK_FALSE(nodes[0]->hub->send(NodeIndex{1}, tiny_kind, payload_of(101)));
    CHECK_FALSE(nodes[0]->hub->send(NodeIndex{1}, 99, payload_of(1)));
    CHECK_FALSE(nodes[0]->hub->send(NodeIndex{1}, ping_kind, payload_of(1)));
    CHECK_FALSE(nodes[0]->hub->send(NodeIndex{77}, tiny_kind, payload_of(1)));
    CHECK(nodes[0]->counters(1).dropped_illegal == 3);
    CHECK(nodes[0]->hub->is_connected(NodeIndex{1}));
}

TEST_CASE("a peer that is reported is disconnected, stays away for a second and comes back") {
    auto nodes = start_all(2);
    REQUIRE(nodes[0]->wait_up(1));
    nodes[0]->hub->disconnect(NodeIndex{1}, "sent a vote with a wrong signature");
    REQUIRE(nodes[0]->wait_changes(1, 2));
    CHECK(nodes[0]->wait_refusal("sent a vote with a wrong signature"));
    CHECK(nodes[0]->wait_refusal("broke the protocol a moment ago"));
    CHECK(nodes[0]->wait_changes(1, 3));
}

TEST_CASE("options that contradict themselves are refused with what is wrong") {
    auto twice = options_of(0, 2);
    twice.peers.push_back(twice.peers[0]);
    CHECK(Hub::create(twice, {}).error().message == "links: index 1 of node-1 is taken");
    auto same_key = options_of(0, 3);
    same_key.peers[1].key = same_key.peers[0].key;
    CHECK(Hub::create(same_key, {}).error().message == "links: the key of node-2 is another peer's too");
    auto reserved = options_of(0, 2);
    reserved.kinds.push_back({255, "mine", 1, false});
    CHECK(Hub::create(reserved, {}).error().message == "links: kind 255 is reserved");
}

TEST_CASE("a port that is taken is an error that names it") {
    Node first{options_of(0, 2)};
    auto options = options_of(1, 2);
    options.listen_port = first.hub->listen_port();
    auto second = std::move(*Hub::create(std::move(options), {}));
    const auto status = second->start();
    REQUIRE_FALSE(status.ok());
    CHECK(status.error().code == ErrorCode::io);
    CHECK(status.error().message.find(std::to_string(first.hub->listen_port())) != std::string::npos);
}
