// Validators that lie, under the troupe rules: what they can't bring about.
#include "bench.hpp"
#include "runtime/sim/random.hpp"

using namespace troupe;
using namespace troupe::consensus;

TEST_CASE("who has asked for view 2 does not vote in view 1, even if it gets there") {
    // n = 7: five of seven change views bring it to view 1, three asked for view 2 and it joined them.
    Bench b{7, ConsensusRules::troupe};
    constexpr std::uint32_t self = 3;
    for (const std::uint32_t from : {4, 5, 6}) b.hand(self, from, b.change_view(from, 2));
    b.hand(self, 2, b.change_view(2, 1));
    REQUIRE(b.cores[self]->view() == View{1});
    // Height 1, view 1 is validator 0's.
    std::vector<Bytes> justification;
    for (const std::uint32_t from : {2, 4, 5, 6}) justification.push_back(b.change_view(from, from == 2 ? 1 : 2));
    justification.push_back(b.change_view(1, 1));
    const auto block = block_of(1, 5, 0);
    b.hand(self, 0, b.request(0, 1, block, justification));
    for (const std::uint32_t from : {1, 2, 4, 5, 6}) b.hand(self, from, b.response(from, 1, hash_of(block.header)));
    CHECK(b.monitor.fault() == "");
    CHECK(b.cores[self]->status().phase == "changing view");
}

TEST_CASE("the justification of a proposal always holds the certificate that it follows") {
    // Validators with low indexes have an older certificate than the last one.
    Bench b{7, ConsensusRules::troupe};
    const auto older = block_of(1, 1, 1), newer = block_of(1, 2, 0);
    const auto first = b.certificate(0, older, {0, 1, 2, 3, 4});
    const auto second = b.certificate(1, newer, {0, 2, 3, 4, 5});
    // Height 1, view 2 is validator 6's.
    for (const std::uint32_t from : {0, 1, 2, 3, 4}) b.hand(6, from, b.change_view(from, 1));
    b.hand(6, 0, b.change_view(0, 2, {first}));
    b.hand(6, 1, b.change_view(1, 2));
    b.hand(6, 5, b.change_view(5, 2, {second}));
    b.hand(6, 2, b.change_view(2, 2));
    b.hand(6, 3, b.change_view(3, 2));
    REQUIRE(b.cores[6]->view() == View{2});
    bool proposed = false;
    b.deliver([&](std::uint32_t from, std::uint32_t to, const Message& m) {
        if (from != 6 || !is<PrepareRequest>(m)) return false;
        proposed = true;
        CHECK(std::get<PrepareRequest>(m.body).block == newer);
        return to == 2;
    });
    CHECK(proposed);
    CHECK(b.cores[2]->view() == View{2});
    CHECK(b.cores[2]->status().phase == "prepared");
}

TEST_CASE("a proposal that ignores the highest certificate of its justification is refused") {
    Bench b{4, ConsensusRules::troupe};
    const auto locked = block_of(1, 1, n0);
    const std::vector<Bytes> justification{b.change_view(n0, 1), b.change_view(n3, 1),
                                           b.change_view(n1, 1, {b.certificate(0, locked, {n0, n1, n2})})};
    b.hand(n2, n1, b.request(n1, 1, block_of(1, 2, n1), justification));
    CHECK(b.cores[n2]->view() == View{0});
    b.hand(n2, n1, b.request(n1, 1, locked, justification));
    CHECK(b.cores[n2]->view() == View{1});
    CHECK(b.cores[n2]->status().phase == "prepared");
}

TEST_CASE("a proposal above view 0 needs a quorum of genuine change views for its view") {
    Bench b{4, ConsensusRules::troupe};
    const auto block = block_of(1, 2, n1);
    const auto refused = [&](std::vector<Bytes> justification) {
        b.hand(n2, n1, b.request(n1, 1, block, std::move(justification)));
        return b.cores[n2]->status().phase == "waiting for the proposal" && b.cores[n2]->status().preparations == 0;
    };
    const auto c0 = b.change_view(n0, 1), c1 = b.change_view(n1, 1), c3 = b.change_view(n3, 1);
    CHECK(refused({}));
    CHECK(refused({c0, c1}));
    CHECK(refused({c0, c1, c1}));
    auto forged = *decode<SignedMessage>(c3);
    forged.signature[0] ^= 1;
    CHECK(refused({c0, c1, encode(forged)}));
    CHECK(refused({c0, c1, b.craft(n3, 0, RecoveryRequest{b.now})}));
    CHECK(refused({c0, c1, b.craft(n3, 0, ChangeView{View{1}, ChangeViewReason::timeout, {}}, 2)}));
    // A certificate with too few preparations, or with preparations of another view.
    CHECK(refused({c0, c1, b.change_view(n3, 1, {b.certificate(0, block, {n0, n1})})}));
    auto moved = b.certificate(0, block, {n0, n1, n3});
    moved.preparations = b.certificate(3, block, {n0, n1, n3}).preparations;
    CHECK(refused({c0, c1, b.change_view(n3, 1, {moved})}));
    CHECK(refused({c0, c1, b.change_view(n3, 1, {b.certificate(1, block, {n0, n1, n3})})}));
    CHECK_FALSE(refused({c0, c1, c3}));
}

TEST_CASE("a restarted primary of a later view proposes nothing that it can't justify") {
    Bench b{4, ConsensusRules::troupe};
    b.builds = false;
    for (const auto from : {n0, n2, n3}) b.hand(n1, from, b.change_view(from, 1));
    REQUIRE(b.cores[n1]->view() == View{1});
    b.drop_all();
    b.builds = true;
    b.restart(n1);
    REQUIRE(b.cores[n1]->view() == View{1});
    b.deliver([](std::uint32_t, std::uint32_t, const Message& m) {
        CHECK_FALSE(is<PrepareRequest>(m));
        return false;
    });
    // With the change views it proposes.
    for (const auto from : {n0, n2, n3}) b.hand(n1, from, b.change_view(from, 1));
    bool proposed = false;
    b.deliver([&](std::uint32_t, std::uint32_t, const Message& m) {
        if (const auto* request = std::get_if<PrepareRequest>(&m.body)) {
            proposed = true;
            CHECK(request->justification.size() >= 3);
        }
        return false;
    });
    CHECK(proposed);
}

TEST_CASE("a proposal that is built only after the view was given up is not sent") {
    Bench b{4, ConsensusRules::troupe};
    b.builds = false;
    b.propose();
    b.fire(n0);
    REQUIRE(b.cores[n0]->status().phase == "changing view");
    b.run(n0, [&](Outbox& out) { b.cores[n0]->on_proposal_built(block_of(1, 1, n0), View{0}, b.now, out); });
    CHECK(b.cores[n0]->status().preparations == 0);
    CHECK(b.monitor.fault() == "");
}

TEST_CASE("a node many views behind is brought into the present view by a recovery message") {
    Bench b{4, ConsensusRules::troupe};
    constexpr std::uint32_t far = 40;
    std::vector<Bytes> proof;
    for (const auto from : {n0, n1, n2}) proof.push_back(b.change_view(from, far));
    b.hand(n3, n0, b.craft(n0, far, RecoveryMessage{proof}));
    CHECK(b.cores[n3]->view() == View{far});
}

TEST_CASE("f validators that claim far views move nobody") {
    Bench b{7, ConsensusRules::troupe};
    for (const std::uint32_t liar : {5, 6}) b.hand(0, liar, b.change_view(liar, 4'000'000'000));
    CHECK(b.cores[0]->view() == View{0});
    b.pass(5'000);
    CHECK(b.require_block() == 0);
}

TEST_CASE("a validator can't fill the place of another's early messages") {
    Bench b{4, ConsensusRules::troupe};
    b.propose();
    // Height 2, view 0 is validator 2's: validator 3 sends rubbish in its name ahead of time.
    for (int i = 0; i < 64; ++i)
        b.hand(n1, n3, b.craft(n3, 0, PrepareResponse{BlockHash{}, Bytes(16, static_cast<std::uint8_t>(i))}, 2));
    auto fake = b.request(n2, 0, block_of(2, 1, n2));
    for (int i = 0; i < 64; ++i) {
        auto rubbish = *decode<SignedMessage>(fake);
        rubbish.message.height = Height{2};
        rubbish.signature.assign(16, static_cast<std::uint8_t>(i));
        b.hand(n1, n3, encode(rubbish));
    }
    const auto block = block_of(2, 77, 2);
    const auto hash = hash_of(block.header);
    PrepareRequest early{
        block, b.signers[2]->sign(prepare_signing_payload(bench_chain_id, Height{2}, View{0}, hash)), {}};
    b.hand(n1, n2, b.craft(2, 0, early, 2));
    b.deliver([](std::uint32_t, std::uint32_t to, const Message& m) { return m.height == Height{1} || to != n1; });
    REQUIRE(b.committed[n1].size() == 1);
    CHECK(b.cores[n1]->status().phase == "prepared");
}

TEST_CASE("recovery is idempotent: the same message twice changes nothing and says nothing") {
    Bench b{4, ConsensusRules::troupe};
    b.propose();
    b.deliver([](std::uint32_t, std::uint32_t to, const Message& m) { return is<PrepareRequest>(m) && to != n3; });
    b.drop_all();
    const auto block = block_of(1, 1000, n0);
    const auto recovery =
        b.craft(n0, 0, RecoveryMessage{{b.request(n0, 0, block), b.response(n1, 0, hash_of(block.header))}});
    b.hand(n3, n0, recovery);
    const auto before = b.cores[n3]->status();
    CHECK(before.phase == "committed");
    b.drop_all();
    b.sends.clear();
    b.hand(n3, n0, recovery);
    const auto after = b.cores[n3]->status();
    CHECK(after.phase == before.phase);
    CHECK(after.preparations == before.preparations);
    for (const auto& inbox : b.inboxes) CHECK(inbox.empty());
    CHECK(b.sends.empty());
    // A recovery message within a recovery message is not opened.
    Bench c{4, ConsensusRules::troupe};
    c.hand(n3, n0, c.craft(n0, 0, RecoveryMessage{{recovery}}));
    CHECK(c.cores[n3]->status().preparations == 0);
}

namespace {

/// Twins: f keys, each run by two instances that are honest in themselves, on two sides of partitions that change at
/// random: Byzantine validators that say one thing here and another there.
struct Twins {
    Twins(std::size_t n, std::uint64_t seed) : b{n, ConsensusRules::troupe}, random{seed}, validators(n) {
        const auto first = random.below(n);
        for (std::size_t k = 0; k < faulty_max(n); ++k) {
            const auto key = static_cast<std::uint32_t>((first + k) % n);
            const auto instance = static_cast<std::uint32_t>(b.cores.size());
            twin_of.push_back(key);
            b.signers.push_back(make_sim_signer(1, ValidatorIndex{key}));
            b.cores.push_back(std::make_unique<Core>(b.configs[key], *b.scheme, b.signers.back().get()));
            b.inboxes.emplace_back();
            b.committed.emplace_back();
            run(instance, [&](Outbox& out) { b.cores[instance]->start({}, std::nullopt, b.now, out); });
        }
        side.resize(b.cores.size());
    }
    [[nodiscard]] std::uint32_t identity(std::uint32_t instance) const {
        return instance < validators ? instance : twin_of[instance - validators];
    }
    [[nodiscard]] bool is_honest(std::uint32_t instance) const {
        return std::ranges::find(twin_of, identity(instance)) == twin_of.end();
    }
    [[nodiscard]] std::uint32_t instances() const { return static_cast<std::uint32_t>(b.cores.size()); }

    template <class Event>
    void run(std::uint32_t i, Event&& event) {
        Outbox out;
        event(out);
        const auto to_all = [&](const Encoded& message, std::optional<std::uint32_t> only) {
            for (std::uint32_t to = 0; to < instances(); ++to)
                if (to != i && (!only || identity(to) == *only)) b.inboxes[to].push_back({i, message});
        };
        for (std::size_t k = 0; k < out.size(); ++k) {
            auto effect = std::move(out[k]);
            if (const auto* all = std::get_if<Broadcast>(&effect)) to_all(all->message, std::nullopt);
            if (const auto* one = std::get_if<Send>(&effect)) to_all(one->message, one->to.value);
            if (const auto* build = std::get_if<BuildProposal>(&effect))
                b.cores[i]->on_proposal_built(
                    block_of(build->height.value, 1000 + 20 * build->view.value + i, identity(i)), build->view, b.now,
                    out);
            if (const auto* judge = std::get_if<Judge>(&effect))
                b.cores[i]->on_judged(judge->hash, true, "", b.now, out);
            if (const auto* done = std::get_if<Committed>(&effect)) {
                b.committed[i].push_back(done->block);
                if (is_honest(i)) {
                    const auto& commit = done->block->commit;
                    CHECK(agreed.emplace(commit.height, commit.block).first->second == commit.block);
                }
            }
            if (const auto* ask = std::get_if<RequestBlocks>(&effect); ask && connected(i, ask->from.value))
                give(ask->from.value, i, ask->first.value);
            if (const auto* proof = std::get_if<Evidence>(&effect)) CHECK_FALSE(is_honest(proof->validator.value));
        }
    }
    void give(std::uint32_t from, std::uint32_t to, std::uint64_t first) {
        const auto blocks = b.committed[from];
        for (const auto& block : blocks)
            if (block->block.header.height.value >= first && block->block.header.height == b.cores[to]->height())
                run(to, [&](Outbox& out) { b.cores[to]->on_block_synced(*block, b.now, out); });
    }
    [[nodiscard]] bool connected(std::uint32_t a, std::uint32_t c) const { return side[a] == side[c]; }

    void steps(int count, bool whole) {
        for (int step = 0; step < count; ++step) {
            if (step % 12 == 0)
                for (auto& s : side) s = whole ? 0 : static_cast<int>(random.below(2));
            b.now = b.now + DurationMs{100 + random.below(300)};
            for (std::uint32_t i = 0; i < instances(); ++i)
                run(i, [&](Outbox& out) { b.cores[i]->on_timer(b.now, out); });
            for (int round = 0; round < 6; ++round)
                for (std::uint32_t to = 0; to < instances(); ++to)
                    for (auto waiting = b.inboxes[to].size(); waiting > 0; --waiting) {
                        const auto [from, message] = b.inboxes[to].front();
                        b.inboxes[to].pop_front();
                        // What does not get through comes later, on whichever side, or never.
                        if (!whole && (!connected(from, to) || random.chance(150))) {
                            if (random.chance(300)) b.inboxes[to].push_back({from, message});
                            continue;
                        }
                        run(to, [&, from = from, &m = message](Outbox& out) {
                            b.cores[to]->on_message(ValidatorIndex{identity(from)}, *m, b.now, out);
                        });
                    }
        }
    }
    [[nodiscard]] std::uint64_t highest() const {
        std::uint64_t height = 0;
        for (const auto& core : b.cores) height = std::max(height, core->height().value);
        return height;
    }

    Bench b;
    sim::Random random;
    std::size_t validators;
    std::vector<std::uint32_t> twin_of;
    std::vector<int> side;
    std::map<Height, BlockHash> agreed;
};

}  // namespace

TEST_CASE("twins: keys in two instances and shifting partitions make no fork, and no stall once they end") {
    for (const auto& [n, seeds] : {std::pair{4, 40}, std::pair{7, 20}}) {
        for (int seed = 1; seed <= seeds; ++seed) {
            CAPTURE(n);
            CAPTURE(seed);
            Twins twins{static_cast<std::size_t>(n), static_cast<std::uint64_t>(seed)};
            twins.steps(150, false);
            const auto before = twins.highest();
            twins.steps(150, true);
            for (std::uint32_t i = 0; i < twins.instances(); ++i)
                if (twins.is_honest(i)) CHECK(twins.b.cores[i]->height().value > before);
        }
    }
}
