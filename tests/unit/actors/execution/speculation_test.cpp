#include "actors/execution/speculation.hpp"

#include "bench.hpp"
#include "runtime/base/codec.hpp"

using namespace troupe;
using namespace std::chrono_literals;

namespace {

/// Somebody else, who is at once done with what `change` leaves of it.
class Elsewhere {
public:
    using Change = std::function<void(std::vector<SpeculativeResult>&)>;
    explicit Elsewhere(Change change = {})
        : change_(std::move(change)), speculator([this](const SpeculationPtr& work) { execute(*work); }) {
        // Dear enough to be handed out.
        speculator.note(1s, {});
    }

private:
    void execute(Speculation& work) {
        std::vector<SpeculativeResult> results;
        REQUIRE(work.with_state(
            [&](StateReader& state) { results = speculate(state, work.context(), work.transactions(), codes_); }));
        if (change_) change_(results);
        work.deliver(std::move(results));
    }

    Change change_;
    evm::AnalysisCache codes_{contract_engine()};

public:
    Speculator speculator;
};

void check_same(const BlockOutput& got, const BlockOutput& expected) {
    REQUIRE(encode(got.executed) == encode(expected.executed));
    REQUIRE(got.diff == expected.diff);
    REQUIRE(got.natives == expected.natives);
    REQUIRE(got.filtered.size() == expected.filtered.size());
    for (std::size_t i = 0; i < got.filtered.size(); ++i) {
        CHECK(got.filtered[i].hash == expected.filtered[i].hash);
        CHECK(got.filtered[i].reason == expected.filtered[i].reason);
    }
}

std::vector<Bytes> transfers(std::uint64_t from_nonce, std::size_t count) {
    std::vector<Bytes> out;
    for (std::size_t i = 0; i < count; ++i) out.push_back(Chain::transfer(0, from_nonce + i));
    return out;
}

}  // namespace

TEST_CASE("blocks of random chunks come to the same with half of them executed elsewhere") {
    Speculator::Counters all;
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
        Chain here, helped;
        std::array<std::uint64_t, 4> nonces{};
        for (std::uint64_t n = 0; n < 4; ++n) {
            Elsewhere elsewhere;
            helped.speculator = &elsewhere.speculator;
            const auto chunks = random_chunks(here, seed * 100 + n, nonces);
            const auto expected = here.block(chunks, 2 + seed % 3);
            CAPTURE(seed);
            check_same(helped.block(chunks, 2 + seed % 3), expected);
            for (std::size_t i = 0; i < 4; ++i) nonces[i] = here.state.accounts[Chain::key(i).address()].nonce;
            all.given += elsewhere.speculator.counters().given;
            all.used += elsewhere.speculator.counters().used;
            all.outdated += elsewhere.speculator.counters().outdated;
        }
    }
    CHECK(all.given == all.used + all.outdated);
    CHECK(all.used > 10);
    CHECK(all.outdated > 20);
}

TEST_CASE("results that saw another state, or never come, are executed here") {
    Chain here;
    // One sender: without the first half's, the second half's nonces are wrong.
    const auto expected = here.run(transfers(0, 8));

    Chain outdated;
    Elsewhere behind;
    outdated.speculator = &behind.speculator;
    check_same(outdated.run(transfers(0, 8)), expected);
    CHECK(behind.speculator.counters().outdated == 4);
    CHECK(behind.speculator.counters().used == 0);

    Chain forsaken;
    Elsewhere silent{[](auto& results) { results.clear(); }};
    forsaken.speculator = &silent.speculator;
    check_same(forsaken.run(transfers(0, 8)), expected);
    CHECK(silent.speculator.counters().missing == 4);

    Chain misled;
    Elsewhere lying{[](auto& results) {
        for (auto& result : results)
            for (auto& [address, record] : result.reads.accounts)
                if (record) record->balance = record->balance + uint256{1};
    }};
    misled.speculator = &lying.speculator;
    check_same(misled.run(transfers(0, 8)), expected);
    CHECK(lying.speculator.counters().used == 0);
}

TEST_CASE("little is handed out unless it is dear, and nothing for a while after it was of no use") {
    Speculator speculator{[](const SpeculationPtr&) {}};
    CHECK(speculator.share(1000) == 0);
    speculator.note(10us, {});
    CHECK(speculator.share(1000) == 0);
    speculator.note(1ms, {});
    CHECK(speculator.share(1000) == 500);
    CHECK(speculator.share(10) == 0);
    speculator.note(1ms, {10, 2, 8, 0});
    std::size_t rested = 0;
    while (speculator.share(1000) == 0) ++rested;
    CHECK(rested == 32);
}
