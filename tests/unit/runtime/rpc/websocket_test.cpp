#include <doctest/doctest.h>

#include "fixture.hpp"
#include "runtime/base/limits.hpp"

namespace troupe::rpc {

TEST_CASE("a WebSocket is accepted on the same port, and compression politely declined") {
    TestServer server;
    RawClient client{server.port()};
    const auto reply = client.upgrade("sec-websocket-extensions: permessage-deflate; client_max_window_bits\r\n");
    REQUIRE(reply);
    CHECK(reply->status == 101);
    CHECK(reply->has("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="));
    CHECK_FALSE(reply->has("permessage-deflate"));
    client.send_frame(request("echo", "0"));
    CHECK(client.frame()->payload == answer("\"no params\"", "0"));
}

TEST_CASE("requests on a WebSocket are answered as they become ready, notifications not at all") {
    TestServer server;
    RawClient client{server.port()};
    client.upgrade();
    client.send_frame(request("hold", "1"));
    REQUIRE(server.handler->wait_for("hold", 1));
    client.send_frame(R"({"method":"notify"})");
    client.send_frame("[" + request("echo", "2") + "]");
    client.send_frame("{bad");
    CHECK(client.frame()->payload == "[" + answer("\"no params\"", "2") + "]");
    CHECK(client.frame()->payload.find("-32700") != std::string::npos);
    server.handler->release("9");
    CHECK(client.frame()->payload == answer("9", "1"));
}

TEST_CASE("what is pushed after a subscription comes after its answer, in a batch too") {
    TestServer server;
    for (int i = 0; i < 50; ++i) {
        RawClient client{server.port()};
        client.upgrade();
        client.send_frame(request("subscribe", "1"));
        CHECK(client.frame()->payload == answer("\"id\"", "1"));
        CHECK(client.frame()->payload == "pushed");
        client.send_frame("[" + request("subscribe", "1") + "," + request("later", "2") + "]");
        CHECK(client.frame()->payload == "[" + answer("\"id\"", "1") + "," + answer("\"later\"", "2") + "]");
        CHECK(client.frame()->payload == "pushed");
    }
    CHECK(server.handler->wait_for_closed(50));
}

TEST_CASE("fragmented messages and pings are understood") {
    TestServer server;
    RawClient client{server.port()};
    client.upgrade();
    const auto text = request("echo", "5");
    client.send_frame(text.substr(0, 10), 1, false);
    client.send_frame("are you there?", 9);
    client.send_frame(text.substr(10), 0, true);
    auto frame = client.frame();
    REQUIRE(frame);
    CHECK(frame->opcode == 10);
    CHECK(frame->payload == "are you there?");
    CHECK(client.frame()->payload == answer("\"no params\"", "5"));
}

TEST_CASE("the handler hears once of each peer that leaves") {
    TestServer server;
    {
        RawClient client{server.port()};
        client.upgrade();
        client.send_frame(request("subscribe"));
        CHECK(client.frame()->payload == answer("\"id\""));
    }
    REQUIRE(server.handler->wait_for_closed(1));
    CHECK_FALSE(server.handler->peer()->push("too late"));
    RawClient polite{server.port()};
    polite.upgrade();
    polite.send_frame(std::string{"\x03\xe8", 2}, 8);
    CHECK(polite.frame()->opcode == 8);
    polite.shut_down_sending();
    CHECK(server.handler->wait_for_closed(2));
}

TEST_CASE("protocol violations end the connection and nothing else") {
    TestServer server;
    RawClient good{server.port()};
    good.upgrade();
    for (const std::string& bytes : {std::string{"\x81\x05hello", 7}, std::string{"\xff\xff\xff\xff\xff\xff", 6},
                                     std::string{"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", 14},
                                     std::string{"\x81\x82\0\0\0\0\xc3\x28", 8}}) {
        RawClient client{server.port()};
        client.upgrade();
        client.send(bytes);
        client.shut_down_sending();
        CHECK(client.closed_by_server());
        good.send_frame(request("echo"));
        CHECK(good.frame()->payload == answer("\"no params\""));
    }
}

TEST_CASE("a message over the limit closes the connection, one of the limit does not") {
    TestServer server;
    RawClient client{server.port()};
    client.upgrade();
    const auto text = request("echo");
    client.send_frame(text + std::string(limits::rpc_body_bytes_max - text.size(), ' '));
    CHECK(client.frame()->payload == answer("\"no params\""));
    client.send_frame(std::string(limits::rpc_body_bytes_max + 1, ' '));
    const auto frame = client.frame();
    if (frame) CHECK(frame->close_code() == 1009);
    CHECK(server.handler->wait_for_closed(1));
}

TEST_CASE("messages of all connections together are bounded") {
    ServerOptions options;
    options.body_bytes_max = 1000;
    TestServer server{options};
    RawClient client{server.port()};
    client.upgrade();
    client.send_frame(std::string(5000, ' '));
    CHECK(client.frame()->close_code() == 1013);
    RawClient other{server.port()};
    other.upgrade();
    other.send_frame(request("echo"));
    CHECK(other.frame()->payload == answer("\"no params\""));
}

TEST_CASE("the beginning of a message is not kept for ever, whatever is pinged meanwhile") {
    ServerOptions options;
    options.read_ms = 200;
    TestServer server{options};
    RawClient client{server.port()};
    client.upgrade();
    client.send_frame(std::string(1000, ' '), 1, false);
    bool open = true;
    for (int i = 0; i < 100'000 && open; ++i) open = client.send_frame("?", 9) && client.frame();
    CHECK_FALSE(open);
    CHECK(server.handler->wait_for_closed(1));
    // Between messages silence is allowed for longer.
    RawClient quiet{server.port()};
    quiet.upgrade();
    quiet.send_frame(request("echo"));
    CHECK(quiet.frame()->payload == answer("\"no params\""));
}

TEST_CASE("a peer that does not read what is pushed to it is disconnected") {
    ServerOptions options;
    options.push_bytes_max = 1 << 20;
    TestServer server{options};
    RawClient slow{server.port(), 4096};
    slow.upgrade();
    slow.send_frame(request("subscribe"));
    REQUIRE(server.handler->wait_for("subscribe", 1));
    while (server.handler->peer() == nullptr) std::this_thread::yield();
    const auto peer = server.handler->peer();
    const std::string message(64 << 10, 'x');
    std::size_t pushed = 0;
    while (peer->push(message)) REQUIRE(++pushed < 10'000);
    CHECK(pushed >= 15);
    CHECK(server.handler->wait_for_closed(1));
    CHECK_FALSE(peer->push("x"));
}

TEST_CASE("one peer has a bounded number of bodies in work; the rest wait unread") {
    ServerOptions options;
    options.peer_bodies_max = 3;
    TestServer server{options};
    RawClient client{server.port()};
    client.upgrade();
    for (int i = 0; i < 6; ++i) client.send_frame(request("hold", std::to_string(i)));
    REQUIRE(server.handler->wait_for("hold", 3));
    // A second peer is served while the first one's other requests wait.
    RawClient other{server.port()};
    other.upgrade();
    other.send_frame(request("echo"));
    CHECK(other.frame()->payload == answer("\"no params\""));
    CHECK_FALSE(server.handler->count("hold") > 3);
    server.handler->release("0");
    REQUIRE(server.handler->wait_for("hold", 6));
    server.handler->release("0");
    for (int i = 0; i < 6; ++i) CHECK(client.frame()->payload == answer("0", std::to_string(i)));
}

TEST_CASE("stopping says goodbye to WebSocket peers after their last answer") {
    TestServer server;
    RawClient client{server.port()};
    client.upgrade();
    client.send_frame(request("hold", "1"));
    REQUIRE(server.handler->wait_for("hold", 1));
    std::thread stopping{[&] { server.server->stop(deadline_ms); }};
    while (RawClient{server.port()}.connected()) std::this_thread::yield();
    server.handler->release("1");
    CHECK(client.frame()->payload == answer("1", "1"));
    const auto goodbye = client.frame();
    REQUIRE(goodbye);
    CHECK(goodbye->opcode == 8);
    CHECK(goodbye->close_code() == 1001);
    stopping.join();
    CHECK(server.handler->wait_for_closed(1));
}

}  // namespace troupe::rpc
