#include "bench.hpp"

using namespace troupe;
using namespace troupe::consensus;

namespace {

/// S2: the primary dies after its proposal; one backup commits, the others only see enough to leave the view.
/// With height 1 and n = 4 the primary of view 0 is validator 1.
void crash_lock(Bench& b) {
    b.timers(TimeMs{b.now.value + 1000});
    REQUIRE(b.cores[1]->is_primary());
    // The proposal reaches 2 and 0; 0's and 2's responses reach only 2, so 2 alone commits; 3 hears nothing.
    b.deliver([](std::uint32_t, std::uint32_t to, const Message& m) {
        if (is<PrepareRequest>(m)) return to == 2 || to == 0;
        if (is<PrepareResponse>(m)) return to == 2;
        return false;
    });
    REQUIRE(b.cores[2]->status().phase == "committed");
    REQUIRE(b.cores[0]->status().phase == "prepared");
    b.alive[1] = false;
}

}  // namespace

TEST_CASE("the primary rotates by height and view as in NEO's code") {
    Bench b{4, ConsensusRules::dbft2};
    CHECK(b.cores[0]->primary(View{0}) == ValidatorIndex{1});
    CHECK(b.cores[0]->primary(View{1}) == ValidatorIndex{0});
    CHECK(b.cores[0]->primary(View{2}) == ValidatorIndex{3});
    CHECK(b.cores[0]->primary(View{3}) == ValidatorIndex{2});
}

TEST_CASE("without faults every validator commits the same block in view 0") {
    for (const auto rules : {ConsensusRules::dbft2, ConsensusRules::troupe}) {
        Bench b{7, rules};
        b.pass(1200);
        for (std::uint32_t i = 0; i < 7; ++i) {
            REQUIRE(b.committed[i].size() == 1);
            CHECK(b.committed[i][0]->commit.block == b.committed[0][0]->commit.block);
            CHECK(verify_committed(7, *b.committed[i][0], *b.scheme).ok());
            CHECK(signer_set::count(b.committed[i][0]->commit.signatures.signers) >= 5);
        }
    }
}

TEST_CASE("a dead primary is replaced after two view times") {
    Bench b{4, ConsensusRules::troupe};
    b.alive[1] = false;
    b.pass(4500);
    CHECK(b.committed[0].size() >= 1);
    CHECK(b.committed[0][0]->commit.view == View{1});
}

TEST_CASE("a validator that restarts after its commit says nothing else: no second signature") {
    for (const auto rules : {ConsensusRules::dbft2, ConsensusRules::troupe}) {
        Bench b{4, rules};
        crash_lock(b);
        const auto before = b.cores[2]->status();
        b.restart(2);
        CHECK(b.cores[2]->status().phase == before.phase);
        b.alive[1] = true;
        b.pass(60'000);
        CHECK(b.evidence.empty());
        for (const auto& list : b.committed)
            for (const auto& block : list)
                if (block->block.header.height == Height{1})
                    CHECK(block->commit.block == b.committed[0][0]->commit.block);
    }
}

TEST_CASE("a record of a later height than the blocks keeps the validator silent") {
    Bench b{4, ConsensusRules::troupe};
    b.pass(3500);
    REQUIRE(b.cores[3]->height().value > 2);
    // Power loss: the blocks are gone, the record is not.
    b.committed[3].clear();
    b.restart(3);
    Outbox out;
    b.cores[3]->on_timer(TimeMs{b.now.value + 100'000}, out);
    for (const auto& effect : out) CHECK_FALSE(std::holds_alternative<Broadcast>(effect));
}

TEST_CASE("a validator that lost its last block goes on with its vote of the next height when that block is back") {
    for (const auto rules : {ConsensusRules::dbft2, ConsensusRules::troupe}) {
        Bench b{4, rules};
        b.pass(1200);
        REQUIRE(b.committed[3].size() == 1);
        const auto block = b.committed[3][0];
        // Validator 3 commits at height 2; nobody hears of it.
        b.timers(TimeMs{b.now.value + 1000});
        b.deliver([](std::uint32_t, std::uint32_t to, const Message& m) {
            return is<PrepareRequest>(m) || (is<PrepareResponse>(m) && to == 3);
        });
        REQUIRE(b.cores[3]->status().phase == "committed");
        b.drop_all();
        // Power loss: the block is gone, the record of height 2 is not.
        b.committed[3].clear();
        b.restart(3);
        CHECK(b.cores[3]->height() == Height{1});
        b.run(3, [&](Outbox& out) { b.cores[3]->on_block_synced(*block, b.now, out); });
        CHECK(b.cores[3]->height() == Height{2});
        CHECK(b.cores[3]->status().phase == "committed");
        CHECK(b.monitor.fault() == "");
    }
}

TEST_CASE("a primary that proposes twice in a view is caught, and only one value can be committed") {
    Bench b{4, ConsensusRules::troupe};
    const auto propose = [&](std::uint64_t time) {
        PrepareRequest request;
        request.block.header.height = Height{1};
        request.block.header.timestamp = TimeMs{time};
        request.block.header.proposer = ValidatorIndex{1};
        seal(request.block);
        request.preparation =
            b.signers[1]->sign(prepare_signing_payload(7, Height{1}, View{0}, hash_of(request.block.header)));
        SignedMessage message;
        message.message = {Height{1}, View{0}, ValidatorIndex{1}, request};
        message.signature = b.signers[1]->sign(message_signing_payload(7, message.message));
        return encode(message);
    };
    const auto first = propose(1), second = propose(2);
    b.run(0, [&](Outbox& out) { b.cores[0]->on_message(ValidatorIndex{1}, first, b.now, out); });
    b.run(0, [&](Outbox& out) { b.cores[0]->on_message(ValidatorIndex{1}, second, b.now, out); });
    REQUIRE(b.evidence.size() == 1);
    CHECK(b.evidence[0].validator == ValidatorIndex{1});
}

TEST_CASE("messages that are forged, of strangers or damaged change nothing") {
    Bench b{4, ConsensusRules::troupe};
    const auto before = b.cores[0]->status();
    const auto feed = [&](const Bytes& bytes) {
        b.run(0, [&](Outbox& out) { b.cores[0]->on_message(ValidatorIndex{3}, bytes, b.now, out); });
    };
    feed({});
    feed(Bytes(100, 0xc1));
    SignedMessage forged;
    forged.message = {Height{1}, View{0}, ValidatorIndex{2}, ChangeView{View{1}, ChangeViewReason::timeout, {}}};
    forged.signature = b.signers[3]->sign(message_signing_payload(7, forged.message));
    feed(encode(forged));
    forged.message.sender = ValidatorIndex{9};
    feed(encode(forged));
    Commit commit;
    commit.signature = Bytes(8, 1);
    forged.message = {Height{1}, View{0}, ValidatorIndex{2}, commit};
    forged.signature.clear();
    feed(encode(forged));
    CHECK(b.cores[0]->status().change_views == before.change_views);
    CHECK(b.cores[0]->status().commits == before.commits);
}

TEST_CASE("a follower assembles blocks and never sends") {
    Bench b{4, ConsensusRules::troupe};
    Config config = b.configs[0];
    config.self.reset();
    Core follower{config, *b.scheme, nullptr};
    Outbox out;
    follower.start({}, std::nullopt, b.now, out);
    b.timers(TimeMs{b.now.value + 1000});
    std::vector<std::pair<std::uint32_t, Encoded>> seen;
    b.deliver([&](std::uint32_t from, std::uint32_t to, const Message& m) {
        if (to == (from + 1) % 4) seen.emplace_back(from, std::make_shared<const Bytes>());
        static_cast<void>(m);
        return true;
    });
    REQUIRE(b.committed[0].size() == 1);
    follower.on_block_synced(*b.committed[0][0], b.now, out);
    follower.on_timer(TimeMs{b.now.value + 60'000}, out);
    CHECK(follower.height() == Height{2});
    for (const auto& effect : out) {
        CHECK_FALSE(std::holds_alternative<Broadcast>(effect));
        CHECK_FALSE(std::holds_alternative<Send>(effect));
    }
}
