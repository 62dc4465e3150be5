// What clients read out of blocks, transactions, receipts and logs: every field they need, in geth's form.
#include <doctest/doctest.h>

#include "fixture.hpp"

namespace troupe::gateway {
namespace {

constexpr std::string_view topic_aa = "0x00000000000000000000000000000000000000000000000000000000000000aa";

void check_quantities(const Json& object, std::initializer_list<const char*> names) {
    for (const char* name : names) CHECK_MESSAGE(is_quantity(object[name]), name, " ", object[name].dump());
}

}  // namespace

TEST_CASE("a block has all of geth's fields") {
    Gateway gateway;
    const auto executed = gateway.mine({gateway.transaction(0, storing, word(5))});
    const auto block = gateway.call("eth_getBlockByNumber", R"(["latest",false])");
    check_quantities(block, {"number", "difficulty", "gasLimit", "gasUsed", "timestamp", "size", "baseFeePerGas",
                             "blobGasUsed", "excessBlobGas"});
    for (const char* name : {"hash", "parentHash", "sha3Uncles", "stateRoot", "transactionsRoot", "receiptsRoot",
                             "mixHash", "withdrawalsRoot", "parentBeaconBlockRoot"})
        CHECK_MESSAGE(is_bytes(block[name], 32), name);
    CHECK(is_bytes(block["logsBloom"], 256));
    CHECK(is_bytes(block["miner"], 20));
    CHECK(block["nonce"] == "0x0000000000000000");
    CHECK(block["number"] == "0x1");
    CHECK(block["uncles"] == Json::array());
    CHECK(block["withdrawals"] == Json::array());
    CHECK(block["hash"] == to_hex_prefixed(executed->hash.view()));
    CHECK(block["transactions"] ==
          Json::array({to_hex_prefixed(executed->transactions[0].receipt.transaction.view())}));
    CHECK(block["extraData"] == "0x");
    CHECK(gateway.call("eth_getBlockByHash", "[" + block["hash"].dump() + ",false]") == block);
    CHECK(gateway.call("eth_getBlockByNumber", R"(["0x1",true])")["transactions"][0]["blockNumber"] == "0x1");
    CHECK(gateway.call("eth_getBlockByNumber", R"(["0x2",false])").is_null());
    CHECK(gateway.call("eth_getBlockByHash", "[\"0x" + std::string(64, '1') + "\",false]").is_null());
}

TEST_CASE("transactions of every Ethereum type have their fields, pending and mined") {
    Gateway gateway;
    const std::array types{TransactionType::legacy, TransactionType::access_list, TransactionType::dynamic_fee};
    for (std::size_t i = 0; i < types.size(); ++i) {
        const auto raw = gateway.transaction(i, storing, word(1), {}, types[i]);
        const auto hash = gateway.send(raw);
        REQUIRE(hash.size() == 66);
        const auto check = [&](const Json& tx) {
            check_quantities(tx, {"type", "nonce", "value", "gas", "gasPrice", "chainId", "v", "r", "s"});
            CHECK(tx["hash"] == hash);
            CHECK(tx["from"] == hex(Gateway::key(i).address()));
            CHECK(tx["to"] == hex(storing));
            CHECK(tx["input"] == to_hex_prefixed(word(1)));
            CHECK(tx.contains("yParity") == (types[i] != TransactionType::legacy));
            CHECK(tx.contains("accessList") == (types[i] != TransactionType::legacy));
            CHECK(tx.contains("maxFeePerGas") == (types[i] == TransactionType::dynamic_fee));
        };
        const auto pending = gateway.call("eth_getTransactionByHash", "[" + quoted(hash) + "]");
        check(pending);
        for (const char* name : {"blockHash", "blockNumber", "transactionIndex"}) {
            CHECK(pending.contains(name));
            CHECK(pending[name].is_null());
        }
        CHECK(pending["gasPrice"] == to_quantity(uint256{3 * gwei}));
        const auto block = gateway.mine({raw});
        const auto mined = gateway.call("eth_getTransactionByHash", "[" + quoted(hash) + "]");
        check(mined);
        CHECK(mined["blockHash"] == to_hex_prefixed(block->hash.view()));
        CHECK(mined["transactionIndex"] == "0x0");
        const auto price = types[i] == TransactionType::dynamic_fee ? 2 * gwei : 3 * gwei;
        CHECK(mined["gasPrice"] == to_quantity(uint256{price}));
        const auto number = "\"" + to_quantity(uint256{block->result.height.value}) + "\"";
        CHECK(gateway.call("eth_getTransactionByBlockNumberAndIndex", "[" + number + ",\"0x0\"]") == mined);
        CHECK(gateway.call("eth_getTransactionByBlockNumberAndIndex", "[" + number + ",\"0x1\"]").is_null());
        CHECK(gateway.call("eth_getTransactionByBlockHashAndIndex", "[" + mined["blockHash"].dump() + ",\"0x0\"]") ==
              mined);
        CHECK(gateway.call("eth_getRawTransactionByHash", "[" + quoted(hash) + "]") == to_hex_prefixed(raw));
    }
}

TEST_CASE("a legacy signature's v names the chain, others' the parity") {
    Gateway gateway;
    const auto legacy = gateway.send(gateway.transaction(0, storing, {}, {}, TransactionType::legacy));
    const auto v = gateway.call("eth_getTransactionByHash", "[" + quoted(legacy) + "]")["v"];
    CHECK((v == to_quantity(uint256{35 + 2 * chain_id}) || v == to_quantity(uint256{36 + 2 * chain_id})));
    const auto dynamic = gateway.send(gateway.transaction(1, storing));
    const auto shown = gateway.call("eth_getTransactionByHash", "[" + quoted(dynamic) + "]");
    CHECK(shown["v"] == shown["yParity"]);
}

TEST_CASE("receipts have all fields, alone and as a block's list, with logs counted over the block") {
    Gateway gateway;
    const auto block = gateway.mine(
        {gateway.transaction(0, storing, word(1)), gateway.transaction(1, reverting, word(2)),
         gateway.transaction(2, storing, word(3)), gateway.transaction(3, std::nullopt, *from_hex("0x60006000f3"))});
    REQUIRE(block->transactions.size() == 4);
    const auto receipts = gateway.call("eth_getBlockReceipts", R"(["latest"])");
    REQUIRE(receipts.size() == 4);
    std::uint64_t gas = 0;
    for (std::size_t i = 0; i < 4; ++i) {
        const auto& receipt = receipts[i];
        check_quantities(receipt, {"type", "status", "cumulativeGasUsed", "gasUsed", "effectiveGasPrice",
                                   "transactionIndex", "blockNumber"});
        CHECK(is_bytes(receipt["logsBloom"], 256));
        CHECK(is_bytes(receipt["blockHash"], 32));
        CHECK(receipt["from"] == hex(Gateway::key(i).address()));
        CHECK(receipt["transactionIndex"] == to_quantity(uint256{i}));
        gas += parse_uint256(receipt["gasUsed"].get<std::string>())->low64();
        CHECK(receipt["cumulativeGasUsed"] == to_quantity(uint256{gas}));
        CHECK(gateway.call("eth_getTransactionReceipt", "[" + receipt["transactionHash"].dump() + "]") == receipt);
    }
    CHECK(receipts[0]["status"] == "0x1");
    CHECK(receipts[1]["status"] == "0x0");
    CHECK(receipts[1]["logs"] == Json::array());
    CHECK(receipts[0]["contractAddress"].is_null());
    CHECK(receipts[3]["to"].is_null());
    CHECK(is_bytes(receipts[3]["contractAddress"], 20));
    const auto& log = receipts[2]["logs"][0];
    CHECK(log["address"] == hex(storing));
    CHECK(log["topics"][0] == topic_aa);
    CHECK(log["data"] == to_hex_prefixed(word(3)));
    CHECK(log["logIndex"] == "0x1");
    CHECK(log["transactionIndex"] == "0x2");
    CHECK(log["removed"] == false);
    for (const char* name : {"blockHash", "blockNumber", "blockTimestamp", "transactionHash"})
        CHECK(log.contains(name));
    CHECK(gateway.call("eth_getBlockTransactionCountByNumber", R"(["0x1"])") == "0x4");
    CHECK(gateway.call("eth_getUncleCountByBlockNumber", R"(["0x1"])") == "0x0");
}

TEST_CASE("a native transaction shows its own fields and those that clients require") {
    Gateway gateway;
    const auto add = [&](NativeKind kind) {
        Transaction tx;
        tx.chain_id = chain_id;
        tx.expiry = gateway.now() + DurationMs{30'000};
        tx.max_fee = uint256{gwei} * uint256{1'000'000};
        tx.gas_limit = 100'000;
        tx.kind = kind;
        if (kind == NativeKind::call)
            tx.to = storing;
        else
            tx.value = uint256{1'000'000'000'000'000'000ULL};
        sign_native(tx, Gateway::key(0));
        return encode_transaction(tx);
    };
    const auto bond = gateway.mine({add(NativeKind::bond)});
    REQUIRE(bond->transactions.size() == 1);
    const auto block = gateway.mine({add(NativeKind::call)});
    REQUIRE(block->transactions.size() == 1);
    const auto hash = quoted(to_hex_prefixed(block->transactions[0].receipt.transaction.view()));
    const auto tx = gateway.call("eth_getTransactionByHash", "[" + hash + "]");
    check_quantities(tx, {"type", "nonce", "value", "gas", "gasPrice", "chainId", "v", "r", "s", "expiry", "maxFee"});
    CHECK(tx["type"] == "0x54");
    CHECK(tx["sponsor"] == hex(Gateway::key(0).address()));
    CHECK(tx["kind"] == "call");
    CHECK(gateway.call("eth_getTransactionReceipt", "[" + hash + "]")["type"] == "0x54");
}

TEST_CASE("feeHistory has one base fee more than blocks, ratios as numbers, and rewards by percentile") {
    Gateway gateway;
    gateway.mine({gateway.transaction(0, storing, word(1))});
    gateway.mine();
    const auto history = gateway.call("eth_feeHistory", R"(["0x2","latest",[0,50,100]])");
    CHECK(history["oldestBlock"] == "0x1");
    REQUIRE(history["baseFeePerGas"].size() == 3);
    REQUIRE(history["gasUsedRatio"].size() == 2);
    CHECK(history["gasUsedRatio"][0].is_number());
    CHECK(history["gasUsedRatio"][0].get<double>() > 0);
    CHECK(history["gasUsedRatio"][1].get<double>() == 0);
    CHECK(history["reward"] == Json::array({Json::array({to_quantity(uint256{gwei}), to_quantity(uint256{gwei}),
                                                         to_quantity(uint256{gwei})}),
                                            Json::array({"0x0", "0x0", "0x0"})}));
    // More blocks than there are; a JSON number; no rewards asked for; by a worker.
    for (int i = 0; i < 20; ++i) gateway.mine();
    const auto all = gateway.call("eth_feeHistory", R"([1000,"latest"])");
    CHECK(all["oldestBlock"] == "0x0");
    CHECK(all["gasUsedRatio"].size() == 23);
    CHECK_FALSE(all.contains("reward"));
    for (const char* bad :
         {R"(["0x1","latest",[50,20]])", R"(["0x1","latest",[101]])", R"(["0x1","latest",["x"]])", R"(["0x1"])"})
        if (std::string_view{bad} != R"(["0x1"])")
            CHECK(gateway.call("eth_feeHistory", bad)["error"]["code"] == -32602);
}

TEST_CASE("proofs, accounts and storage are shown in geth's shapes") {
    Gateway gateway;
    const auto raw = gateway.transaction(0, storing, word(77));
    gateway.mine({raw});
    const auto at = [&](const Address& address, const char* rest = "") {
        return "[" + quoted(hex(address)) + rest + "]";
    };
    const auto sender = Gateway::key(0).address();
    CHECK(gateway.call("eth_getTransactionCount", at(sender, R"(,"latest")")) == "0x1");
    CHECK(gateway.call("eth_getTransactionCount", at(sender, R"(,"0x0")")) == "0x0");
    CHECK(gateway.call("eth_getBalance", at(sender, R"(,"earliest")")) ==
          to_quantity(uint256{1'000'000'000'000'000'000ULL} * uint256{100}));
    CHECK(gateway.call("eth_getStorageAt", at(storing, R"(,"0x0","latest")")) == to_hex_prefixed(word(77)));
    CHECK(gateway.call("eth_getStorageAt", at(storing, R"(,"0x0","0x0")")) == to_hex_prefixed(word(0)));
    CHECK(gateway.call("eth_getCode", at(reverting, R"(,"latest")")) == "0x366000600037366000fd");
    CHECK(gateway.call("eth_getCode", at(sender)) == "0x");
    const auto info = gateway.call("eth_getAccountInfo", at(reverting, R"(,"latest")"));
    CHECK(info["code"] == "0x366000600037366000fd");
    check_quantities(info, {"balance", "nonce"});
    const auto proof = gateway.call("eth_getProof", at(storing, R"(,["0x0"],"latest")"));
    CHECK(proof["storageProof"][0]["value"] == "0x4d");
    CHECK(proof["storageProof"][0]["key"] == "0x0");
    const auto block = gateway.call("eth_getBlockByNumber", R"(["latest",false])");
    const auto root = keccak256(*from_hex(proof["accountProof"][0].get<std::string>()));
    CHECK(block["stateRoot"] == to_hex_prefixed(root.view()));
    const auto storage_root = keccak256(*from_hex(proof["storageProof"][0]["proof"][0].get<std::string>()));
    CHECK(proof["storageHash"] == to_hex_prefixed(storage_root.view()));
    const auto absent = gateway.call("eth_getProof", at(contract_address(0x77), R"(,[],"latest")"));
    CHECK(absent["codeHash"] == to_hex_prefixed(empty_code_hash.view()));
    CHECK(absent["balance"] == "0x0");
}

}  // namespace troupe::gateway
