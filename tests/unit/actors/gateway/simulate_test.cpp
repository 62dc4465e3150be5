// eth_simulateV1, and the chain's own view of a block.
#include <doctest/doctest.h>

#include "fixture.hpp"

namespace troupe::gateway {
namespace {

[[nodiscard]] std::string from(std::size_t i) { return "\"from\":" + quoted(hex(Gateway::key(i).address())); }
[[nodiscard]] std::string to(const Address& address) { return ",\"to\":" + quoted(hex(address)); }
[[nodiscard]] std::string input(const Bytes& data) { return ",\"input\":" + quoted(to_hex_prefixed(data)); }
[[nodiscard]] std::string block_of(const std::string& calls, const std::string& rest = "") {
    return "{\"calls\":[" + calls + "]" + rest + "}";
}
[[nodiscard]] Json simulate(Gateway& gateway, const std::string& blocks, const std::string& rest = "") {
    return gateway.call("eth_simulateV1", "[{\"blockStateCalls\":[" + blocks + "]" + rest + "},\"latest\"]");
}

}  // namespace

TEST_CASE("simulated blocks build on each other, and nothing of them is kept") {
    Gateway gateway;
    gateway.mine();
    const auto store = "{" + from(0) + to(storing) + input(word(9)) + "}";
    const auto revert = "{" + from(1) + to(reverting) + ",\"input\":\"0x6ad9cdfc\"}";
    const auto read = "{" + from(0) + to(storing) + "}";
    const auto blocks = simulate(gateway, block_of(store + "," + revert) + "," +
                                              block_of(read, ",\"stateOverrides\":{" + quoted(hex(storing)) +
                                                                 ":{\"code\":\"0x60005460005260206000f3\"}}"));
    REQUIRE_MESSAGE(blocks.size() == 2, blocks.dump());
    const auto& first = blocks[0];
    CHECK(first["number"] == "0x2");
    CHECK(first["baseFeePerGas"] == "0x0");
    CHECK(first["transactions"].size() == 2);
    CHECK(first["calls"][0]["status"] == "0x1");
    CHECK(first["calls"][0]["returnData"] == to_hex_prefixed(word(9)));
    CHECK(is_quantity(first["calls"][0]["gasUsed"]));
    const auto& log = first["calls"][0]["logs"][0];
    CHECK(log["blockHash"] == first["hash"]);
    CHECK(log["transactionHash"] == first["transactions"][0]);
    CHECK(first["calls"][1]["status"] == "0x0");
    CHECK(first["calls"][1]["error"]["code"] == 3);
    CHECK(first["calls"][1]["error"]["data"] == "0x6ad9cdfc");
    CHECK(blocks[1]["number"] == "0x3");
    CHECK(blocks[1]["parentHash"] == first["hash"]);
    CHECK(blocks[1]["calls"][0]["returnData"] == to_hex_prefixed(word(9)));
    CHECK(gateway.call("eth_getStorageAt", "[" + quoted(hex(storing)) + ",\"0x0\"]") == to_hex_prefixed(word(0)));
    CHECK(gateway.call("eth_blockNumber") == "0x1");
}

TEST_CASE("creations in one simulation have addresses of their own") {
    Gateway gateway;
    gateway.mine();
    // Returns ADDRESS as init code's result.
    const auto create = "{" + from(0) + ",\"input\":\"0x3060005260206000f3\"}";
    const auto blocks = simulate(gateway, block_of(create + "," + create));
    REQUIRE(blocks.size() == 1);
    CHECK(blocks[0]["calls"][0]["status"] == "0x1");
    CHECK(blocks[0]["calls"][0]["returnData"] != blocks[0]["calls"][1]["returnData"]);
}

TEST_CASE("validation checks nonces, funds and fees; without it none of them matters") {
    Gateway gateway;
    gateway.mine();
    const auto poor = "{\"from\":" + quoted(hex(contract_address(0x98))) + to(storing) + ",\"value\":\"0x1\"}";
    CHECK(simulate(gateway, block_of(poor))[0]["calls"][0]["status"] == "0x1");
    const auto fees = std::string{",\"maxFeePerGas\":\"0xb2d05e00\",\"gas\":\"0x30d40\""};
    const auto with = [&](const std::string& call) {
        return simulate(gateway, block_of(call), ",\"validation\":true");
    };
    CHECK(with("{" + from(0) + to(storing) + fees + "}")[0]["calls"][0]["status"] == "0x1");
    CHECK(with("{" + from(0) + to(storing) + fees + ",\"nonce\":\"0x5\"}")["error"]["code"] == -38011);
    CHECK(with("{" + from(0) + to(storing) + "}")["error"]["code"] == -38012);
    CHECK(with("{\"from\":" + quoted(hex(contract_address(0x98))) + to(storing) + fees + "}")["error"]["code"] ==
          -38014);
}

TEST_CASE("a simulation is bounded in blocks, gas and order") {
    Gateway gateway;
    gateway.mine();
    std::string many;
    for (int i = 0; i < 257; ++i) many += (i == 0 ? "" : ",") + block_of("");
    CHECK(simulate(gateway, many)["error"]["code"] == -38026);
    CHECK(simulate(gateway, "")["error"]["code"] == -32602);
    CHECK(simulate(gateway, block_of("", R"(,"blockOverrides":{"number":"0x1"})"))["error"]["code"] == -38020);
    CHECK(simulate(gateway, block_of("", R"(,"blockOverrides":{"time":"0x1"})"))["error"]["code"] == -38021);
    const auto burn = "{" + from(0) + to(looping) + ",\"gas\":\"0x1c9c380\"}";
    CHECK(simulate(gateway, block_of(burn + "," + burn))["error"]["code"] == -38015);
    const auto out_of_gas = simulate(gateway, block_of(burn))[0]["calls"][0];
    CHECK(out_of_gas["error"]["message"] == "out of gas");
    CHECK(simulate(gateway, block_of("{" + from(0) + to(storing) + "}"),
                   ",\"returnFullTransactions\":true")[0]["transactions"][0]["from"] == hex(Gateway::key(0).address()));
}

TEST_CASE("troupe_getBlock shows who proposed, who voted, and the chunks") {
    Gateway gateway;
    gateway.mine({gateway.transaction(0, storing, word(1))});
    gateway.mine();
    gateway.mine();
    const auto block = gateway.call("troupe_getBlock", R"(["0x1"])");
    CHECK(block["number"] == "0x1");
    CHECK(block["proposer"] == "validator-1");
    CHECK(block["executed"] == true);
    REQUIRE(block["chunks"].size() == 1);
    CHECK(block["chunks"][0]["producer"] == "validator-1");
    CHECK(block["chunks"][0]["signers"] == Json::array({"validator-1"}));
    CHECK(block["hash"] == gateway.call("eth_getBlockByNumber", R"(["0x1",false])")["hash"]);
    CHECK(gateway.call("troupe_getBlock", R"(["latest"])")["results"][0]["number"] == "0x1");
    CHECK(gateway.call("troupe_getBlock", R"(["0x9"])").is_null());
}

}  // namespace troupe::gateway
