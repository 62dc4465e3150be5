// Calls between processes of one operator, and everybody else kept out, with the reason.
#include <atomic>
#include <thread>

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <spdlog/sinks/ringbuffer_sink.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/clock.hpp"
#include "runtime/operator_link/client.hpp"
#include "runtime/operator_link/protocol.hpp"
#include "runtime/operator_link/server.hpp"

using namespace troupe;
using namespace troupe::operator_link;

namespace {

constexpr std::chrono::milliseconds patience{20'000};
constexpr std::uint64_t day_ms = 86'400'000;

[[nodiscard]] TimeMs now() { return wall_clock_now(); }

[[nodiscard]] Bytes bytes_of(const std::string& text) { return Bytes(text.begin(), text.end()); }
[[nodiscard]] std::string text_of(const Result<Bytes>& bytes) {
    return bytes ? std::string(bytes->begin(), bytes->end()) : "error: " + bytes.error().message;
}

/// The log while it lives.
class LogCapture {
public:
    LogCapture() : before_(spdlog::default_logger()) {
        spdlog::set_default_logger(std::make_shared<spdlog::logger>("capture", lines_));
    }
    ~LogCapture() { spdlog::set_default_logger(before_); }
    [[nodiscard]] bool has(const std::string& part) {
        for (int i = 0; i < 20'000; ++i) {
            if (text().find(part) != std::string::npos) return true;
            ::usleep(1000);
        }
        return false;
    }
    [[nodiscard]] std::string text() const {
        std::string all;
        for (const auto& line : lines_->last_formatted()) all += line;
        return all;
    }

private:
    std::shared_ptr<spdlog::logger> before_;
    std::shared_ptr<spdlog::sinks::ringbuffer_sink_mt> lines_ =
        std::make_shared<spdlog::sinks::ringbuffer_sink_mt>(1000);
};

struct Operator {
    Credentials authority = *make_authority("acme", now(), 10);
    [[nodiscard]] Credentials give(const std::string& name, Kind kind) const {
        return *issue(authority, name, kind, now(), 10);
    }
};

[[nodiscard]] Result<Bytes> echo(Caller& caller, const std::string& method, ByteView body) {
    if (method == "who") return bytes_of(caller.who().name + " " + to_string(caller.who().kind));
    if (method == "fail") return make_error(ErrorCode::not_found, "no such thing");
    if (method == "ask") {
        const auto more = caller.query("more", body);
        if (!more) return more.error();
        return caller.query("again", *more);
    }
    return Bytes(body.begin(), body.end());
}

struct Fixture {
    Operator op;
    std::unique_ptr<Server> server = std::move(*Server::start({}, op.give("alpha", Kind::agent), echo));

    [[nodiscard]] Result<Bytes> call_as(const Credentials& who, const std::string& method, const Bytes& body = {},
                                        const std::string& expected = "alpha") const {
        auto client = Client::create(who, {"127.0.0.1", server->port(), Kind::agent, expected});
        REQUIRE(client.ok());
        return (*client)->call(method, body, patience);
    }
};

}  // namespace

TEST_CASE("a call is answered, a fault keeps its code and text, and both sides know who the other is") {
    const Fixture f;
    const auto me = f.op.give("ops", Kind::commander);
    auto client = *Client::create(me, {"127.0.0.1", f.server->port(), Kind::agent, "alpha"});
    CHECK(text_of(client->call("echo", bytes_of("hello"), patience)) == "hello");
    CHECK(text_of(client->call("who", {}, patience)) == "ops commander");
    const auto fault = client->call("fail", {}, patience);
    REQUIRE_FALSE(fault.ok());
    CHECK(fault.error() == Error{ErrorCode::not_found, "no such thing"});
    const Bytes large(4 << 20, 9);
    CHECK(*client->call("echo", large, patience) == large);
}

TEST_CASE("a server may ask the caller during a call") {
    const Fixture f;
    auto client = *Client::create(f.op.give("g", Kind::node), {"127.0.0.1", f.server->port(), Kind::agent, "alpha"});
    const auto result =
        client->call("ask", bytes_of("a"), patience, [](const std::string& method, ByteView body) -> Result<Bytes> {
            Bytes out(body.begin(), body.end());
            out.push_back(static_cast<std::uint8_t>(method[0]));
            return out;
        });
    CHECK(text_of(result) == "ama");
    CHECK(text_of(client->call("ask", bytes_of("a"), patience)) == "error: no queries are answered here");
    CHECK(text_of(client->call("echo", bytes_of("still there"), patience)) == "still there");
}

TEST_CASE("a certificate of another operator is refused on both sides, and the log says which and why") {
    const Fixture f;
    LogCapture log;
    const Operator other{*make_authority("globex", now(), 10)};
    auto stranger = other.give("mallory", Kind::commander);
    // It refuses us first.
    const auto first = f.call_as(stranger, "echo");
    REQUIRE_FALSE(first.ok());
    CHECK(first.error().code == ErrorCode::unauthorized);
    CHECK_MESSAGE(first.error().message.find("CN = alpha") != std::string::npos, first.error().message);
    // It trusts us, and we do not trust it.
    stranger.trust = f.op.authority.certificate;
    const auto second = f.call_as(stranger, "echo");
    REQUIRE_FALSE(second.ok());
    CHECK(log.has("CN = mallory"));
    CHECK_MESSAGE(log.has("unable to get local issuer certificate"), log.text());
}

TEST_CASE("an expired certificate, one not valid yet and none at all are refused with the reason") {
    const Fixture f;
    LogCapture log;
    const auto expired = *issue(f.op.authority, "old", Kind::commander, TimeMs{now().value - 20 * day_ms}, 5);
    const auto refused = f.call_as(expired, "echo");
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().code == ErrorCode::unauthorized);
    CHECK_MESSAGE(log.has("CN = old"), log.text());
    CHECK_MESSAGE(log.has("certificate has expired"), log.text());
    const auto early = *issue(f.op.authority, "early", Kind::commander, TimeMs{now().value + 5 * day_ms}, 5);
    CHECK_FALSE(f.call_as(early, "echo").ok());
    CHECK_MESSAGE(log.has("certificate is not yet valid"), log.text());
}

TEST_CASE("a leaf can't issue certificates") {
    const Fixture f;
    LogCapture log;
    auto leaf = f.op.give("ops", Kind::commander);
    auto forged = *issue(leaf, "forged", Kind::commander, now(), 5, f.op.authority.certificate);
    CHECK_FALSE(f.call_as(forged, "echo").ok());
    CHECK_MESSAGE(log.has("CN = forged"), log.text());
}

TEST_CASE("another host or another kind does not stand in for the one that was meant") {
    const Fixture f;
    const auto me = f.op.give("ops", Kind::commander);
    const auto wrong = f.call_as(me, "echo", {}, "beta");
    REQUIRE_FALSE(wrong.ok());
    CHECK(wrong.error().message.find("is agent \"alpha\", not agent \"beta\"") != std::string::npos);
}

TEST_CASE("rotation: old and new certificates work while both authorities are trusted, then only new ones") {
    Operator old_one;
    const auto old_commander = old_one.give("ops", Kind::commander);
    const auto next = *make_authority("acme", now(), 10);
    const auto both = old_one.authority.certificate + next.certificate;
    REQUIRE(read_certificates(both)->size() == 2);
    auto server = *Server::start({}, *issue(next, "alpha", Kind::agent, now(), 5, both), echo);
    const auto call = [&](Credentials who, const std::string& trust) {
        who.trust = trust;
        return (*Client::create(who, {"127.0.0.1", server->port(), Kind::agent, "alpha"}))->call("who", {}, patience);
    };
    CHECK(text_of(call(old_commander, both)) == "ops commander");
    REQUIRE(server->set_credentials(*issue(next, "alpha", Kind::agent, now(), 5, next.certificate)).ok());
    CHECK_FALSE(call(old_commander, both).ok());
    CHECK(text_of(call(*issue(next, "ops", Kind::commander, now(), 5), next.certificate)) == "ops commander");
}

TEST_CASE("a revoked certificate is refused by name and reason, and its open connection is closed; others go on") {
    const Fixture f;
    LogCapture log;
    const auto thief = f.op.give("thief", Kind::commander);
    const auto honest = f.op.give("ops", Kind::commander);
    auto open = *Client::create(thief, {"127.0.0.1", f.server->port(), Kind::agent, "alpha"});
    REQUIRE(open->call("echo", {}, patience).ok());

    const auto serial = read_certificate(thief.certificate)->serial;
    auto mine = f.op.give("alpha", Kind::agent);
    const auto list = make_revocation_list(f.op.authority, {serial}, now());
    REQUIRE(list.ok());
    mine.trust += *list;
    CHECK(revoked_serials(mine.trust) == std::vector{serial});
    CHECK(*from_bundle(to_bundle(mine)) == mine);
    CHECK(trust_fingerprints(mine.trust).size() == 2);
    REQUIRE(f.server->set_credentials(mine).ok());

    CHECK_MESSAGE(log.has("commander \"thief\" is closed: certificate"), log.text());
    CHECK_FALSE(f.call_as(thief, "echo").ok());
    CHECK_MESSAGE(log.has("CN = thief"), log.text());
    CHECK_MESSAGE(log.has("certificate revoked"), log.text());
    CHECK(f.call_as(honest, "echo").ok());
}

TEST_CASE("credentials survive their file; a key that is not the certificate's is refused") {
    const Operator op;
    const auto mine = op.give("alpha", Kind::agent);
    CHECK(*from_bundle(to_bundle(mine)) == mine);
    auto mixed = mine;
    mixed.key = op.give("beta", Kind::agent).key;
    CHECK_FALSE(from_bundle(to_bundle(mixed)).ok());
    CHECK_FALSE(from_bundle("nonsense").ok());
    CHECK_FALSE(from_bundle(mine.key).ok());
    const auto facts = read_certificate(mine.certificate);
    REQUIRE(facts.ok());
    CHECK(facts->name == "alpha");
    CHECK(facts->operator_name == "acme");
    CHECK(facts->kind == Kind::agent);
    CHECK(facts->not_after.value > now().value + 9 * day_ms);
    CHECK_FALSE(issue(op.authority, "../x", Kind::agent, now(), 5).ok());
}

TEST_CASE("a server that is away is unavailable, soon; one that is back is found again") {
    const Operator op;
    auto server = *Server::start({}, op.give("alpha", Kind::agent), echo);
    const auto port = server->port();
    auto client = *Client::create(op.give("ops", Kind::commander), {"127.0.0.1", port, Kind::agent, "alpha"});
    CHECK(client->call("echo", {}, patience).ok());
    server.reset();
    const auto away = client->call("echo", {}, patience);
    REQUIRE_FALSE(away.ok());
    CHECK(away.error().code == ErrorCode::unavailable);
    ServerOptions options;
    options.port = port;
    server = *Server::start(options, op.give("alpha", Kind::agent), echo);
    CHECK(client->call("echo", {}, patience).ok());
    CHECK_FALSE(Server::start(options, op.give("alpha", Kind::agent), echo).ok());
}

TEST_CASE("plain bytes, silence and a flood of connections leave the server answering") {
    const Operator op;
    ServerOptions options;
    options.connections_max = 4;
    options.handshake_ms = 500;
    auto server = *Server::start(options, op.give("alpha", Kind::agent), echo);
    LogCapture log;
    std::vector<int> sockets;
    for (int i = 0; i < 20; ++i) {
        const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(server->port());
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        REQUIRE(::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        if (i % 2 == 0) static_cast<void>(::send(socket, "GET / HTTP/1.1\r\n\r\n", 18, MSG_NOSIGNAL));
        sockets.push_back(socket);
    }
    CHECK(log.has("4 connections are the most"));
    auto client = *Client::create(op.give("ops", Kind::commander), {"127.0.0.1", server->port(), Kind::agent, "alpha"});
    // Refused, too, until the silent ones are thrown out.
    const auto deadline = now() + DurationMs{static_cast<std::uint64_t>(patience.count())};
    bool answered = false;
    while (!answered && now() < deadline) answered = client->call("echo", {}, patience).ok();
    CHECK(answered);
    for (const int socket : sockets) ::close(socket);
}

TEST_CASE("a call that is not answered in time fails, and the next one starts afresh") {
    const Operator op;
    std::atomic<bool> release{false};
    auto server = *Server::start({}, op.give("alpha", Kind::agent),
                                 [&](Caller&, const std::string& method, ByteView) -> Result<Bytes> {
                                     while (method == "slow" && !release) ::usleep(1000);
                                     return bytes_of(method);
                                 });
    auto client = *Client::create(op.give("ops", Kind::commander), {"127.0.0.1", server->port(), Kind::agent, "alpha"});
    const auto late = client->call("slow", {}, std::chrono::milliseconds(200));
    REQUIRE_FALSE(late.ok());
    CHECK(late.error().code == ErrorCode::unavailable);
    CHECK(text_of(client->call("quick", {}, patience)) == "quick");
    release = true;
}
