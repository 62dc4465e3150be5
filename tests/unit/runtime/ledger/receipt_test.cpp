#include "runtime/ledger/receipt.hpp"

#include <doctest/doctest.h>

#include "runtime/base/rlp.hpp"
#include "runtime/crypto/keccak.hpp"

using namespace troupe;

namespace {

LogEntry transfer_log() {
    LogEntry log;
    log.address = *fixed_from_hex<Address>("0x22341ae42d6dd7384bc8584e50419ea3ac75b83f");
    log.topics = {*fixed_from_hex<Hash256>("0x04491edcd115127caedbd478e2e7895ed80c7847e903431f94f9cfa579cad47f")};
    return log;
}

}  // namespace

TEST_CASE("the bloom of geth's hundred items has geth's hash") {
    // go-ethereum, core/types/bloom9_test.go, TestBloomExtensively.
    LogsBloom bloom;
    for (int i = 0; i < 100; ++i)
        add_to_bloom(bloom, as_bytes("xxxxxxxxxx data " + std::to_string(i) + " yyyyyyyyyyyyyy"));
    CHECK(to_hex(keccak256(bloom.view()).view()) == "c8d3ca65cdb4874300a9e39475508f23ed6da09fdbc487f89a2dcf50b09eb263");
}

TEST_CASE("a bloom knows its members from strangers") {
    // go-ethereum, core/types/bloom9_test.go, TestBloom.
    LogsBloom bloom;
    for (const std::string_view member : {"testtest", "test", "hallo", "other"}) add_to_bloom(bloom, as_bytes(member));
    for (const std::string_view member : {"testtest", "test", "hallo", "other"})
        CHECK(bloom_may_contain(bloom, as_bytes(member)));
    for (const std::string_view stranger : {"tes", "lo"}) CHECK_FALSE(bloom_may_contain(bloom, as_bytes(stranger)));
    CHECK_FALSE(bloom_may_contain(LogsBloom{}, as_bytes("test")));
}

TEST_CASE("a bloom contains the address and every topic of its logs") {
    Receipt receipt;
    receipt.logs = {transfer_log(), LogEntry{}};
    receipt.logs[1].topics.resize(4);
    for (std::uint8_t i = 0; i < 4; ++i) receipt.logs[1].topics[i][5] = i;
    const auto bloom = bloom_of(receipt);
    for (const auto& log : receipt.logs) {
        CHECK(bloom_may_contain(bloom, log.address.view()));
        for (const auto& topic : log.topics) CHECK(bloom_may_contain(bloom, topic.view()));
    }
}

TEST_CASE("a legacy receipt's bytes are a list of status, gas, bloom and logs") {
    Receipt receipt;
    receipt.succeeded = true;
    receipt.cumulative_gas_used = 21000;
    const auto bytes = encode_receipt(receipt);
    CHECK(to_hex(bytes) == "f9010801825208b90100" + std::string(512, '0') + "c0");
}

TEST_CASE("a typed receipt starts with its type, and logs nest as address, topics, data") {
    Receipt receipt;
    receipt.type = 2;
    receipt.cumulative_gas_used = 5;
    receipt.logs = {transfer_log()};
    receipt.logs[0].data = {0xaa, 0xbb};
    const auto bytes = encode_receipt(receipt);
    REQUIRE(bytes[0] == 2);
    rlp::Reader top{ByteView{bytes}.subspan(1)};
    auto list = top.list();
    CHECK(list.integer64() == 0);
    CHECK(list.integer64() == 5);
    CHECK(list.fixed<LogsBloom>() == bloom_of(receipt));
    auto logs = list.list();
    auto log = logs.list();
    CHECK(log.fixed<Address>() == receipt.logs[0].address);
    auto topics = log.list();
    CHECK(topics.fixed<Hash256>() == receipt.logs[0].topics[0]);
    CHECK(to_hex(log.bytes()) == "aabb");
    CHECK_FALSE(rlp::finish(topics, log, logs, list, top).has_value());
}

TEST_CASE("an executed block reads back equal from its canonical encoding") {
    ExecutedBlock block;
    block.result.height = Height{4};
    block.transactions.resize(2);
    block.transactions[0].raw = {1, 2};
    block.transactions[1].receipt.logs = {transfer_log()};
    block.transactions[1].receipt.contract_created = {Address{}};
    CHECK(decode<ExecutedBlock>(encode(block)).value() == block);
}
