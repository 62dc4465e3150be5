#include "deploy/cli/rpc_client.hpp"

#include <atomic>
#include <thread>

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace troupe;
using cli::RpcClient;

namespace {

/// Accepts one connection after the other and hands each request that comes to `answer`; an empty answer closes.
class Server {
public:
    explicit Server(std::function<std::string(int)> answer) : answer_(std::move(answer)) {
        socket_ = ::socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        REQUIRE(::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        REQUIRE(::listen(socket_, 8) == 0);
        socklen_t size = sizeof address;
        ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
        url = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
        thread_ = std::thread([this] { serve(); });
    }
    ~Server() {
        stopping_ = true;
        ::shutdown(socket_, SHUT_RDWR);
        thread_.join();
        ::close(socket_);
    }

    std::string url;
    std::atomic<int> requests{0};
    /// Connections that this side has closed: on loopback the other side knows by then.
    std::atomic<int> closed{0};

private:
    void serve() {
        for (int client = ::accept(socket_, nullptr, nullptr); client >= 0;
             client = ::accept(socket_, nullptr, nullptr)) {
            const timeval limit{5, 0};
            ::setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
            char buffer[4096];
            while (!stopping_ && ::recv(client, buffer, sizeof buffer, 0) > 0) {
                const auto text = answer_(++requests);
                if (text.empty()) break;
                ::send(client, text.data(), text.size(), MSG_NOSIGNAL);
                if (text.find("close") != std::string::npos) break;
            }
            ::close(client);
            ++closed;
        }
    }

    std::function<std::string(int)> answer_;
    int socket_ = -1;
    std::atomic<bool> stopping_{false};
    std::thread thread_;
};

[[nodiscard]] std::string answer(const std::string& headers = "") {
    const std::string body = R"({"jsonrpc":"2.0","id":1,"result":"0x1"})";
    return "HTTP/1.1 200 OK\r\n" + headers + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace

TEST_CASE("a request that fails half-way is not sent again") {
    Server server{[](int) { return std::string{}; }};
    RpcClient client{server.url};
    const auto result = client.call("eth_sendRawTransaction");
    REQUIRE_FALSE(result.ok());
    CHECK(result.error().code == ErrorCode::unavailable);
    CHECK(server.requests == 1);
}

TEST_CASE("a kept connection that the node has closed is made anew before anything is sent") {
    Server server{[](int) { return answer("X-Then: close\r\n"); }};
    RpcClient client{server.url};
    for (int i = 1; i <= 3; ++i) {
        const auto result = client.call("eth_blockNumber");
        REQUIRE(result.ok());
        CHECK(server.requests == i);
        for (int k = 0; k < 20'000 && server.closed < i; ++k) ::usleep(1000);
    }
}

TEST_CASE("a node that accepts and says nothing is given up after the patience") {
    std::atomic<bool> release{false};
    Server server{[&](int) {
        while (!release) ::usleep(1000);
        return std::string{};
    }};
    RpcClient client{server.url, std::chrono::milliseconds(100)};
    const auto result = client.call("eth_blockNumber");
    release = true;
    REQUIRE_FALSE(result.ok());
    CHECK(result.error().message.find("no answer within 100 ms") != std::string::npos);
}

TEST_CASE("an error of the node is its message, and an answer of another form is malformed") {
    Server server{[](int n) {
        const std::string body = n == 1   ? R"({"id":1,"error":{"code":-32000,"message":"nonce too low"}})"
                                 : n == 2 ? "[]"
                                          : "nonsense";
        return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    }};
    RpcClient client{server.url};
    CHECK(client.call("a").error().message == "nonce too low");
    CHECK(client.call("b").error().code == ErrorCode::malformed);
    CHECK(client.call("c").error().code == ErrorCode::malformed);
}
