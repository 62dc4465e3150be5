// A server on a free loopback port whose methods do what tests need.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "raw_client.hpp"
#include "runtime/rpc/server.hpp"

namespace troupe::rpc {

/// echo: its params. hold: answered by release(). drop: its responder is destroyed. fail: error 3 with data.
/// big: 10 MiB. later, later big: from another thread. block: does not return until unblock(). subscribe: pushes once
/// answered.
class TestHandler final : public Handler {
public:
    ~TestHandler() override {
        for (auto& thread : threads_) thread.join();
    }

    void handle(const std::shared_ptr<Peer>& peer, Request request, Respond respond) override {
        const auto& method = request.method;
        if (method == "echo")
            return respond({request.params_json.empty() ? "\"no params\"" : request.params_json, {}, {}});
        if (method == "fail") return respond({"", RpcError{3, "execution reverted: \"x\"", "\"0x08c379a0\""}, {}});
        if (method == "twice") {
            respond({"1", {}, {}});
            return respond({"2", {}, {}});
        }
        if (method == "drop") return;
        std::unique_lock lock{mutex_};
        ++seen_[method];
        changed_.notify_all();
        if (method == "big") {
            lock.unlock();
            return respond({big(), {}, {}});
        }
        if (method == "later big") threads_.emplace_back([respond = std::move(respond)] { respond({big(), {}, {}}); });
        if (method == "block") {
            changed_.wait(lock, [&] { return is_unblocked_; });
            ++seen_["unblocked"];
            changed_.notify_all();
        }
        if (method == "hold") held_.push_back(std::move(respond));
        if (method == "later")
            threads_.emplace_back([respond = std::move(respond)] { respond({"\"later\"", {}, {}}); });
        if (method == "subscribe") {
            peers_.push_back(peer);
            respond({"\"id\"", {}, [peer] { peer->push("pushed"); }});
        }
        if (method == "notify") respond({"1", {}, {}});
    }
    void on_closed(std::uint64_t peer) override {
        const std::lock_guard lock{mutex_};
        closed_.push_back(peer);
        changed_.notify_all();
    }
    std::optional<HttpAnswer> on_get(std::string_view path) override {
        if (path == "/health") return HttpAnswer{200, "text/plain", "fine\n"};
        return std::nullopt;
    }

    bool wait_for(const std::string& method, std::size_t count) {
        std::unique_lock lock{mutex_};
        return changed_.wait_for(lock, std::chrono::milliseconds(deadline_ms), [&] { return seen_[method] >= count; });
    }
    std::size_t count(const std::string& method) {
        const std::lock_guard lock{mutex_};
        return seen_[method];
    }
    bool wait_for_closed(std::size_t count) {
        std::unique_lock lock{mutex_};
        return changed_.wait_for(lock, std::chrono::milliseconds(deadline_ms), [&] { return closed_.size() >= count; });
    }
    void release(const std::string& result) {
        std::vector<Respond> held;
        {
            const std::lock_guard lock{mutex_};
            held.swap(held_);
        }
        for (auto& respond : held) respond({result, {}, {}});
    }
    void unblock() {
        const std::lock_guard lock{mutex_};
        is_unblocked_ = true;
        changed_.notify_all();
    }
    std::shared_ptr<Peer> peer() {
        const std::lock_guard lock{mutex_};
        return peers_.empty() ? nullptr : peers_.back();
    }

private:
    [[nodiscard]] static std::string big() { return "\"" + std::string(10 << 20, 'x') + "\""; }

    std::mutex mutex_;
    bool is_unblocked_ = false;
    std::condition_variable changed_;
    std::map<std::string, std::size_t> seen_;
    std::vector<Respond> held_;
    std::vector<std::uint64_t> closed_;
    std::vector<std::shared_ptr<Peer>> peers_;
    std::vector<std::thread> threads_;
};

struct TestServer {
    explicit TestServer(ServerOptions options = {}) {
        auto started = Server::start(options, handler);
        server = std::move(*started);
    }
    [[nodiscard]] std::uint16_t port() const { return server->port(); }

    std::shared_ptr<TestHandler> handler = std::make_shared<TestHandler>();
    std::unique_ptr<Server> server;
};

inline std::string request(std::string_view method, std::string_view id = "1", std::string_view params = "") {
    std::string out = "{\"jsonrpc\":\"2.0\",\"id\":" + std::string{id} + ",\"method\":\"" + std::string{method} + "\"";
    if (!params.empty()) out += ",\"params\":" + std::string{params};
    return out + "}";
}
inline std::string answer(std::string_view result, std::string_view id = "1") {
    return "{\"jsonrpc\":\"2.0\",\"id\":" + std::string{id} + ",\"result\":" + std::string{result} + "}";
}

}  // namespace troupe::rpc
