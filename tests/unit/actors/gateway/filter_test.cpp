// Logs, polled filters, and subscriptions over a real WebSocket.
#include <doctest/doctest.h>

#include "../../runtime/rpc/raw_client.hpp"
#include "fixture.hpp"

namespace troupe::gateway {
namespace {

const std::string topic_aa = "\"0x00000000000000000000000000000000000000000000000000000000000000aa\"";
[[nodiscard]] std::string topic_of(std::size_t i) {
    return "\"0x000000000000000000000000" + to_hex(Gateway::key(i).address().view()) + "\"";
}

}  // namespace

TEST_CASE("logs are found by address, topic, range and block hash as geth finds them") {
    Gateway gateway;
    gateway.mine({gateway.transaction(0, storing, word(1))});
    const auto second =
        gateway.mine({gateway.transaction(1, storing, word(2)), gateway.transaction(0, storing, word(3))});
    gateway.mine();
    const auto count = [&](const std::string& filter) {
        const auto logs = gateway.call("eth_getLogs", "[{" + filter + "}]");
        return logs.is_array() ? static_cast<int>(logs.size()) : -1;
    };
    const std::string all = "\"fromBlock\":\"earliest\"";
    CHECK(count(all) == 3);
    CHECK(count("") == 0);
    CHECK(count("\"fromBlock\":\"0x2\",\"toBlock\":\"0x2\"") == 2);
    CHECK(count("\"fromBlock\":\"0x9\"") == 0);
    CHECK(count("\"fromBlock\":\"0x2\",\"toBlock\":\"0x1\"") == -1);
    CHECK(count("\"blockHash\":" + quoted(to_hex_prefixed(second->hash.view()))) == 2);
    CHECK(count("\"blockHash\":" + quoted(to_hex_prefixed(second->hash.view())) + "," + all) == -1);
    CHECK(count(all + ",\"address\":" + quoted(hex(storing))) == 3);
    CHECK(count(all + ",\"address\":[" + quoted(hex(reverting)) + "," + quoted(hex(storing)) + "]") == 3);
    CHECK(count(all + ",\"address\":" + quoted(hex(reverting))) == 0);
    CHECK(count(all + ",\"address\":[]") == 3);
    CHECK(count(all + ",\"topics\":[" + topic_aa + "]") == 3);
    CHECK(count(all + ",\"topics\":[null," + topic_of(1) + "]") == 1);
    CHECK(count(all + ",\"topics\":[[]," + topic_of(0) + "]") == 2);
    CHECK(count(all + ",\"topics\":[" + topic_aa + ",[" + topic_of(0) + "," + topic_of(1) + "]]") == 3);
    CHECK(count(all + ",\"topics\":[" + topic_of(0) + "]") == 0);
    CHECK(count(all + ",\"topics\":[null,null,null]") == 0);
    const auto logs = gateway.call("eth_getLogs", "[{\"fromBlock\":\"0x2\",\"toBlock\":\"latest\"}]");
    CHECK(logs[1]["logIndex"] == "0x1");
    CHECK(logs[1]["data"] == to_hex_prefixed(word(3)));
    CHECK(logs[1]["blockNumber"] == "0x2");
}

TEST_CASE("a wide range is searched by a worker, and too much is refused with a clear limit") {
    HandlerOptions options;
    options.logs_max = 3;
    options.log_blocks_max = 80;
    Gateway gateway{DurationMs{60'000}, std::move(options)};
    gateway.mine({gateway.transaction(0, storing, word(1))});
    for (int i = 0; i < 75; ++i) gateway.mine();
    gateway.mine({gateway.transaction(0, storing, word(1)), gateway.transaction(1, storing, word(1))});
    CHECK(gateway.call("eth_getLogs", R"([{"fromBlock":"0x0"}])").size() == 3);
    gateway.mine({gateway.transaction(0, storing, word(1))});
    auto error = gateway.call("eth_getLogs", R"([{"fromBlock":"0x0"}])")["error"];
    CHECK(error["code"] == -32005);
    CHECK(error["message"] == "query returned more than 3 results; use a smaller block range");
    for (int i = 0; i < 5; ++i) gateway.mine();
    error = gateway.call("eth_getLogs", R"([{"fromBlock":"0x0"}])")["error"];
    CHECK(error["message"] == "block range is larger than 80 blocks");
}

TEST_CASE("polled filters tell each thing once") {
    Gateway gateway;
    const auto id = [&](const char* method, const char* params = "") {
        return "[" + gateway.call(method, params).dump() + "]";
    };
    const auto logs =
        id("eth_newFilter", R"([{"fromBlock":"earliest","address":"0xc000000000000000000000000000000000000001"}])");
    const auto blocks = id("eth_newBlockFilter");
    const auto pending = id("eth_newPendingTransactionFilter");
    for (const auto& filter : {logs, blocks, pending})
        CHECK(gateway.call("eth_getFilterChanges", filter) == Json::array());
    const auto raw = gateway.transaction(0, storing, word(1));
    const auto hash = gateway.send(raw);
    const auto block = gateway.mine({raw});
    CHECK(gateway.call("eth_getFilterChanges", pending) == Json::array({hash}));
    CHECK(gateway.call("eth_getFilterChanges", blocks) == Json::array({to_hex_prefixed(block->hash.view())}));
    CHECK(gateway.call("eth_getFilterChanges", logs).size() == 1);
    for (const auto& filter : {logs, blocks, pending})
        CHECK(gateway.call("eth_getFilterChanges", filter) == Json::array());
    CHECK(gateway.call("eth_getFilterLogs", logs).size() == 1);
    CHECK(gateway.call("eth_getFilterLogs", blocks)["error"]["message"] == "filter not found");
    for (const auto& filter : {logs, blocks, pending}) {
        CHECK(gateway.call("eth_uninstallFilter", filter) == true);
        CHECK(gateway.call("eth_uninstallFilter", filter) == false);
        const auto error = gateway.call("eth_getFilterChanges", filter)["error"];
        CHECK(error["code"] == -32000);
        CHECK(error["message"] == "filter not found");
    }
}

TEST_CASE("filters are bounded, and those that nobody asks for are forgotten") {
    HandlerOptions options;
    options.filters_max = 3;
    Gateway gateway{DurationMs{60'000}, std::move(options)};
    for (int i = 0; i < 3; ++i) CHECK(gateway.call("eth_newBlockFilter").is_string());
    CHECK(gateway.call("eth_newBlockFilter")["error"]["code"] == -32005);
    HandlerOptions at_once;
    at_once.filters_max = 3;
    at_once.filter_idle_max = DurationMs{0};
    Gateway forgetful{DurationMs{60'000}, std::move(at_once)};
    const auto first = forgetful.call("eth_newBlockFilter");
    const auto made = wall_clock_now();
    while (wall_clock_now() == made) {
    }
    CHECK(forgetful.call("eth_getFilterChanges", "[" + first.dump() + "]")["error"]["message"] == "filter not found");
    for (int i = 0; i < 10; ++i) {
        CHECK(forgetful.call("eth_newPendingTransactionFilter").is_string());
        const auto last = wall_clock_now();
        while (wall_clock_now() == last) {
        }
    }
}

TEST_CASE("a pending filter that is not polled misses the oldest only") {
    HandlerOptions options;
    options.pending_kept = 3;
    Gateway gateway{DurationMs{60'000}, std::move(options)};
    const auto filter = "[" + gateway.call("eth_newPendingTransactionFilter").dump() + "]";
    std::vector<std::string> hashes;
    for (int i = 0; i < 5; ++i) hashes.push_back(gateway.send(gateway.transaction(0, storing, word(1))));
    CHECK(gateway.call("eth_getFilterChanges", filter) == Json::array({hashes[2], hashes[3], hashes[4]}));
}

namespace {

struct Socket {
    explicit Socket(Gateway& gateway)
        : server(std::move(*rpc::Server::start({}, gateway.handler))), client(server->port()) {
        client.upgrade();
    }
    Json ask(const std::string& method, const std::string& params) {
        client.send_frame(R"({"jsonrpc":"2.0","id":1,"method":")" + method + R"(","params":)" + params + "}");
        return next();
    }
    Json next() {
        const auto frame = client.frame();
        return frame ? Json::parse(frame->payload) : Json{};
    }
    std::unique_ptr<rpc::Server> server;
    rpc::RawClient client;
};

}  // namespace

TEST_CASE("subscriptions push heads, logs and pending transactions, each under its id") {
    Gateway gateway;
    Socket socket{gateway};
    const auto heads = socket.ask("eth_subscribe", R"(["newHeads"])")["result"];
    const auto logs = socket.ask(
        "eth_subscribe",
        R"(["logs",{"address":"0xc000000000000000000000000000000000000001","fromBlock":"earliest","toBlock":"latest"}])")
                          ["result"];
    const auto pending = socket.ask("eth_subscribe", R"(["newPendingTransactions"])")["result"];
    const auto full = socket.ask("eth_subscribe", R"(["newPendingTransactions",true])")["result"];
    for (const auto& id : {heads, logs, pending, full}) CHECK(is_quantity(id));
    const auto raw = gateway.transaction(0, storing, word(6));
    const auto hash = gateway.send(raw);
    std::map<Json, Json> got;
    const auto take = [&](int count) {
        for (int i = 0; i < count; ++i) {
            const auto message = socket.next();
            CHECK(message["method"] == "eth_subscription");
            CHECK_FALSE(message.contains("id"));
            got[message["params"]["subscription"]] = message["params"]["result"];
        }
    };
    take(2);
    CHECK(got[pending] == hash);
    CHECK(got[full]["hash"] == hash);
    const auto block = gateway.mine({raw});
    take(2);
    CHECK(got[heads]["number"] == "0x1");
    CHECK(got[heads]["hash"] == to_hex_prefixed(block->hash.view()));
    CHECK_FALSE(got[heads].contains("transactions"));
    CHECK(got[logs]["data"] == to_hex_prefixed(word(6)));
    CHECK(got[logs]["transactionHash"] == hash);
    // Not through the methods of polled filters, and not by others.
    CHECK(socket.ask("eth_uninstallFilter", "[" + heads.dump() + "]")["result"] == false);
    CHECK(gateway.call("eth_unsubscribe", "[" + heads.dump() + "]") == false);
    CHECK(socket.ask("eth_unsubscribe", "[" + heads.dump() + "]")["result"] == true);
    CHECK(socket.ask("eth_unsubscribe", "[" + heads.dump() + "]")["result"] == false);
    gateway.mine({gateway.transaction(1, storing, word(7))});
    CHECK(socket.next()["params"]["subscription"] == logs);
    CHECK(socket.ask("eth_subscribe", R"(["syncing2"])")["error"]["message"] ==
          "no \"syncing2\" subscription in eth namespace");
}

TEST_CASE("subscriptions of a peer are bounded, and go when it goes") {
    HandlerOptions options;
    options.peer_filters_max = 2;
    options.filters_max = 3;
    Gateway gateway{DurationMs{60'000}, std::move(options)};
    {
        Socket socket{gateway};
        CHECK(socket.ask("eth_subscribe", R"(["newHeads"])").contains("result"));
        CHECK(socket.ask("eth_subscribe", R"(["newHeads"])").contains("result"));
        CHECK(socket.ask("eth_subscribe", R"(["newHeads"])")["error"]["code"] == -32005);
        CHECK(gateway.call("eth_newBlockFilter").is_string());
        CHECK(gateway.call("eth_newBlockFilter")["error"]["code"] == -32005);
    }
    // The server is gone, and with it the peer's two.
    CHECK(gateway.call("eth_newBlockFilter").is_string());
    CHECK(gateway.call("eth_newBlockFilter").is_string());
    gateway.mine();
}

}  // namespace troupe::gateway
