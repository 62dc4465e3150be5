// The known problems of dBFT 2.0 as replayable scenarios (reference consensus.md A12), under both rule sets.
#include "bench.hpp"

using namespace troupe;
using namespace troupe::consensus;

namespace {

constexpr auto both_rules = {ConsensusRules::dbft2, ConsensusRules::troupe};
constexpr std::uint64_t long_time = 240'000;

/// S1 up to the point where four good nodes are: n0, n1 changing to view 2, n2 committed in view 0, n3 in view 1.
void four_good_nodes(Bench& b) {
    b.all_heard();
    b.propose();
    b.deliver([](std::uint32_t, std::uint32_t to, const Message& m) {
        if (is<PrepareRequest>(m)) return to == n1 || to == n2;
        return is<PrepareResponse>(m) && to == n2;
    });
    REQUIRE(b.cores[n2]->status().phase == "committed");
    b.fire(n0);
    b.fire(n1);
    b.fire(n3);
    b.deliver([](std::uint32_t, std::uint32_t to, const Message& m) {
        if (is<ChangeView>(m)) return to != n2;
        if (is<PrepareRequest>(m)) return m.view == View{1} && to == n0;
        return is<PrepareResponse>(m) && m.view == View{1} && to == n1;
    });
    REQUIRE(b.cores[n0]->view() == View{1});
    REQUIRE(b.cores[n1]->view() == View{1});
    REQUIRE(b.cores[n3]->view() == View{1});
    // n3 is heard of in view 1; then n0 and n1 give up view 1, and only then its proposal reaches n3.
    for (const auto to : {n0, n1}) b.hand(to, n3, b.craft(n3, 1, RecoveryRequest{b.now}));
    b.drop_all();
}

/// S2: n0 dies after its proposal, n2 commits, n1 and n3 leave the view before they hear of it.
void crash_lock(Bench& b) {
    b.all_heard();
    b.propose();
    b.deliver([](std::uint32_t, std::uint32_t to, const Message& m) {
        if (is<PrepareRequest>(m)) return to == n1 || to == n2;
        return is<PrepareResponse>(m) && to == n2;
    });
    REQUIRE(b.cores[n2]->status().phase == "committed");
    b.alive[n0] = false;
    b.fire(n1);
    b.fire(n3);
    REQUIRE(b.cores[n1]->status().phase == "changing view");
    REQUIRE(b.cores[n3]->status().phase == "changing view");
}

/// S3: all honest; n1 has asked for view 1 without having heard n3, n2's commit makes it believe that many are gone.
void lost_is_a_guess(Bench& b) {
    for (const auto to : {n0, n2, n3})
        for (std::uint32_t from = 0; from < 4; ++from)
            if (from != to) b.hand(to, from, b.craft(from, 0, RecoveryRequest{b.now}));
    for (const auto from : {n0, n2}) b.hand(n1, from, b.craft(from, 0, RecoveryRequest{b.now}));
    b.drop_all();
    b.propose();
    b.deliver([](std::uint32_t from, std::uint32_t to, const Message& m) {
        if (is<PrepareRequest>(m)) return to == n1 || to == n2;
        if (is<PrepareResponse>(m) && to == n2) return from == n1;
        return false;
    });
    REQUIRE(b.cores[n2]->status().phase == "committed");
    b.fire(n1);
    REQUIRE(b.cores[n1]->status().phase == "changing view");
}

}  // namespace

TEST_CASE("S1, four good nodes: counting commits of all views, both rules end with a block") {
    for (const auto rules : both_rules) {
        CAPTURE(to_string(rules));
        Bench b{4, rules};
        four_good_nodes(b);
        b.fire(n0);
        b.fire(n1);
        b.deliver([&](std::uint32_t, std::uint32_t, const Message&) { return false; });
        if (rules == ConsensusRules::dbft2) {
            CHECK(b.cores[n0]->status().phase == "changing view");
            CHECK(b.cores[n1]->status().phase == "changing view");
        }
        b.pass(long_time);
        CHECK(b.require_block() <= 3);
    }
}

TEST_CASE("S2, crash lock: dbft2 stalls for ever") {
    Bench b{4, ConsensusRules::dbft2};
    crash_lock(b);
    b.pass(long_time);
    CHECK(b.nobody_has_a_block());
}

TEST_CASE("S2, crash lock: the troupe rules commit the locked block with the three that live") {
    Bench b{4, ConsensusRules::troupe};
    crash_lock(b);
    b.pass(30'000);
    CHECK(b.require_block() <= 2);
    CHECK(b.committed[n2][0]->block.header.proposer == ValidatorIndex{n0});
}

TEST_CASE("S2, crash lock: dbft2 goes on when the dead one returns") {
    Bench b{4, ConsensusRules::dbft2};
    crash_lock(b);
    b.pass(20'000);
    b.restart(n0);
    b.pass(long_time);
    CHECK(b.require_block() <= 1);
}

TEST_CASE("S3, lost is a guess: two commit in view 0, two are in view 1; dbft2 stalls, troupe does not") {
    for (const auto rules : both_rules) {
        CAPTURE(to_string(rules));
        Bench b{4, rules};
        lost_is_a_guess(b);
        // n2's response and commit reach n1: under dbft2 it is unlocked and commits although its change view is out.
        const auto block = hash_of(block_of(1, 1000, n0).header);
        b.drop_all();
        b.hand(n1, n2, b.commit(n2, 0, block));
        b.hand(n1, n2, b.response(n2, 0, block));
        if (rules == ConsensusRules::dbft2) CHECK(b.cores[n1]->status().commits == 2);
        b.drop_all();
        // n0 and n3 leave the view with n1's change view.
        b.fire(n0);
        b.fire(n3);
        for (const auto to : {n0, n3}) b.hand(to, n1, b.change_view(n1, 1));
        b.deliver([](std::uint32_t, std::uint32_t to, const Message& m) {
            return is<ChangeView>(m) && (to == n0 || to == n3);
        });
        CHECK(b.cores[n0]->view() == View{1});
        CHECK(b.cores[n3]->view() == View{1});
        b.pass(long_time);
        if (rules == ConsensusRules::dbft2)
            CHECK(b.nobody_has_a_block());
        else
            CHECK(b.require_block() <= 3);
    }
}

TEST_CASE("S4, a proposal that arrives while view-changing is dropped: a block in view 1") {
    for (const auto rules : both_rules) {
        CAPTURE(to_string(rules));
        Bench b{4, rules};
        b.all_heard();
        b.propose();
        // n1 answers; n2 holds its response, but not the proposal.
        b.deliver([&](std::uint32_t, std::uint32_t to, const Message& m) {
            if (is<PrepareRequest>(m)) return to == n1;
            return is<PrepareResponse>(m) && to == n2;
        });
        b.fire(n2);
        REQUIRE(b.cores[n2]->status().phase == "changing view");
        b.hand(n2, n0, b.request(n0, 0, block_of(1, 1000, n0)));
        CHECK(b.cores[n2]->status().phase == "changing view");
        CHECK(b.cores[n2]->status().commits == 0);
        b.fire(n0);
        b.fire(n3);
        b.pass(30'000);
        CHECK(b.require_block() == 1);
    }
}

TEST_CASE("S5, no amnesia: a crash around any write makes no second signature and no fork") {
    for (const auto rules : both_rules) {
        for (const auto point : {CrashPoint::before_write, CrashPoint::after_write, CrashPoint::after_send}) {
            for (std::uint32_t victim = 0; victim < 4; ++victim) {
                for (std::uint64_t persist = 0; persist < 8; ++persist) {
                    CAPTURE(to_string(rules));
                    CAPTURE(static_cast<int>(point));
                    CAPTURE(victim);
                    CAPTURE(persist);
                    Bench b{4, rules};
                    b.crash_point = point;
                    b.crash_node = victim;
                    b.crash_persist = persist;
                    for (int step = 0; step < 300 && b.alive[victim]; ++step) b.pass(100);
                    if (!b.alive[victim]) {
                        b.pass(500);
                        b.restart(victim);
                    }
                    b.pass(30'000);
                    CHECK(b.monitor.fault() == "");
                    CHECK(b.evidence.empty());
                    const auto most = b.committed[(victim + 1) % 4].size();
                    if (rules == ConsensusRules::troupe) CHECK(most >= 5);
                    for (std::size_t h = 0; h < most; ++h)
                        for (const auto& blocks : b.committed)
                            if (blocks.size() > h && blocks[h]->block.header.height.value == h + 1)
                                CHECK(blocks[h]->commit.block == b.committed[(victim + 1) % 4][h]->commit.block);
                }
            }
        }
    }
}

TEST_CASE("S5, both that committed crash and return: they commit the same block again") {
    for (const auto rules : both_rules) {
        CAPTURE(to_string(rules));
        Bench b{4, rules};
        b.all_heard();
        b.propose();
        b.deliver([](std::uint32_t, std::uint32_t to, const Message& m) {
            if (is<PrepareRequest>(m)) return to == n1 || to == n2;
            return is<PrepareResponse>(m) && (to == n1 || to == n2);
        });
        REQUIRE(b.cores[n1]->status().phase == "committed");
        REQUIRE(b.cores[n2]->status().phase == "committed");
        b.alive[n1] = b.alive[n2] = false;
        b.pass(20'000);
        b.restart(n1);
        b.restart(n2);
        CHECK(b.cores[n1]->status().phase == "committed");
        b.pass(long_time);
        b.require_block();
        CHECK(b.committed[n1][0]->block == block_of(1, 1000, n0));
    }
}

TEST_CASE("S7, a restarted primary repeats its proposal instead of making a second one") {
    for (const auto rules : both_rules) {
        CAPTURE(to_string(rules));
        Bench b{4, rules};
        b.all_heard();
        b.propose();
        b.deliver([](std::uint32_t, std::uint32_t to, const Message& m) {
            return is<PrepareRequest>(m) || (is<PrepareResponse>(m) && to != n0);
        });
        REQUIRE(b.cores[n1]->status().phase == "committed");
        b.restart(n0);
        CHECK(b.cores[n0]->status().phase == "prepared");
        b.fire(n0);
        b.pass(long_time);
        b.require_block();
        CHECK(b.evidence.empty());
        CHECK(b.committed[n0][0]->block == block_of(1, 1000, n0));
    }
}

TEST_CASE("S8, f + 1 validators after the asker answer a recovery request, each once") {
    for (const auto rules : both_rules) {
        for (const std::size_t n : {4, 5, 6, 7, 10}) {
            for (std::uint32_t asker = 0; asker < n; ++asker) {
                Bench b{n, rules};
                const auto ask = b.craft(asker, 0, RecoveryRequest{b.now});
                for (int repeat = 0; repeat < 3; ++repeat)
                    for (std::uint32_t to = 0; to < n; ++to)
                        if (to != asker) b.hand(to, asker, ask);
                REQUIRE(b.sends.size() == faulty_max(n) + 1);
                for (std::size_t k = 0; k < b.sends.size(); ++k) {
                    CHECK(b.sends[k].second == asker);
                    const auto distance = (b.sends[k].first + n - asker) % n;
                    CHECK(distance >= 1);
                    CHECK(distance <= faulty_max(n) + 1);
                }
            }
        }
    }
}

TEST_CASE("S9, recovery carries change views of every reason: one answer brings a lagging node into the view") {
    for (const auto rules : both_rules) {
        CAPTURE(to_string(rules));
        Bench b{4, rules};
        b.all_heard();
        for (const auto to : {n0, n1, n2})
            for (const auto from : {n0, n1, n2})
                if (from != to) b.hand(to, from, b.change_view(from, 1, {}, ChangeViewReason::rejected));
        for (const auto to : {n0, n1, n2}) b.hand(to, to, b.change_view(to, 1, {}, ChangeViewReason::rejected));
        REQUIRE(b.cores[n0]->view() == View{1});
        b.drop_all();
        REQUIRE(b.cores[n3]->view() == View{0});
        b.now = b.now + DurationMs{1000};
        b.hand(n1, n3, b.craft(n3, 0, RecoveryRequest{b.now}));
        b.deliver([](std::uint32_t, std::uint32_t to, const Message& m) { return to == n3 && is<RecoveryMessage>(m); });
        CHECK(b.cores[n3]->view() == View{1});
    }
}

TEST_CASE("S10, forged commits are not counted") {
    Bench b{4, ConsensusRules::dbft2};
    b.all_heard();
    Commit forged;
    forged.signature = Bytes(sim_signature_bytes, 0xee);
    for (const auto sender : {n0, n1, n2}) b.hand(n3, sender, b.craft(sender, 0, forged));
    b.fire(n3);
    // Had they counted, it would ask for recovery instead.
    CHECK(b.cores[n3]->status().phase == "changing view");
}

TEST_CASE(
    "S12, a validator that restarts after its change view: dbft2 commits where it left and stalls, troupe does not") {
    for (const auto rules : both_rules) {
        CAPTURE(to_string(rules));
        Bench b{4, rules};
        b.all_heard();
        b.propose();
        b.deliver([](std::uint32_t, std::uint32_t to, const Message& m) {
            if (is<PrepareRequest>(m)) return to == n1 || to == n2;
            return is<PrepareResponse>(m) && to == n2;
        });
        REQUIRE(b.cores[n2]->status().phase == "committed");
        // n0 and n3 leave view 0 with n1's help; nothing of n2 reaches them.
        for (const auto i : {n0, n1, n3}) b.fire(i);
        b.deliver([](std::uint32_t, std::uint32_t to, const Message& m) {
            return is<ChangeView>(m) && (to == n0 || to == n3);
        });
        REQUIRE(b.cores[n0]->view() == View{1});
        REQUIRE(b.cores[n3]->view() == View{1});
        REQUIRE(b.cores[n1]->status().phase == "changing view");
        b.restart(n1);
        b.now = b.now + DurationMs{1000};
        b.hand(n2, n1, b.craft(n1, 0, RecoveryRequest{b.now}));
        b.deliver([](std::uint32_t from, std::uint32_t to, const Message&) { return from == n2 && to == n1; });
        if (rules == ConsensusRules::dbft2) {
            CHECK(b.cores[n1]->view() == View{0});
            CHECK(b.cores[n1]->status().phase == "committed");
        } else {
            CHECK(b.cores[n1]->status().phase == "changing view");
        }
        b.pass(long_time);
        if (rules == ConsensusRules::dbft2)
            CHECK(b.nobody_has_a_block());
        else
            CHECK(b.require_block() <= 2);
    }
}

TEST_CASE("S12, troupe: a validator that restarts after its change view does not vote in the view that it left") {
    Bench b{4, ConsensusRules::troupe};
    b.all_heard();
    b.fire(n1);
    REQUIRE(b.cores[n1]->status().phase == "changing view");
    b.drop_all();
    b.restart(n1);
    CHECK(b.cores[n1]->status().phase == "changing view");
    const auto block = block_of(1, 1000, n0);
    b.hand(n1, n0, b.request(n0, 0, block));
    b.hand(n1, n2, b.response(n2, 0, hash_of(block.header)));
    b.hand(n1, n3, b.response(n3, 0, hash_of(block.header)));
    CHECK(b.cores[n1]->status().phase == "changing view");
    CHECK(b.monitor.fault() == "");
    b.pass(long_time);
    b.require_block();
}

TEST_CASE("S13, after a view change nothing of the old view's block is left") {
    for (const auto rules : both_rules) {
        CAPTURE(to_string(rules));
        Bench b{4, rules};
        b.all_heard();
        // Proposed, but prepared by nobody: view 1 has its own block.
        b.propose();
        b.deliver([](std::uint32_t, std::uint32_t, const Message& m) { return is<PrepareRequest>(m); });
        for (const auto i : {n0, n1, n2, n3}) b.fire(i);
        b.deliver(
            [](std::uint32_t, std::uint32_t, const Message& m) { return !is<PrepareRequest>(m) && !is_recovery(m); });
        REQUIRE(b.cores[n3]->view() == View{1});
        CHECK(b.cores[n3]->status().phase == "waiting for the proposal");
        CHECK(b.cores[n3]->status().preparations == 0);
        b.pass(30'000);
        CHECK(b.require_block() == 1);
        CHECK(b.committed[n3][0]->block == block_of(1, 1001, n1));
    }
}

TEST_CASE("S15, a primary that proposes two values: at most one is committed, and a block comes") {
    for (const auto rules : both_rules) {
        CAPTURE(to_string(rules));
        Bench b{4, rules};
        b.all_heard();
        b.alive[n0] = false;
        const auto a = b.request(n0, 0, block_of(1, 1, n0)), c = b.request(n0, 0, block_of(1, 2, n0));
        b.hand(n1, n0, a);
        b.hand(n2, n0, a);
        b.hand(n3, n0, c);
        b.hand(n1, n0, c);
        CHECK(b.evidence.size() == 1);
        b.pass(long_time);
        // The liar, n1 and n2 are a quorum for the one value. Committed, they are locked under dbft2, and n3 can't
        // follow.
        if (rules == ConsensusRules::dbft2)
            CHECK(b.nobody_has_a_block());
        else
            CHECK(b.require_block() <= 2);
        CHECK(b.monitor.fault() == "");
    }
}

TEST_CASE("S15, half and half never make a quorum of preparations") {
    Bench b{7, ConsensusRules::troupe};
    b.alive[1] = false;
    const auto first = block_of(1, 1, 1), second = block_of(1, 2, 1);
    for (const std::uint32_t to : {0, 2, 3}) b.hand(to, 1, b.request(1, 0, first));
    for (const std::uint32_t to : {4, 5, 6}) b.hand(to, 1, b.request(1, 0, second));
    b.deliver_all();
    for (std::uint32_t i = 0; i < 7; ++i) CHECK(b.cores[i]->status().commits == 0);
    b.pass(30'000);
    CHECK(b.require_block() >= 1);
}
