#include "actors/consensus/core.hpp"

#include <deque>

#include <doctest/doctest.h>

#include "runtime/crypto/sim_signature.hpp"

using namespace troupe;
using namespace troupe::consensus;

namespace {

/// Validators whose messages the test delivers by hand. The proposal of (height, view) is what the test makes of it.
struct Bench {
    explicit Bench(std::size_t n, ConsensusRules rules) : scheme(make_sim_scheme(1, n)) {
        for (std::uint32_t i = 0; i < n; ++i) {
            signers.push_back(make_sim_signer(1, ValidatorIndex{i}));
            Config config;
            config.chain_id = 7;
            config.rules = rules;
            config.validators = n;
            config.self = ValidatorIndex{i};
            configs.push_back(config);
            cores.push_back(std::make_unique<Core>(config, *scheme, signers[i].get()));
        }
        inboxes.resize(n);
        records.resize(n);
        committed.resize(n);
        alive.assign(n, true);
        for (std::uint32_t i = 0; i < n; ++i) run(i, [&](Outbox& out) { cores[i]->start({}, std::nullopt, now, out); });
    }

    template <class Event>
    void run(std::uint32_t i, Event&& event) {
        Outbox out;
        event(out);
        for (std::size_t k = 0; k < out.size(); ++k) {
            auto effect = std::move(out[k]);
            if (auto* persist = std::get_if<Persist>(&effect)) records[i] = persist->record;
            if (const auto* all = std::get_if<Broadcast>(&effect))
                for (std::uint32_t to = 0; to < cores.size(); ++to)
                    if (to != i) inboxes[to].push_back({i, all->message});
            if (const auto* one = std::get_if<Send>(&effect)) inboxes[one->to.value].push_back({i, one->message});
            if (const auto* build = std::get_if<BuildProposal>(&effect)) {
                Block block;
                block.header.height = build->height;
                block.header.timestamp = TimeMs{1000 + build->height.value * 100 + build->view.value};
                block.header.proposer = ValidatorIndex{i};
                seal(block);
                cores[i]->on_proposal_built(block, build->view, now, out);
            }
            if (const auto* judge = std::get_if<Judge>(&effect)) cores[i]->on_judged(judge->hash, true, "", now, out);
            if (const auto* done = std::get_if<Committed>(&effect)) committed[i].push_back(done->block);
            if (const auto* proof = std::get_if<Evidence>(&effect)) evidence.push_back(*proof);
        }
    }
    void timers(TimeMs at) {
        now = at;
        for (std::uint32_t i = 0; i < cores.size(); ++i)
            if (alive[i]) run(i, [&](Outbox& out) { cores[i]->on_timer(now, out); });
    }
    /// Delivers what `wanted` lets through; the rest is lost.
    template <class Wanted>
    void deliver(Wanted&& wanted) {
        for (bool any = true; any;) {
            any = false;
            for (std::uint32_t to = 0; to < cores.size(); ++to) {
                while (!inboxes[to].empty()) {
                    const auto [from, message] = inboxes[to].front();
                    inboxes[to].pop_front();
                    any = true;
                    const auto decoded = decode<SignedMessage>(*message);
                    if (!alive[to] || !alive[from] || !wanted(from, to, decoded->message)) continue;
                    run(to, [&](Outbox& out) { cores[to]->on_message(ValidatorIndex{from}, *message, now, out); });
                }
            }
        }
    }
    void deliver_all() {
        deliver([](auto, auto, const Message&) { return true; });
    }
    /// Time goes on in steps of 100 ms, everything is delivered.
    void pass(std::uint64_t ms) {
        for (const auto end = now.value + ms; now.value < end;) {
            timers(TimeMs{now.value + 100});
            deliver_all();
        }
    }
    void restart(std::uint32_t i) {
        cores[i] = std::make_unique<Core>(configs[i], *scheme, signers[i].get());
        inboxes[i].clear();
        run(i, [&](Outbox& out) { cores[i]->start({}, records[i], now, out); });
    }

    std::unique_ptr<SignatureScheme> scheme;
    std::vector<std::unique_ptr<Signer>> signers;
    std::vector<Config> configs;
    std::vector<std::unique_ptr<Core>> cores;
    std::vector<std::deque<std::pair<std::uint32_t, Encoded>>> inboxes;
    std::vector<std::optional<Bytes>> records;
    std::vector<std::vector<std::shared_ptr<const CommittedBlock>>> committed;
    std::vector<bool> alive;
    std::vector<Evidence> evidence;
    TimeMs now{1'000'000};
};

template <class Body>
[[nodiscard]] bool is(const Message& m) {
    return std::holds_alternative<Body>(m.body);
}

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

TEST_CASE("S2, the crash lock: dbft2 stalls for ever") {
    Bench b{4, ConsensusRules::dbft2};
    // All have been heard of at this height, so that nobody counts as lost (A12: the escape of counting the lost).
    for (std::uint32_t from = 0; from < 4; ++from) {
        SignedMessage heard;
        heard.message = {Height{1}, View{0}, ValidatorIndex{from}, RecoveryRequest{b.now}};
        heard.signature = b.signers[from]->sign(message_signing_payload(7, heard.message));
        for (std::uint32_t to = 0; to < 4; ++to)
            if (to != from)
                b.run(to,
                      [&](Outbox& out) { b.cores[to]->on_message(ValidatorIndex{from}, encode(heard), b.now, out); });
    }
    b.deliver([](auto, auto, const Message&) { return false; });
    crash_lock(b);
    // 0 and 3 ask for the next view before they hear of 2's commit.
    b.timers(TimeMs{b.now.value + 6000});
    REQUIRE(b.cores[0]->status().phase == "changing view");
    b.pass(120'000);
    CHECK(b.committed[0].empty());
    CHECK(b.committed[2].empty());
}

TEST_CASE("S2, the crash lock: the troupe rules commit the locked block in a later view") {
    Bench b{4, ConsensusRules::troupe};
    crash_lock(b);
    b.pass(30'000);
    REQUIRE(b.committed[0].size() >= 1);
    REQUIRE(b.committed[2].size() >= 1);
    CHECK(b.committed[0][0]->commit.block == b.committed[2][0]->commit.block);
    CHECK(b.committed[0][0]->block.header.proposer == ValidatorIndex{1});
    CHECK(b.committed[0][0]->commit.view.value >= 1);
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
    b.restart(3);
    Outbox out;
    b.cores[3]->on_timer(TimeMs{b.now.value + 100'000}, out);
    for (const auto& effect : out) CHECK_FALSE(std::holds_alternative<Broadcast>(effect));
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
