#include <future>

#include <doctest/doctest.h>

#include "fixture.hpp"
#include "runtime/base/limits.hpp"

namespace troupe::rpc {
namespace {

[[nodiscard]] std::string padded(std::size_t size) { return std::string(size, ' '); }

}  // namespace

TEST_CASE("a request is answered on any path, and the connection goes on") {
    TestServer server;
    RawClient client{server.port()};
    for (const char* path : {"/", "/v1/rpc?key=x", "/a/b/c"}) {
        const auto reply = client.post(request("echo", "0", "[1]"), path);
        REQUIRE(reply);
        CHECK(reply->status == 200);
        CHECK(reply->body == answer("[1]", "0"));
        CHECK(reply->has("content-type: application/json"));
        CHECK(reply->has("access-control-allow-origin: *"));
    }
}

TEST_CASE("pipelined requests are answered one by one, in order") {
    TestServer server;
    RawClient client{server.port()};
    std::string all;
    for (int i = 0; i < 20; ++i) {
        const auto body = request(i % 3 == 0 ? "later" : "echo", std::to_string(i));
        all += "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    }
    client.send(all);
    for (int i = 0; i < 20; ++i) {
        const auto reply = client.reply();
        REQUIRE(reply);
        CHECK(reply->body == answer(i % 3 == 0 ? "\"later\"" : "\"no params\"", std::to_string(i)));
    }
}

TEST_CASE("a batch is answered in the order of its requests, notifications and all") {
    TestServer server;
    RawClient client{server.port()};
    const auto reply =
        client.post("[" + request("later", "1") + "," + request("echo", "\"two\"") + "," + R"({"method":"notify"},5,)" +
                    request("fail", "null") + "," + request("twice", "6") + "]");
    REQUIRE(reply);
    CHECK(
        reply->body ==
        "[" + answer("\"later\"", "1") + "," + answer("\"no params\"", "\"two\"") + "," +
            R"({"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"invalid request"}},)" +
            R"({"jsonrpc":"2.0","id":null,"error":{"code":3,"message":"execution reverted: \"x\"","data":"0x08c379a0"}},)" +
            answer("1", "6") + "]");
}

TEST_CASE("notifications alone are answered with 204 and nothing") {
    TestServer server;
    RawClient client{server.port()};
    for (const char* body : {R"({"method":"notify"})", R"([{"method":"notify"},{"method":"notify"}])"}) {
        const auto reply = client.post(body);
        REQUIRE(reply);
        CHECK(reply->status == 204);
        CHECK(reply->body.empty());
    }
    CHECK(server.handler->wait_for("notify", 3));
}

TEST_CASE("a batch with a held request waits for it, and other connections do not") {
    TestServer server;
    RawClient waiting{server.port()};
    RawClient other{server.port()};
    const auto body = "[" + request("hold", "1") + "," + request("echo", "2") + "]";
    waiting.send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    REQUIRE(server.handler->wait_for("hold", 1));
    CHECK(other.post(request("echo"))->body == answer("\"no params\""));
    server.handler->release("\"done\"");
    CHECK(waiting.reply()->body == "[" + answer("\"done\"", "1") + "," + answer("\"no params\"", "2") + "]");
}

TEST_CASE("a responder that is destroyed uncalled answers an error instead of leaving the client waiting") {
    TestServer server;
    RawClient client{server.port()};
    const auto reply = client.post(request("drop"));
    REQUIRE(reply);
    CHECK(reply->body.find("-32603") != std::string::npos);
}

TEST_CASE("answers that are too large together become errors: which ones depends on their order alone") {
    TestServer server;
    const auto refusal = [](const char* id) {
        return std::string{R"({"jsonrpc":"2.0","id":)"} + id +
               R"(,"error":{"code":-32003,"message":"response too large"}})";
    };
    for (const std::string first : {"big", "later big"}) {
        RawClient client{server.port()};
        const auto reply =
            client.post("[" + request(first, "1") + "," + request("later big", "2") + "," + request("big", "3") + "," +
                        request("echo", "4") + "," + request("big", "5") + "]");
        REQUIRE(reply);
        // 1 and 2 fit together, whatever the order in which they are ready; 4 is no larger than a refusal.
        CHECK(reply->body.size() > (20 << 20));
        CHECK(reply->body.size() < limits::rpc_response_bytes_max);
        CHECK(reply->body.find(refusal("3")) != std::string::npos);
        CHECK(reply->body.find(answer("\"no params\"", "4")) != std::string::npos);
        CHECK(reply->body.find(refusal("5")) != std::string::npos);
    }
}

TEST_CASE("requests over the limit in flight are each refused with -32005") {
    ServerOptions options;
    options.in_flight_max = 2;
    TestServer server{options};
    RawClient waiting{server.port()};
    const auto body = "[" + request("hold", "1") + "," + request("hold", "2") + "," + request("echo", "3") + "]";
    waiting.send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    REQUIRE(server.handler->wait_for("hold", 2));
    RawClient other{server.port()};
    CHECK(other.post(request("echo"))->body.find("\"code\":-32005") != std::string::npos);
    server.handler->release("0");
    CHECK(waiting.reply()->body.find(
              R"("id":3,"error":{"code":-32005,"message":"request limit exceeded, try again"})") != std::string::npos);
    CHECK(other.post(request("echo"))->body == answer("\"no params\""));
}

TEST_CASE("OPTIONS is answered for browsers, GET by the pages there are") {
    TestServer server;
    RawClient client{server.port()};
    client.send("OPTIONS / HTTP/1.1\r\nhost: x\r\norigin: http://a\r\naccess-control-request-method: POST\r\n\r\n");
    const auto options = client.reply();
    REQUIRE(options);
    CHECK(options->status == 200);
    CHECK(options->has("access-control-allow-origin: *"));
    CHECK(options->has("access-control-allow-methods: post"));
    CHECK(options->has("access-control-allow-headers: *"));
    client.send("GET /health?full HTTP/1.1\r\nhost: x\r\n\r\n");
    CHECK(client.reply()->body == "fine\n");
    client.send("GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n");
    CHECK(client.reply()->status == 404);
    client.send("PUT / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n");
    CHECK(client.reply()->status == 405);
}

TEST_CASE("HTTP 1.0, connection: close, chunked bodies and Expect: 100-continue are honoured") {
    TestServer server;
    const auto body = request("echo");
    const auto length = "content-length: " + std::to_string(body.size()) + "\r\n";
    {
        RawClient client{server.port()};
        client.send("POST / HTTP/1.0\r\n" + length + "\r\n" + body);
        CHECK(client.reply()->body == answer("\"no params\""));
        CHECK(client.closed_by_server());
    }
    {
        RawClient client{server.port()};
        CHECK(client.post(body, "/", "connection: close\r\n")->has("connection: close"));
        CHECK(client.closed_by_server());
    }
    {
        RawClient client{server.port()};
        client.send("POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\n" + body.substr(0, 5) +
                    "\r\n");
        char size[16];
        std::snprintf(size, sizeof size, "%zx\r\n", body.size() - 5);
        client.send(size + body.substr(5) + "\r\n0\r\n\r\n");
        CHECK(client.reply()->body == answer("\"no params\""));
    }
    {
        RawClient client{server.port()};
        client.send("POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n" + length + "\r\n");
        CHECK(client.reply()->status == 100);
        client.send(body);
        CHECK(client.reply()->body == answer("\"no params\""));
    }
}

TEST_CASE("garbage is answered with 400 or closed, and harms nobody else") {
    TestServer server;
    RawClient good{server.port()};
    for (const std::string& bytes :
         {std::string{"\x16\x03\x01\x02\x00\x01\x00"}, std::string(5000, '\0'), std::string{"GET\r\n\r\n"},
          std::string{"POST / HTTP/1.1\r\ncontent-length: x\r\n\r\n"},
          std::string{"POST / HTTP/1.1\r\ncontent-length: 99999999999999999999999\r\n\r\n"},
          "POST / HTTP/1.1\r\nx: " + std::string(40'000, 'a') + "\r\n\r\n",
          std::string{"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"}}) {
        RawClient client{server.port()};
        client.send(bytes);
        client.shut_down_sending();
        if (const auto reply = client.reply())
            CHECK_MESSAGE((reply->status == 400 || reply->status == 413), bytes.substr(0, 40));
        CHECK(client.closed_by_server());
        CHECK(good.post(request("echo"))->body == answer("\"no params\""));
    }
}

TEST_CASE("bodies that are no JSON-RPC get an error in HTTP 200") {
    TestServer server;
    RawClient client{server.port()};
    for (const std::string& body : {std::string{"{bad"}, std::string{""}, std::string(100'000, '['), std::string{"[]"},
                                    "[" + std::string(5000, '1') + "]"}) {
        const auto reply = client.post(body);
        REQUIRE(reply);
        CHECK(reply->status == 200);
        CHECK(reply->body.find("\"id\":null,\"error\"") != std::string::npos);
    }
    std::string batch = "[";
    for (std::size_t i = 0; i <= limits::rpc_batch_max; ++i) batch += (i == 0 ? "" : ",") + request("echo");
    CHECK(client.post(batch + "]")->body.find("batch too large") != std::string::npos);
}

TEST_CASE("a body of exactly the limit is taken, a longer one is refused before it is read") {
    TestServer server;
    RawClient client{server.port()};
    const auto small = request("echo");
    CHECK(client.post(small + padded(limits::rpc_body_bytes_max - small.size()))->body == answer("\"no params\""));
    // The client sends on after the refusal, and still reads it.
    RawClient announced{server.port()};
    announced.send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: " + std::to_string(limits::rpc_body_bytes_max + 1) +
                   "\r\n\r\n");
    announced.send(padded(1 << 20));
    CHECK(announced.reply()->status == 413);
    CHECK(announced.closed_by_server());
    RawClient chunked{server.port()};
    chunked.send("POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n");
    for (int i = 0; i < 6 && chunked.send("100000\r\n" + padded(1 << 20) + "\r\n"); ++i) {
    }
    CHECK(chunked.reply()->status == 413);
}

TEST_CASE("the bodies of all connections together are bounded by what has come of them") {
    ServerOptions options;
    options.body_bytes_max = 1000;
    TestServer server{options};
    RawClient first{server.port()};
    first.send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 901\r\n\r\n" + request("echo") +
               padded(900 - request("echo").size()));
    // The first body holds its share as soon as its bytes are read.
    int status = 0;
    for (int i = 0; i < 1000 && status != 503; ++i) {
        RawClient second{server.port()};
        const auto reply = second.post(request("echo") + padded(200));
        REQUIRE(reply);
        status = reply->status;
        if (status == 503) CHECK(reply->body.find("-32005") != std::string::npos);
        if (status == 503) CHECK(reply->has("access-control-allow-origin: *"));
    }
    CHECK(status == 503);
    first.send(" ");
    CHECK(first.reply()->body == answer("\"no params\""));
    bool admitted = false;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!admitted && std::chrono::steady_clock::now() < deadline)
        admitted = RawClient{server.port()}.post(request("echo") + padded(200))->status == 200;
    CHECK(admitted);
}

TEST_CASE("what is declared and not sent takes no room from others, and not for long") {
    ServerOptions options;
    options.body_bytes_max = 8 << 20;
    options.stall_ms = 500;
    TestServer server{options};
    std::vector<std::unique_ptr<RawClient>> liars;
    for (int i = 0; i < 60; ++i) {
        liars.push_back(std::make_unique<RawClient>(server.port()));
        liars.back()->send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: " +
                           std::to_string(limits::rpc_body_bytes_max) + "\r\n\r\n{");
    }
    RawClient honest{server.port()};
    const auto body = request("echo");
    const auto reply = honest.post(body + padded((1 << 20) - body.size()));
    REQUIRE(reply);
    CHECK(reply->status == 200);
    for (auto& liar : liars) CHECK(liar->closed_by_server());
}

TEST_CASE("a body's share is held until its answer is written") {
    ServerOptions options;
    options.body_bytes_max = 1000;
    TestServer server{options};
    RawClient held{server.port()};
    const auto body = request("hold") + padded(800);
    held.send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    REQUIRE(server.handler->wait_for("hold", 1));
    CHECK(RawClient{server.port()}.post(request("echo") + padded(400))->status == 503);
    server.handler->release("0");
    CHECK(held.reply()->body == answer("0"));
    bool admitted = false;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!admitted && std::chrono::steady_clock::now() < deadline)
        admitted = RawClient{server.port()}.post(request("echo") + padded(400))->status == 200;
    CHECK(admitted);
}

TEST_CASE("answers that nobody reads are bounded over all connections") {
    ServerOptions options;
    options.answer_bytes_max = 25 << 20;
    options.read_ms = 500;
    TestServer server{options};
    RawClient lazy{server.port(), 4096}, second{server.port(), 4096}, third{server.port(), 4096};
    const auto body = request("big");
    const auto post =
        "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    lazy.send(post);
    second.send(post);
    REQUIRE(server.handler->wait_for("big", 2));
    third.send(post);
    const auto refused = third.reply();
    REQUIRE(refused);
    CHECK(refused->body.find("\"code\":-32005") != std::string::npos);
    // Who does not read is cut off, and then there is room again.
    bool admitted = false;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!admitted && std::chrono::steady_clock::now() < deadline) {
        RawClient again{server.port()};
        admitted = again.post(body)->body.size() > (10 << 20);
    }
    CHECK(admitted);
}

TEST_CASE("a request that trickles in and a connection that idles are closed") {
    ServerOptions options;
    options.read_ms = 100;
    options.idle_ms = 5'000;
    TestServer server{options};
    RawClient in_header{server.port()};
    in_header.send("POST / HTTP/1.1\r\nx: ");
    RawClient in_body{server.port()};
    in_body.send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{");
    CHECK(in_header.closed_by_server());
    CHECK(in_body.closed_by_server());

    options.idle_ms = 500;
    TestServer impatient{options};
    RawClient silent{impatient.port()};
    CHECK(silent.closed_by_server());
    RawClient once{impatient.port()};
    CHECK(once.post(request("echo"))->status == 200);
    CHECK(once.closed_by_server());
}

TEST_CASE("connections over the limit are told so, and there is room again when others leave") {
    ServerOptions options;
    options.connections_max = 2;
    TestServer server{options};
    RawClient first{server.port()};
    first.upgrade();
    {
        RawClient second{server.port()};
        CHECK(second.post(request("echo"))->status == 200);
        RawClient third{server.port()};
        const auto refused = third.reply();
        REQUIRE(refused);
        CHECK(refused->status == 503);
        CHECK(refused->has("access-control-allow-origin: *"));
        CHECK(refused->body.find("-32005") != std::string::npos);
    }
    bool admitted = false;
    for (int i = 0; i < 1000 && !admitted; ++i) {
        const auto reply = RawClient{server.port()}.post(request("echo"));
        admitted = reply && reply->status == 200;
    }
    CHECK(admitted);
}

TEST_CASE("connections that keep us waiting make room for new ones, those being answered do not") {
    ServerOptions options;
    options.connections_max = 8;
    TestServer server{options};
    RawClient held{server.port()};
    const auto body = request("hold");
    held.send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    REQUIRE(server.handler->wait_for("hold", 1));
    std::vector<std::unique_ptr<RawClient>> silent;
    for (int i = 0; i < 7; ++i) silent.push_back(std::make_unique<RawClient>(server.port()));
    bool admitted = false;
    for (int i = 0; i < 100'000 && !admitted; ++i) {
        const auto reply = RawClient{server.port()}.post(request("echo"));
        admitted = reply && reply->status == 200;
    }
    CHECK(admitted);
    server.handler->release("0");
    CHECK(held.reply()->body == answer("0"));
}

TEST_CASE("WebSockets can't take all connections") {
    ServerOptions options;
    options.websockets_max = 2;
    TestServer server{options};
    RawClient first{server.port()}, third{server.port()};
    CHECK(first.upgrade()->status == 101);
    {
        RawClient second{server.port()};
        CHECK(second.upgrade()->status == 101);
        const auto refused = third.upgrade();
        REQUIRE(refused);
        CHECK(refused->status == 503);
        CHECK(refused->body.find("-32005") != std::string::npos);
    }
    bool admitted = false;
    for (int i = 0; i < 1000 && !admitted; ++i) admitted = RawClient{server.port()}.upgrade()->status == 101;
    CHECK(admitted);
}

TEST_CASE("stopping finishes what is being answered and refuses what is new") {
    TestServer server;
    RawClient waiting{server.port()};
    RawClient idle{server.port()};
    CHECK(idle.post(request("echo"))->status == 200);
    const auto body = request("hold");
    waiting.send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    REQUIRE(server.handler->wait_for("hold", 1));
    auto stopped = std::async(std::launch::async, [&] { server.server->stop(deadline_ms); });
    // The listener is closed first.
    while (RawClient{server.port()}.connected()) std::this_thread::yield();
    server.handler->release("\"in time\"");
    const auto reply = waiting.reply();
    REQUIRE(reply);
    CHECK(reply->body == answer("\"in time\""));
    CHECK(reply->has("connection: close"));
    stopped.get();
    CHECK(waiting.closed_by_server());
    CHECK(idle.closed_by_server());
}

TEST_CASE("stopping does not wait for a handler that never comes back") {
    auto server = std::make_unique<TestServer>();
    const auto handler = server->handler;
    RawClient stuck{server->port()};
    const auto body = request("block");
    stuck.send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    REQUIRE(handler->wait_for("block", 1));
    auto stopped = std::async(std::launch::async, [&] { server->server->stop(10); });
    CHECK(stopped.wait_for(std::chrono::milliseconds(deadline_ms)) == std::future_status::ready);
    // When it does come back after all, there is still somebody.
    handler->unblock();
    server.reset();
    CHECK(handler->wait_for("unblocked", 1));
}

TEST_CASE("responders that outlive the server do nothing") {
    auto server = std::make_unique<TestServer>();
    const auto handler = server->handler;
    RawClient waiting{server->port()};
    const auto body = request("hold");
    waiting.send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    REQUIRE(handler->wait_for("hold", 1));
    server->server->stop(1);
    CHECK(waiting.closed_by_server());
    server.reset();
    handler->release("1");
}

TEST_CASE("an address that is taken or wrong is an error that names it") {
    TestServer server;
    ServerOptions options;
    options.port = server.port();
    const auto taken = Server::start(options, server.handler);
    REQUIRE_FALSE(taken);
    CHECK(taken.error().code == ErrorCode::io);
    CHECK(taken.error().message.find(std::to_string(server.port())) != std::string::npos);
    options.host = "nowhere";
    CHECK_FALSE(Server::start(options, server.handler));
}

}  // namespace troupe::rpc
