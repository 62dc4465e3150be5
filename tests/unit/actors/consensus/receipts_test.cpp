// Storage receipts in blocks: who may vouch, in which order, once, and not too late.
#include <doctest/doctest.h>

#include "actors/consensus/assembly.hpp"
#include "tests/unit/actors/chain_fixture.hpp"

using namespace troupe;
using namespace troupe::consensus;

namespace {

struct Bench : ChainFixture {
    Bench() { restart(); }
    void restart() {
        AssemblyConfig config;
        config.chain_id = chain_id;
        config.parameters = genesis.parameters;
        config.validators = 4;
        config.storage = storage_registry(genesis);
        assembly = std::make_unique<Assembly>(config, *scheme);
        assembly->set_genesis(hash_of(genesis), genesis.timestamp);
        for (const auto& block : blocks) assembly->replay(block);
        for (const auto& block : blocks) execute(block.block.header.height);
    }
    void execute(Height height) { assembly->on_executed(numbered_result(height.value)); }
    [[nodiscard]] Block build() const {
        std::vector<CommitCertificate> votes;
        if (!blocks.empty()) votes.push_back(blocks.back().commit);
        return assembly->build(assembly->tip().next(), assembly->tip_hash(),
                               assembly->tip_timestamp() + DurationMs{100}, std::move(votes));
    }
    void add(const Block& block) {
        blocks.push_back({block, votes(hash_of(block.header), block.header.height, {0, 1, 2})});
        assembly->on_committed(blocks.back());
        execute(block.header.height);
    }
    void add_blocks(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) add(build());
    }
    [[nodiscard]] std::string judge(Block block) const {
        seal(block);
        const auto judgement = assembly->judge(block, block.header.timestamp);
        return judgement.verdict == Verdict::valid ? "" : judgement.why;
    }
    [[nodiscard]] std::vector<std::uint64_t> receipt_heights(const Block& block) const {
        std::vector<std::uint64_t> out;
        for (const auto& r : block.receipts) out.push_back(r.height.value);
        return out;
    }

    std::unique_ptr<Assembly> assembly;
};

}  // namespace

TEST_CASE("a receipt enters the application hash of a later block, once") {
    Bench b;
    b.add_blocks(3);
    CHECK(b.assembly->add(b.receipt(Height{2}, b.numbered_bundle(2))).ok());
    CHECK(b.assembly->add(b.receipt(Height{1}, b.numbered_bundle(1))).ok());
    CHECK(b.assembly->add(b.receipt(Height{4}, b.numbered_bundle(4))).ok());
    auto block = b.build();
    CHECK(b.receipt_heights(block) == std::vector<std::uint64_t>{1, 2});
    CHECK(b.judge(block) == "");
    auto without = block;
    without.receipts.clear();
    seal(without);
    CHECK(without.header.application_hash != block.header.application_hash);
    b.add(block);
    CHECK(b.receipt_heights(b.build()) == std::vector<std::uint64_t>{4});
    auto again = b.build();
    again.receipts = block.receipts;
    CHECK(b.judge(again) == "storage receipt is included already");
    b.restart();
    CHECK(b.judge(again) == "storage receipt is included already");
}

TEST_CASE("a validator that never saw a receipt judges it by its signature and the genesis' registry") {
    Bench b;
    b.add_blocks(3);
    auto block = b.build();
    block.receipts = {b.receipt(Height{2}, b.numbered_bundle(2))};
    CHECK(b.judge(block) == "");
    block.receipts = {b.receipt(Height{2}, b.numbered_bundle(2), b.metadata_1)};
    CHECK(b.judge(block) == "receipt: node 5 is no registered storage node");
    block.receipts = {b.receipt(Height{2}, b.numbered_bundle(2), NodeIndex{0})};
    CHECK(b.judge(block) == "receipt: node 0 is no registered storage node");
    block.receipts = {b.receipt(Height{2}, b.numbered_bundle(2))};
    block.receipts[0].bundle[4] ^= 1;
    CHECK(b.judge(block) == "receipt: not signed by storage node 4");
    CHECK_FALSE(b.assembly->add(block.receipts[0]).ok());
}

TEST_CASE("receipts out of order, twice, of no earlier block, or too late make a block invalid") {
    Bench b;
    b.add_blocks(4);
    const auto receipt = [&](std::uint64_t height) { return b.receipt(Height{height}, b.numbered_bundle(height)); };
    auto block = b.build();
    block.receipts = {receipt(2), receipt(1)};
    CHECK(b.judge(block) == "storage receipts are not in order");
    block.receipts = {receipt(1), receipt(1)};
    CHECK(b.judge(block) == "storage receipts are not in order");
    block.receipts = {receipt(5)};
    CHECK(b.judge(block) == "storage receipt for a block that is not before it");
    block.receipts = {receipt(4)};
    CHECK(b.judge(block) == "");
    b.add_blocks(receipt_window_blocks);
    block = b.build();
    block.receipts = {receipt(4)};
    CHECK(b.judge(block) == "storage receipt for a block too long ago");
    block.receipts = {receipt(5)};
    CHECK(b.judge(block) == "");
    CHECK(b.assembly->add(receipt(4)).error().code == ErrorCode::expired);
    CHECK(b.assembly->add(receipt(100'000)).error().code == ErrorCode::invalid);
}

TEST_CASE("a block carries a limited number of receipts, the oldest first") {
    Bench b;
    b.add_blocks(block_receipts_max + 10);
    for (std::uint64_t height = block_receipts_max + 9; height > 0; --height)
        REQUIRE(b.assembly->add(b.receipt(Height{height}, b.numbered_bundle(height))).ok());
    auto block = b.build();
    CHECK(block.receipts.size() == block_receipts_max);
    CHECK(block.receipts.front().height == Height{1});
    CHECK(b.judge(block) == "");
    block.receipts.push_back(b.receipt(Height{block_receipts_max + 1}, {}));
    CHECK(b.judge(block) == "too many storage receipts");
}
