// Those who do not belong: each is refused with the reason, and the node goes on serving those who do.
#include <doctest/doctest.h>

#include "tests/unit/runtime/link/fixture.hpp"

using namespace troupe;
using namespace troupe::link;
using namespace troupe::link::test;

namespace {

/// The listening node 0 of three and, at the end of each test, the proof that node 1 still gets in.
struct Listening {
    Node node{options_of(0, 3)};

    void check_still_serves() {
        auto options = options_of(1, 3);
        options.peers[0].port = node.hub->listen_port();
        Node honest{std::move(options)};
        CHECK(honest.wait_up(0));
        CHECK(honest.hub->send(NodeIndex{0}, small_kind, payload_of(3)));
        CHECK(node.wait_frames(1));
    }
    /// An authenticated connection as node 2.
    void enter(RawClient& client) {
        REQUIRE(client.handshake(3));
        client.send_hello(network_of(7), 2);
        REQUIRE(node.wait_up(2));
    }
};

[[nodiscard]] Bytes header_of(std::uint32_t length, Kind kind) {
    Bytes out;
    put_frame_header(out, kind, length - 1);
    return out;
}

}  // namespace

TEST_CASE("an unknown key is refused") {
    Listening world;
    RawClient client{world.node.hub->listen_port()};
    client.handshake(99);
    CHECK(world.node.wait_refusal("its key " + to_hex(key_of(99).view()) + " is not in the genesis"));
    CHECK(client.is_tls_closed_by_other());
    world.check_still_serves();
}

TEST_CASE("a node that answers with another node's key is refused by the one that dials") {
    Node other{options_of(2, 3)};
    auto options = options_of(1, 3);
    options.peers[0].port = other.hub->listen_port();  // says node 0, but node 2 is there
    Node dialing{std::move(options)};
    CHECK(dialing.wait_refusal("node-0: answers with the key of node-2"));
    CHECK_FALSE(dialing.hub->is_connected(NodeIndex{0}));
    CHECK_FALSE(dialing.hub->is_connected(NodeIndex{2}));
}

TEST_CASE("a node of another network is refused on both sides, with both networks named") {
    Listening world;
    auto options = options_of(1, 3);
    options.network = network_of(8);
    options.peers[0].port = world.node.hub->listen_port();
    Node foreign{std::move(options)};
    CHECK(world.node.wait_refusal("belongs to network " + to_hex(network_of(8).view())));
    CHECK(foreign.wait([](Node& n) { return !n.refusals.empty(); }));
    CHECK(world.node.changes(1) == 0);
    CHECK(foreign.changes(0) == 0);
}

TEST_CASE("a peer that claims another index than its key's is refused") {
    Listening world;
    RawClient client{world.node.hub->listen_port()};
    REQUIRE(client.handshake(3));
    client.send_hello(network_of(7), 1);
    CHECK(world.node.wait_refusal("claims to be node 1, its key is that of node-2"));
    CHECK(client.is_tls_closed_by_other());
    world.check_still_serves();
}

TEST_CASE("a client without a certificate is refused") {
    Listening world;
    RawClient client{world.node.hub->listen_port()};
    client.handshake(0);
    CHECK(world.node.wait_refusal("peer did not return a certificate"));
    world.check_still_serves();
}

TEST_CASE("TLS 1.2 is refused") {
    Listening world;
    RawClient client{world.node.hub->listen_port()};
    CHECK_FALSE(client.handshake(0, TLS1_2_VERSION));
    CHECK(world.node.wait_refusal("unsupported protocol"));
    world.check_still_serves();
}

TEST_CASE("plain bytes are refused") {
    Listening world;
    using namespace std::string_view_literals;
    for (const auto text : {"GET / HTTP/1.1\r\nHost: x\r\n\r\n"sv, "\x00\x00\x00\x01\x00 not TLS at all"sv}) {
        RawClient client{world.node.hub->listen_port()};
        client.send_plain(as_bytes(text));
        CHECK(client.is_closed_by_other());
    }
    CHECK(world.node.wait_refusal("TLS handshake failed"));
    world.check_still_serves();
}

TEST_CASE("anything but a hello is refused before the hello") {
    Listening world;
    for (const Kind kind : {small_kind, ping_kind, Kind{77}}) {
        RawClient client{world.node.hub->listen_port()};
        REQUIRE(client.handshake(3));
        client.send(header_of(2, kind));
        CHECK(world.node.wait_refusal("frame of kind " + std::to_string(kind)));
        CHECK(client.is_tls_closed_by_other());
    }
    world.check_still_serves();
}

TEST_CASE("a malformed hello is refused") {
    Listening world;
    RawClient client{world.node.hub->listen_port()};
    REQUIRE(client.handshake(3));
    Bytes out;
    put_frame(out, hello_kind, as_bytes("hello"));
    client.send(out);
    CHECK(world.node.wait_refusal("Hello"));
    CHECK(client.is_tls_closed_by_other());
}

TEST_CASE("an unknown kind of frame ends the connection and names the peer") {
    Listening world;
    RawClient client{world.node.hub->listen_port()};
    world.enter(client);
    client.send(header_of(2, 200));
    CHECK(world.node.wait_refusal("node-2: frame of kind 200, which may not come here"));
    CHECK(world.node.wait_up(2, false));
    world.check_still_serves();
}

TEST_CASE("a second hello ends the connection") {
    Listening world;
    RawClient client{world.node.hub->listen_port()};
    world.enter(client);
    client.send_hello(network_of(7), 2);
    CHECK(world.node.wait_refusal("node-2: frame of kind 0"));
}

TEST_CASE("a length over the kind's limit ends the connection as soon as the header is there") {
    Listening world;
    const std::vector<std::pair<Kind, std::uint32_t>> cases{
        {tiny_kind, 102}, {small_kind, (1 << 20) + 2}, {big_kind, (4 << 20) + 2}, {big_kind, 0xffffffff}};
    int changes = 0;
    for (const auto& [kind, length] : cases) {
        RawClient client{world.node.hub->listen_port()};
        REQUIRE(client.handshake(3));
        client.send_hello(network_of(7), 2);
        REQUIRE(world.node.wait_changes(2, ++changes));
        client.send(header_of(length, kind));
        CHECK(world.node.wait_refusal("frame of kind " + std::to_string(kind) + " with length " +
                                      std::to_string(length)));
        REQUIRE(world.node.wait_changes(2, ++changes));
    }
    world.check_still_serves();
}

TEST_CASE("half-open connections end at the time limit") {
    auto options = options_of(0, 2);
    options.handshake_ms_max = 200;
    Node node{std::move(options)};
    RawClient silent{node.hub->listen_port()};
    RawClient no_hello{node.hub->listen_port()};
    REQUIRE(no_hello.handshake(2));
    CHECK(node.wait([](Node& n) {
        std::size_t count = 0;
        for (const auto& line : n.refusals) count += line.find("handshake took too long") != std::string::npos;
        return count == 2;
    }));
    CHECK(silent.is_closed_by_other());
    CHECK(no_hello.is_tls_closed_by_other());
}

TEST_CASE("a flood of half-open connections is bounded and does not keep an honest node out") {
    auto options = options_of(0, 3);
    options.handshake_ms_max = 60'000;
    options.unauthenticated_max = 16;
    options.unauthenticated_per_address_max = 8;
    Node node{std::move(options)};
    std::vector<std::unique_ptr<RawClient>> flood;
    for (int i = 0; i < 100; ++i) {
        flood.push_back(std::make_unique<RawClient>(node.hub->listen_port()));
        REQUIRE(flood.back()->connected);
    }
    // 8 may stay; each further one closed the oldest.
    CHECK(node.wait([](Node& n) { return n.refusals.size() >= 92; }));
    CHECK(node.wait_refusal("made room for newer connections"));
    auto honest_options = options_of(1, 3);
    honest_options.peers[0].port = node.hub->listen_port();
    Node honest{std::move(honest_options)};
    CHECK(honest.wait_up(0));
    CHECK(flood.front()->is_closed_by_other());
}

TEST_CASE("a client that is let in may trickle a frame byte by byte") {
    Listening world;
    RawClient client{world.node.hub->listen_port()};
    world.enter(client);
    Bytes out;
    put_frame(out, small_kind, as_bytes("one byte at a time"));
    for (const auto byte : out) client.send(ByteView{&byte, 1});
    REQUIRE(world.node.wait_frames(1));
    CHECK(world.node.inbox[0].payload == Bytes(out.begin() + frame_header_bytes, out.end()));
    CHECK(world.node.inbox[0].from == NodeIndex{2});
}
