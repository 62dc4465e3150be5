// debug_trace...: a transaction's execution shown again, in geth's shapes.
#include <doctest/doctest.h>

#include "fixture.hpp"

namespace troupe::gateway {
namespace {

[[nodiscard]] std::string hash_of_raw(const Bytes& raw) { return to_hex_prefixed(transaction_hash(raw).view()); }
[[nodiscard]] Json trace(Gateway& gateway, const std::string& hash, const std::string& config = "{}") {
    return gateway.call("debug_traceTransaction", "[" + quoted(hash) + "," + config + "]");
}

}  // namespace

TEST_CASE("a transaction is traced on the state that its block's earlier transactions left") {
    Gateway gateway;
    const auto first = gateway.transaction(0, storing, word(5));
    const auto second = gateway.transaction(1, storing, word(5));
    gateway.mine();
    gateway.mine({first, second});
    gateway.mine({gateway.transaction(0, storing, word(8))});

    const auto logs = trace(gateway, hash_of_raw(first));
    REQUIRE_MESSAGE(logs.contains("structLogs"), logs.dump());
    CHECK(logs["failed"] == false);
    CHECK(logs["returnValue"] == to_hex_prefixed(word(5)));
    const auto receipt = gateway.call("eth_getTransactionReceipt", "[" + quoted(hash_of_raw(first)) + "]");
    CHECK(parse_uint256(receipt["gasUsed"].get<std::string>()) == uint256{logs["gas"].get<std::uint64_t>()});
    // PUSH1 0, CALLDATALOAD, DUP1, PUSH1 0, SSTORE, ...
    const auto& steps = logs["structLogs"];
    CHECK(steps[0]["op"] == "PUSH1");
    CHECK(steps[0]["depth"] == 1);
    CHECK(steps[0]["gasCost"] == 3);
    CHECK(steps[4]["op"] == "SSTORE");
    CHECK(steps[4]["stack"] == Json::array({"0x5", "0x5", "0x0"}));
    CHECK(steps[4]["storage"].begin().value() == to_hex(word(5)));
    CHECK(steps[4]["gasCost"] == 22'100);
    CHECK_FALSE(steps[4].contains("memory"));
    // The second writes what the first has left there.
    CHECK(trace(gateway, hash_of_raw(second))["structLogs"][4]["gasCost"] == 2'200);

    const auto lean =
        trace(gateway, hash_of_raw(first),
              R"({"disableStack":true,"disableStorage":true,"enableMemory":true,"enableReturnData":true,"limit":7})");
    CHECK(lean["structLogs"].size() == 7);
    CHECK_FALSE(lean["structLogs"][4].contains("stack"));
    CHECK_FALSE(lean["structLogs"][4].contains("storage"));
    CHECK(lean["structLogs"][6]["memory"].is_array());
}

TEST_CASE("the call tracer shows calls, logs and reverts as a tree") {
    Gateway gateway;
    const auto stored = gateway.transaction(0, storing, word(5));
    const auto reverted = gateway.transaction(1, reverting, *from_hex("6ad9cdfc"));
    gateway.mine({stored, reverted});

    const auto call = trace(gateway, hash_of_raw(stored), R"({"tracer":"callTracer","tracerConfig":{"withLog":true}})");
    REQUIRE_MESSAGE(call.contains("type"), call.dump());
    CHECK(call["type"] == "CALL");
    CHECK(call["from"] == hex(Gateway::key(0).address()));
    CHECK(call["to"] == hex(storing));
    CHECK(call["gas"] == "0x30d40");
    CHECK(call["input"] == to_hex_prefixed(word(5)));
    CHECK(call["output"] == to_hex_prefixed(word(5)));
    CHECK(call["value"] == "0x0");
    CHECK(call["logs"].size() == 1);
    CHECK(call["logs"][0]["address"] == hex(storing));
    CHECK_FALSE(call.contains("error"));

    const auto failed = trace(gateway, hash_of_raw(reverted), R"({"tracer":"callTracer"})");
    CHECK(failed["error"] == "execution reverted");
    CHECK(failed["output"] == "0x6ad9cdfc");

    const auto block = gateway.call("debug_traceBlockByNumber", R"(["latest",{"tracer":"callTracer"}])");
    REQUIRE_MESSAGE(block.size() == 2, block.dump());
    CHECK(block[0]["txHash"] == hash_of_raw(stored));
    CHECK(block[1]["result"] == failed);
}

TEST_CASE("the prestate tracer shows what was there before, or what changed") {
    Gateway gateway;
    const auto raw = gateway.transaction(0, storing, word(5));
    gateway.mine({raw});
    const auto sender = hex(Gateway::key(0).address());
    const auto before = trace(gateway, hash_of_raw(raw), R"({"tracer":"prestateTracer"})");
    REQUIRE_MESSAGE(before.contains(sender), before.dump());
    CHECK(before[sender]["balance"] == to_quantity(uint256{1'000'000'000'000'000'000ULL} * uint256{100}));
    CHECK(before[hex(storing)]["code"].is_string());
    CHECK(before[hex(storing)]["storage"][to_hex_prefixed(word(0))] == to_hex_prefixed(word(0)));

    const auto diff =
        trace(gateway, hash_of_raw(raw), R"({"tracer":"prestateTracer","tracerConfig":{"diffMode":true}})");
    CHECK(diff["post"][sender]["nonce"] == 1);
    CHECK_FALSE(diff["pre"][sender].contains("nonce"));
    CHECK(diff["post"][hex(storing)]["storage"][to_hex_prefixed(word(0))] == to_hex_prefixed(word(5)));
    CHECK_FALSE(diff["post"][hex(storing)].contains("balance"));
}

TEST_CASE("calls are traced with overrides, and what can't be traced says why") {
    Gateway gateway;
    gateway.mine();
    const auto call = "{\"to\":" + quoted(hex(storing)) + ",\"input\":" + quoted(to_hex_prefixed(word(3))) + "}";
    const auto plain = gateway.call("debug_traceCall", "[" + call + ",\"latest\"]");
    CHECK(plain["returnValue"] == to_hex_prefixed(word(3)));
    // PUSH1 1, PUSH1 0, MSTORE8, PUSH1 1, PUSH1 0, RETURN in place of the contract's code.
    const auto replaced =
        gateway.call("debug_traceCall", "[" + call + ",\"latest\",{\"stateOverrides\":{" + quoted(hex(storing)) +
                                            ":{\"code\":\"0x600160005360016000f3\"}}}]");
    CHECK_MESSAGE(replaced["returnValue"] == "0x01", replaced.dump());
    CHECK(trace(gateway, to_hex_prefixed(word(1)))["error"]["message"] == "transaction not found");
    CHECK(gateway.call("debug_traceCall", "[" + call + ",\"latest\",{\"tracer\":\"none\"}]")["error"]["code"] ==
          -32602);
    CHECK(gateway.call("debug_traceBlockByNumber", "[\"0x0\"]")["error"]["message"] == "genesis is not traceable");
}

}  // namespace troupe::gateway
