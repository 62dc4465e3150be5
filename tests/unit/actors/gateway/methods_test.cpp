// Calls, errors, parameters and held requests.
#include <doctest/doctest.h>

#include "fixture.hpp"

namespace troupe::gateway {
namespace {

[[nodiscard]] std::string call_to(const Address& to, const std::string& data, const std::string& rest = "") {
    return "{\"to\":" + quoted(hex(to)) + ",\"data\":" + quoted(data) + rest + "}";
}
const std::string reason_data =
    "0x08c379a000000000000000000000000000000000000000000000000000000000000000200000000000000000000000000000000000000000"
    "00"
    "000000000000000000000b6e20746f6f20736d616c6c000000000000000000000000000000000000000000";

}  // namespace

TEST_CASE("plain facts of the chain and the node") {
    Gateway gateway;
    CHECK(gateway.call("eth_chainId") == to_quantity(uint256{chain_id}));
    CHECK(gateway.call("net_version") == std::to_string(chain_id));
    CHECK(gateway.call("eth_blockNumber", "[]") == "0x0");
    CHECK(gateway.call("eth_accounts") == Json::array());
    CHECK(gateway.call("eth_syncing") == false);
    CHECK(gateway.call("net_listening") == true);
    CHECK(is_quantity(gateway.call("net_peerCount")));
    CHECK(is_quantity(gateway.call("eth_gasPrice")));
    CHECK(is_quantity(gateway.call("eth_maxPriorityFeePerGas")));
    CHECK(is_quantity(gateway.call("eth_blobBaseFee")));
    CHECK(gateway.call("web3_sha3", R"(["0x"])") == to_hex_prefixed(keccak256_of_nothing.view()));
    CHECK(gateway.call("web3_clientVersion").get<std::string>().starts_with("troupe/v1.2.3"));
    const auto info = gateway.call("troupe_nodeInfo");
    CHECK(info["node"] == "gateway-1");
    CHECK(info["chainId"] == to_quantity(uint256{chain_id}));
}

TEST_CASE("unknown methods are refused in geth's words, which ethers matches") {
    Gateway gateway;
    for (const char* name : {"anvil_nodeInfo", "hardhat_getAutomine", "eth_nothing", ""}) {
        const auto error = gateway.call(name)["error"];
        CHECK(error["code"] == -32601);
        CHECK(error["message"] == std::string{"the method "} + name + " does not exist/is not available");
    }
    CHECK(gateway.call("eth_sendTransaction", "[{}]")["error"]["message"].get<std::string>().find("unknown account") ==
          0);
    CHECK(gateway.call("eth_subscribe", R"(["newHeads"])")["error"]["message"] == "notifications not supported");
}

TEST_CASE("wrong parameters are named") {
    Gateway gateway;
    const auto message = [&](const char* method, const char* params) {
        const auto answer = gateway.call(method, params);
        CHECK_MESSAGE(answer["error"]["code"] == -32602, method, " ", params, " ", answer.dump());
        return answer["error"]["message"].get<std::string>();
    };
    CHECK(message("eth_getBalance", "[]") == "missing value for required argument 0");
    CHECK(message("eth_getBalance", "") == "missing value for required argument 0");
    CHECK(message("eth_getBalance", "{}") == "non-array args");
    CHECK(message("eth_getBalance", "[null]") == "missing value for required argument 0");
    CHECK(message("eth_getBalance", R"(["0x123"])").find("odd") != std::string::npos);
    CHECK(message("eth_getBalance", R"(["0x1234"])") == "invalid argument 0: hex string has length 4, want 40");
    CHECK(message("eth_getBalance", "[5]").find("invalid argument 0") == 0);
    CHECK(message("eth_getBalance", R"(["zz"])").find("without 0x prefix") != std::string::npos);
    CHECK(message("eth_getTransactionByHash", R"(["0x12"])") == "invalid argument 0: hex string has length 2, want 64");
    CHECK(message("eth_getStorageAt", R"(["0xc000000000000000000000000000000000000001","10"])")
              .find("invalid argument 1") == 0);
    CHECK(message("eth_getBlockByNumber", R"(["newest",false])").find("invalid block parameter") == 0);
    CHECK(message("eth_getBlockByNumber", R"(["0xzz",false])").find("invalid block parameter") == 0);
    CHECK(message("eth_getBlockByNumber", "[]") == "missing value for required argument 0");
    CHECK(message("eth_call", "[]") == "missing value for required argument 0");
    CHECK(message("eth_call", "[5]").find("invalid argument 0") == 0);
    CHECK(message("eth_call", R"([{"to":"0x1"}])").find("field to") != std::string::npos);
    CHECK(message("eth_call", R"([{"data":"0x1"}])").find("field data") != std::string::npos);
    CHECK(message("eth_call", R"([{"value":5}])").find("field value") != std::string::npos);
    CHECK(message("eth_getLogs", R"([{"address":"0x1"}])").find("address") != std::string::npos);
    CHECK(message("eth_getLogs", R"([{"topics":[1]}])").find("topic") != std::string::npos);
    CHECK(message("eth_getLogs", R"([{"topics":[null,null,null,null,null]}])") == "exceed max topics");
    CHECK(message("eth_sendRawTransaction", R"(["0x"])").size() > 0);
}

TEST_CASE("every method survives every wrong kind of parameter") {
    Gateway gateway;
    gateway.mine({gateway.transaction(0, storing, word(1))});
    const std::vector<std::string> values{"null",
                                          "true",
                                          "-1",
                                          "1.5",
                                          "\"\"",
                                          "\"0x\"",
                                          "\"latest\"",
                                          "\"0x0\"",
                                          "[]",
                                          "{}",
                                          "[[]]",
                                          "\"0x" + std::string(64, 'f') + "\"",
                                          "\"0x" + std::string(40, '0') + "\"",
                                          R"({"fromBlock":{},"toBlock":[],"address":{},"topics":{}})",
                                          "\"\\ud83d\\ude00\"",
                                          R"({"blockHash":5})",
                                          R"({"from":"0x","to":[],"gas":"0x0","accessList":[{}]})"};
    for (const auto& [method, function] : Handler::methods()) {
        CHECK_FALSE(gateway.call(std::string{method}) == "no answer");
        for (const auto& first : values) {
            const auto one = gateway.call(std::string{method}, "[" + first + "]");
            CHECK_MESSAGE(one != "no answer", method, " ", first);
            if (one.is_object() && one.contains("error"))
                CHECK_MESSAGE(one["error"]["message"] != "internal error", method, " ", first);
            for (const auto& second : values) {
                const auto answer =
                    gateway.call(std::string{method}, "[" + first + "," + second + "," + second + "," + second + "]");
                if (answer.is_object() && answer.contains("error"))
                    CHECK_MESSAGE(answer["error"]["message"] != "internal error", method, " ", first, " ", second);
            }
        }
    }
}

TEST_CASE("block parameters: tags, numbers, EIP-1898 objects, plain hashes, and what is not there") {
    Gateway gateway;
    const auto first = gateway.mine({gateway.transaction(0, storing, word(1))});
    for (int i = 0; i < 4; ++i) gateway.mine();
    const auto nonce = [&](const std::string& block) {
        return gateway.call("eth_getTransactionCount",
                            "[" + quoted(hex(Gateway::key(0).address())) + "," + block + "]");
    };
    for (const char* tag : {"latest", "safe", "finalized", "pending"}) CHECK(nonce(quoted(tag)) == "0x1");
    CHECK(nonce(quoted("earliest")) == "0x0");
    CHECK(nonce(quoted("0x1")) == "0x1");
    CHECK(nonce(R"({"blockNumber":"0x0"})") == "0x0");
    const auto hash = quoted(to_hex_prefixed(first->hash.view()));
    CHECK(nonce("{\"blockHash\":" + hash + ",\"requireCanonical\":true}") == "0x1");
    CHECK(nonce(hash) == "0x1");
    CHECK(nonce("{\"blockHash\":\"0x" + std::string(64, '1') + "\"}")["error"]["code"] == -32001);
    CHECK(nonce("{\"blockHash\":" + hash + ",\"blockNumber\":\"0x1\"}")["error"]["code"] == -32602);
    CHECK(nonce(quoted("0x99"))["error"]["message"].get<std::string>().find("BlockOutOfRange") == 0);
    CHECK(gateway.call("eth_getBlockByNumber", R"(["finalized",false])")["number"] == "0x3");
    CHECK(gateway.call("eth_getBlockByNumber", R"(["latest",false])")["number"] == "0x5");
    CHECK(gateway.call("eth_getBlockByNumber", R"(["earliest",false])")["number"] == "0x0");
}

TEST_CASE("eth_call gives output, and reverts carry code 3, geth's text and the data") {
    Gateway gateway;
    gateway.mine();
    CHECK(gateway.call("eth_call", "[" + call_to(storing, to_hex_prefixed(word(9))) + ",\"latest\"]") ==
          to_hex_prefixed(word(9)));
    // A creation gives the code that it would leave.
    CHECK(gateway.call("eth_call", R"([{"data":"0x602a60005260206000f3"}])") == to_hex_prefixed(word(42)));
    // input wins over data; both may be there
    CHECK(gateway.call("eth_call", "[" + call_to(storing, "0x", ",\"input\":" + quoted(to_hex_prefixed(word(8)))) +
                                       "]") == to_hex_prefixed(word(8)));
    const auto reverted = [&](const std::string& data) {
        return gateway.call("eth_call", "[" + call_to(reverting, data) + "]")["error"];
    };
    auto error = reverted(reason_data);
    CHECK(error["code"] == 3);
    CHECK(error["message"] == "execution reverted: n too small");
    CHECK(error["data"] == reason_data);
    error = reverted("0x");
    CHECK(error["code"] == 3);
    CHECK(error["message"] == "execution reverted");
    CHECK(error["data"] == "0x");
    CHECK(reverted("0x4e487b71" + to_hex(word(0x11)))["message"] ==
          "execution reverted: panic: arithmetic underflow or overflow (0x11)");
    CHECK(reverted("0x6ad9cdfc" + to_hex(word(7)))["message"] == "execution reverted: custom error 0x6ad9cdfc");
    // Reasons that lie about their length, or are no text.
    for (const std::string& bad :
         {std::string{"0x08c379a0"}, "0x08c379a0" + to_hex(word(32)) + std::string(64, 'f'),
          "0x08c379a0" + to_hex(word(32)) + to_hex(word(4)) + "fffefdfc", std::string{"0x4e487b71"}})
        CHECK(reverted(bad)["code"] == 3);
    CHECK(gateway.call("eth_call", "[" + call_to(looping, "0x", R"(,"gas":"0x186a0")") + "]")["error"]["message"] ==
          "out of gas");
}

TEST_CASE("state and block overrides of eth_call hold for that call only") {
    Gateway gateway;
    gateway.mine({gateway.transaction(0, storing, word(5))});
    const auto target = contract_address(0x55);
    const auto with = [&](const std::string& code, const std::string& rest = "", const std::string& block = "") {
        return gateway.call("eth_call", "[" + call_to(target, "0x") + ",\"latest\",{" + quoted(hex(target)) +
                                            ":{\"code\":" + quoted(code) + rest + "}}" + block + "]");
    };
    const std::string returns_top = "60005260206000f3";
    CHECK(with("0x602a" + returns_top) == to_hex_prefixed(word(42)));
    CHECK(with("0x47" + returns_top, R"(,"balance":"0x7")") == to_hex_prefixed(word(7)));
    CHECK(with("0x600054" + returns_top, R"(,"stateDiff":{"0x0":"0x9"})") == to_hex_prefixed(word(9)));
    CHECK(with("0x43" + returns_top, "", R"(,{"number":"0x1000"})") == to_hex_prefixed(word(4096)));
    CHECK(with("0x42" + returns_top, "", R"(,{"time":"0x77"})") == to_hex_prefixed(word(0x77)));
    CHECK(gateway.call("eth_getCode", "[" + quoted(hex(target)) + "]") == "0x");
    // `state` replaces the whole storage, `stateDiff` only what it names.
    const auto read = "0x600054" + returns_top;
    const auto storage = [&](const char* overrides) {
        return gateway.call("eth_call", "[" + call_to(storing, "0x") + ",\"latest\",{" + quoted(hex(storing)) +
                                            ":{\"code\":" + quoted(read) + overrides + "}}]");
    };
    CHECK(storage("") == to_hex_prefixed(word(5)));
    CHECK(storage(R"(,"stateDiff":{"0x1":"0x1"})") == to_hex_prefixed(word(5)));
    CHECK(storage(R"(,"state":{"0x1":"0x1"})") == to_hex_prefixed(word(0)));
    CHECK(storage(R"(,"state":{},"stateDiff":{})")["error"]["code"] == -32602);
}

TEST_CASE("estimates suffice, are tight, and fail with the call's own error") {
    Gateway gateway;
    gateway.mine();
    const auto from = ",\"from\":" + quoted(hex(Gateway::key(0).address()));
    CHECK(gateway.call("eth_estimateGas",
                       "[{\"to\":" + quoted(hex(contract_address(0x99))) + from + ",\"value\":\"0x1\"}]") == "0x5208");
    const auto answer =
        gateway.call("eth_estimateGas", "[" + call_to(storing, to_hex_prefixed(word(9)), from) + ",\"latest\"]");
    REQUIRE(is_quantity(answer));
    const auto estimate = parse_uint256(answer.get<std::string>())->low64();
    auto raw = gateway.transaction(0, storing, word(9));
    const auto block = gateway.mine({raw});
    CHECK(block->transactions[0].receipt.gas_used <= estimate);
    CHECK(estimate * 100 <= block->transactions[0].receipt.gas_used * 110);
    auto error = gateway.call("eth_estimateGas", "[" + call_to(reverting, reason_data, from) + "]")["error"];
    CHECK(error["code"] == 3);
    CHECK(error["data"] == reason_data);
    error = gateway.call("eth_estimateGas", "[" + call_to(looping, "0x", from) + "]")["error"];
    CHECK(error["message"].get<std::string>().find("gas required exceeds allowance") == 0);
    error = gateway.call("eth_estimateGas", "[{\"to\":" + quoted(hex(storing)) + ",\"from\":" +
                                                quoted(hex(contract_address(0x98))) + ",\"value\":\"0x1\"}]")["error"];
    CHECK(error["message"].get<std::string>().find("insufficient funds") == 0);
    error =
        gateway.call("eth_estimateGas", "[" + call_to(storing, "0x", from + R"(,"maxFeePerGas":"0x1")") + "]")["error"];
    CHECK(error["message"].get<std::string>().find("max fee per gas less than block base fee") == 0);
    error =
        gateway.call("eth_estimateGas",
                     "[" + call_to(storing, "0x", from + R"(,"gasPrice":"0x1","maxFeePerGas":"0x1")") + "]")["error"];
    CHECK(error["message"].get<std::string>().find("both gasPrice and") == 0);
    error = gateway.call("eth_estimateGas", "[" + call_to(storing, "0x", from + R"(,"chainId":"0x1")") + "]")["error"];
    CHECK(error["message"].get<std::string>().find("chainId does not match") == 0);
}

TEST_CASE("an estimate stands on what its sender has pending, unless a block is named") {
    Gateway gateway;
    const auto raw = gateway.transaction(0, storing, word(1));
    CHECK(gateway.send(raw).size() == 66);
    const auto request = [](std::size_t from, const std::string& more = "") {
        return "[{\"from\":" + quoted(hex(Gateway::key(from).address())) + ",\"to\":" + quoted(hex(storing)) +
               ",\"data\":" + quoted(to_hex_prefixed(word(1))) + "}" + more + "]";
    };
    auto behind = gateway.start("eth_estimateGas", request(0));
    auto pending_call = gateway.start("eth_call", request(0, ",\"pending\""));
    const auto fresh = gateway.call("eth_estimateGas", request(0, ",\"latest\""));
    CHECK(gateway.call("eth_estimateGas", request(1)) == fresh);
    CHECK(gateway.call("eth_call", request(0)).is_string());
    CHECK(behind.wait_for(std::chrono::seconds(0)) == std::future_status::timeout);
    CHECK(pending_call.wait_for(std::chrono::seconds(0)) == std::future_status::timeout);
    gateway.mine({raw});
    // The slot holds the value already: writing it again is cheaper.
    const auto cheaper = *parse_uint256(Gateway::shown(behind.get()).get<std::string>());
    CHECK(cheaper + uint256{15'000} < *parse_uint256(fresh.get<std::string>()));
    CHECK(Gateway::shown(pending_call.get()).is_string());
}

TEST_CASE("fillTransaction gives what a wallet must sign, in the type that the wallet means") {
    Gateway gateway;
    gateway.mine({gateway.transaction(0, storing, word(1))});
    const auto from = ",\"from\":" + quoted(hex(Gateway::key(0).address()));
    auto filled = gateway.call("eth_fillTransaction", "[" + call_to(storing, to_hex_prefixed(word(2)), from) + "]");
    const auto& tx = filled["tx"];
    CHECK(tx["type"] == "0x2");
    CHECK(tx["nonce"] == "0x1");
    CHECK(tx["chainId"] == to_quantity(uint256{chain_id}));
    for (const char* name : {"gas", "maxFeePerGas", "maxPriorityFeePerGas", "value"})
        CHECK_MESSAGE(is_quantity(tx[name]), name);
    CHECK(tx["input"] == to_hex_prefixed(word(2)));
    CHECK(tx["from"] == hex(Gateway::key(0).address()));
    CHECK(filled["raw"].get<std::string>().starts_with("0x02"));
    // The pool's nonces count.
    const auto pending = gateway.transaction(0, storing, word(3));
    CHECK(gateway.send(pending).size() == 66);
    filled = gateway.call("eth_fillTransaction",
                          "[" + call_to(storing, "0x", from + R"(,"gasPrice":"0xb2d05e00","gas":"0x30d40")") + "]");
    CHECK(filled["tx"]["nonce"] == "0x2");
    CHECK(filled["tx"]["type"] == "0x0");
    CHECK(filled["tx"]["gasPrice"] == "0xb2d05e00");
    CHECK(filled["tx"]["gas"] == "0x30d40");
    gateway.mine({pending});
    CHECK(gateway.call("eth_fillTransaction", "[" + call_to(reverting, reason_data, from) + "]")["error"]["code"] == 3);
}

TEST_CASE("access lists name what a call touched") {
    Gateway gateway;
    gateway.mine();
    const auto list =
        gateway.call("eth_createAccessList", "[" + call_to(storing, to_hex_prefixed(word(9))) + ",\"latest\"]");
    REQUIRE(list["accessList"].size() == 1);
    CHECK(list["accessList"][0]["address"] == hex(storing));
    CHECK(list["accessList"][0]["storageKeys"] == Json::array({to_hex_prefixed(word(0))}));
    CHECK(is_quantity(list["gasUsed"]));
}

TEST_CASE("what the pool refuses is said in words that clients match") {
    Gateway gateway;
    const auto raw = gateway.transaction(0, storing, word(1));
    const auto hash = gateway.send(raw);
    REQUIRE(hash.size() == 66);
    CHECK(hash == to_hex_prefixed(transaction_hash(raw).view()));
    const auto error = [&](const Bytes& bytes) {
        return gateway.call("eth_sendRawTransaction", "[" + quoted(to_hex_prefixed(bytes)) + "]")["error"];
    };
    CHECK(error(raw)["message"] == "already known");
    CHECK(error(raw)["code"] == -32000);
    gateway.mine({raw});
    Transaction old;
    old.type = TransactionType::dynamic_fee;
    old.chain_id = chain_id;
    old.nonce = 0;
    old.gas_limit = 21000;
    old.max_fee_per_gas = uint256{3 * gwei};
    old.to = storing;
    sign_transaction(old, Gateway::key(0));
    CHECK(error(encode_transaction(old))["message"].get<std::string>().find("nonce too low") == 0);
    old.chain_id = 1;
    sign_transaction(old, Gateway::key(1));
    CHECK(error(encode_transaction(old))["message"].get<std::string>().find("invalid chain id for signer") == 0);
    CHECK(gateway.call("txpool_status")["pending"] == "0x0");
}

TEST_CASE("the receipt of an accepted transaction is held until it executes") {
    Gateway gateway;
    const auto raw = gateway.transaction(0, storing, word(1));
    const auto hash = gateway.send(raw);
    auto first = gateway.start("eth_getTransactionReceipt", "[" + quoted(hash) + "]");
    auto second = gateway.start("eth_getTransactionReceipt", "[" + quoted(hash) + "]");
    CHECK(first.wait_for(std::chrono::seconds(0)) == std::future_status::timeout);
    CHECK(gateway.call("troupe_transactionStatus", "[" + quoted(hash) + "]")["status"] == "pending");
    gateway.mine({raw});
    REQUIRE(first.wait_for(std::chrono::seconds(0)) == std::future_status::ready);
    CHECK(Gateway::shown(first.get())["transactionHash"] == hash);
    CHECK(Gateway::shown(second.get())["transactionHash"] == hash);
    CHECK(gateway.call("troupe_transactionStatus", "[" + quoted(hash) + "]")["status"] == "executed");
}

TEST_CASE("an unknown transaction has no receipt at once, a held one after the limit") {
    Gateway gateway{DurationMs{5000}};
    CHECK(gateway.call("eth_getTransactionReceipt", "[\"0x" + std::string(64, '1') + "\"]").is_null());
    CHECK(gateway.call("troupe_transactionStatus", "[\"0x" + std::string(64, '1') + "\"]")["status"] == "unknown");
    const auto hash = gateway.send(gateway.transaction(0, storing, word(1)));
    auto held = gateway.start("eth_getTransactionReceipt", "[" + quoted(hash) + "]");
    gateway.backend->on_timer(wall_clock_now());
    CHECK(held.wait_for(std::chrono::seconds(0)) == std::future_status::timeout);
    gateway.backend->on_timer(wall_clock_now() + DurationMs{6000});
    REQUIRE(held.wait_for(std::chrono::seconds(0)) == std::future_status::ready);
    CHECK(Gateway::shown(held.get()).is_null());
}

TEST_CASE("the first transaction wakes who sends them on; who has sent all sleeps again") {
    Gateway gateway;
    int woken = 0;
    gateway.backend->set_waker([&] { ++woken; });
    gateway.backend->on_timer(wall_clock_now());
    const auto far = wall_clock_now() + DurationMs{100};
    CHECK(gateway.backend->next_timer(wall_clock_now()) > far);
    static_cast<void>(gateway.send(gateway.transaction(0, storing, word(1))));
    static_cast<void>(gateway.send(gateway.transaction(1, storing, word(2))));
    CHECK(woken == 1);
    CHECK(gateway.backend->next_timer(wall_clock_now()) < far);
    gateway.backend->on_timer(wall_clock_now() + DurationMs{50});
    CHECK(gateway.backend->next_timer(wall_clock_now()) > far);
    static_cast<void>(gateway.send(gateway.transaction(2, storing, word(3))));
    CHECK(woken == 2);
}

TEST_CASE("sendRawTransactionSync answers with the receipt, or with code 4 and the hash") {
    Gateway gateway;
    const auto raw = gateway.transaction(0, storing, word(1));
    auto sync = gateway.start("eth_sendRawTransactionSync", "[" + quoted(to_hex_prefixed(raw)) + ",5000]");
    CHECK(sync.wait_for(std::chrono::seconds(0)) == std::future_status::timeout);
    gateway.mine({raw});
    CHECK(Gateway::shown(sync.get())["status"] == "0x1");
    const auto late = gateway.transaction(0, storing, word(1));
    sync = gateway.start("eth_sendRawTransactionSync", "[" + quoted(to_hex_prefixed(late)) + ",\"0x64\"]");
    gateway.backend->on_timer(wall_clock_now() + DurationMs{1000});
    const auto error = Gateway::shown(sync.get())["error"];
    CHECK(error["code"] == 4);
    CHECK(error["data"] == to_hex_prefixed(transaction_hash(late).view()));
}

TEST_CASE("the pool's content is shown by sender and nonce") {
    Gateway gateway;
    CHECK(gateway.send(gateway.transaction(0, storing, word(1))).size() == 66);
    CHECK(gateway.send(gateway.transaction(0, storing, word(2))).size() == 66);
    const auto sender = hex(Gateway::key(0).address());
    CHECK(gateway.call("txpool_status")["pending"] == "0x2");
    const auto content = gateway.call("txpool_content");
    CHECK(content["pending"][sender]["1"]["nonce"] == "0x1");
    CHECK(gateway.call("eth_getTransactionCount", "[" + quoted(sender) + ",\"pending\"]") == "0x2");
    CHECK(gateway.call("eth_getTransactionCount", "[" + quoted(sender) + ",\"latest\"]") == "0x0");
}

TEST_CASE("what waits behind a gap of nonces is told as queued") {
    Gateway gateway;
    const auto missing = gateway.transaction(0, storing, word(1));
    CHECK(gateway.send(gateway.transaction(0, storing, word(2))).size() == 66);
    CHECK(gateway.send(gateway.transaction(1, storing, word(3))).size() == 66);
    CHECK(gateway.call("txpool_status") == Json{{"pending", "0x1"}, {"queued", "0x1"}});
    const auto sender = hex(Gateway::key(0).address());
    CHECK(gateway.call("txpool_content")["queued"][sender]["1"]["nonce"] == "0x1");
    CHECK(gateway.send(missing).size() == 66);
    CHECK(gateway.call("txpool_status") == Json{{"pending", "0x3"}, {"queued", "0x0"}});
    CHECK(gateway.call("txpool_content")["queued"].empty());
}

}  // namespace troupe::gateway
