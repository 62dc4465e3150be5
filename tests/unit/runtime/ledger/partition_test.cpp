#include "runtime/ledger/partition.hpp"

#include <random>
#include <set>

#include <doctest/doctest.h>

namespace {

using namespace troupe;
using Random = std::mt19937_64;

ChainParameters parameters() {
    ChainParameters p;
    p.epoch_length = DurationMs{1000};
    p.rotation_epochs = 10;
    return p;
}

std::vector<ValidatorIndex> first(std::uint32_t count) {
    std::vector<ValidatorIndex> out;
    for (std::uint32_t i = 0; i < count; ++i) out.emplace_back(i);
    return out;
}

Address random_address(Random& random) {
    Address out;
    for (std::size_t i = 0; i < 20; ++i) out[i] = static_cast<std::uint8_t>(random());
    return out;
}

/// A block at `time` that carries the votes of `voters` for the block before.
Block block_at(std::uint64_t time, std::initializer_list<std::uint32_t> voters) {
    Block out;
    out.header.timestamp = TimeMs{time};
    auto& votes = out.votes.emplace_back();
    for (const auto voter : voters) signer_set::add(votes.signatures.signers, ValidatorIndex{voter});
    return out;
}

std::vector<std::uint32_t> active(const ActivityTracker& tracker, std::uint64_t epoch) {
    const auto found = tracker.active(Epoch{epoch});
    REQUIRE(found.has_value());
    std::vector<std::uint32_t> out;
    for (const auto index : *found) out.push_back(index.value);
    return out;
}

using List = std::vector<std::uint32_t>;
const List everybody{0, 1, 2, 3, 4, 5, 6};

}  // namespace

TEST_CASE("an epoch starts with its first millisecond") {
    const auto p = parameters();
    CHECK(epoch_of(TimeMs{0}, p) == Epoch{0});
    CHECK(epoch_of(TimeMs{999}, p) == Epoch{0});
    CHECK(epoch_of(TimeMs{1000}, p) == Epoch{1});
    CHECK(epoch_start(Epoch{7}, p) == TimeMs{7000});
}

TEST_CASE("the assignment is a fixed function of account, rotation and validators") {
    // A change of these values splits a running cluster.
    const auto p = parameters();
    const auto validators = first(7);
    Address account;
    List builders;
    for (std::uint8_t i = 0; i < 12; ++i) {
        account[0] = i;
        builders.push_back(builder_of(account, Epoch{i * 10u}, validators, p).value);
    }
    CHECK(builders == List{1, 1, 5, 5, 3, 2, 3, 3, 2, 5, 5, 3});
}

TEST_CASE("within a rotation the epoch does not matter, and the next rotation moves most accounts") {
    const auto p = parameters();
    const auto validators = first(8);
    Random random{1};
    int moved = 0;
    for (int i = 0; i < 2000; ++i) {
        const auto account = random_address(random);
        const auto builder = builder_of(account, Epoch{20}, validators, p);
        for (std::uint64_t epoch = 20; epoch < 30; ++epoch)
            REQUIRE(builder_of(account, Epoch{epoch}, validators, p) == builder);
        moved += builder_of(account, Epoch{30}, validators, p) != builder;
    }
    // 7 of 8 are expected: 1750.
    CHECK(moved > 1650);
    CHECK(moved < 1850);
}

TEST_CASE("when a builder leaves only its accounts move, and when one joins accounts move only to it") {
    const auto p = parameters();
    Random random{2};
    for (int round = 0; round < 20; ++round) {
        auto all = first(10);
        const auto gone = all[random() % all.size()];
        auto rest = all;
        std::erase(rest, gone);
        for (int i = 0; i < 200; ++i) {
            const auto account = random_address(random);
            const auto before = builder_of(account, Epoch{5}, all, p);
            const auto after = builder_of(account, Epoch{5}, rest, p);
            if (before == gone)
                REQUIRE(after != gone);
            else
                REQUIRE(after == before);
        }
    }
}

TEST_CASE("accounts spread evenly over the builders") {
    const auto p = parameters();
    const auto validators = first(10);
    std::vector<int> load(10);
    Random random{3};
    constexpr int accounts = 20000;
    for (int i = 0; i < accounts; ++i) ++load[builder_of(random_address(random), Epoch{0}, validators, p).value];
    for (const auto count : load) {
        // 2000 expected with a standard deviation of 42.
        CHECK(count > 1800);
        CHECK(count < 2200);
    }
}

TEST_CASE("a single active validator builds for everybody") {
    Random random{4};
    const std::vector<ValidatorIndex> only{ValidatorIndex{5}};
    for (int i = 0; i < 100; ++i)
        CHECK(builder_of(random_address(random), Epoch{random() % 100}, only, parameters()) == ValidatorIndex{5});
}

TEST_CASE("those who voted in an epoch are active two epochs later") {
    ActivityTracker tracker{parameters(), 7};
    tracker.observe(block_at(3100, {0, 1, 2, 3, 4}));
    tracker.observe(block_at(3900, {1, 2, 3, 4, 5}));
    tracker.observe(block_at(4100, {2, 3, 4, 5, 6}));
    CHECK(active(tracker, 5) == List{0, 1, 2, 3, 4, 5});
    CHECK(active(tracker, 6) == List{2, 3, 4, 5, 6});
}

TEST_CASE("all are active at the start, after an epoch without blocks, and after one with too few voters") {
    ActivityTracker tracker{parameters(), 7};
    CHECK(active(tracker, 0) == everybody);
    CHECK(active(tracker, 1) == everybody);
    tracker.observe(block_at(100, {0, 1, 2, 3}));
    tracker.observe(block_at(2100, {0, 1, 2, 3, 4}));
    CHECK(active(tracker, 2) == everybody);
    CHECK(active(tracker, 3) == everybody);
    CHECK(active(tracker, 4) == List{0, 1, 2, 3, 4});
    CHECK(active(tracker, 100) == everybody);
}

TEST_CASE("signers beyond the validators do not count") {
    ActivityTracker tracker{parameters(), 7};
    tracker.observe(block_at(100, {0, 1, 2, 3, 7, 40}));
    CHECK(active(tracker, 2) == everybody);
}

TEST_CASE("an answer is settled once a block of a later epoch than the deciding one has come") {
    ActivityTracker tracker{parameters(), 7};
    CHECK(tracker.is_settled(Epoch{1}));
    tracker.observe(block_at(3500, {0, 1, 2, 3, 4}));
    CHECK(tracker.is_settled(Epoch{4}));
    CHECK_FALSE(tracker.is_settled(Epoch{5}));
    tracker.observe(block_at(4000, {0, 1, 2, 3, 4}));
    CHECK(tracker.is_settled(Epoch{5}));
}

TEST_CASE("epochs that are forgotten give no answer instead of a wrong one") {
    ActivityTracker tracker{parameters(), 7};
    for (std::uint64_t epoch = 0; epoch < 100; ++epoch) tracker.observe(block_at(epoch * 1000, {0, 1, 2, 3, 4}));
    const auto oldest = 99 - ActivityTracker::epochs_kept + 1;
    CHECK_FALSE(tracker.active(Epoch{oldest + 1}).has_value());
    CHECK_FALSE(tracker.builder(Address{}, Epoch{oldest + 1}).has_value());
    CHECK(active(tracker, oldest + 2) == List{0, 1, 2, 3, 4});
    CHECK(active(tracker, 101) == List{0, 1, 2, 3, 4});
    CHECK(tracker.builder(Address{}, Epoch{101}).has_value());
}

TEST_CASE("a tracker rebuilt from recent blocks answers like one that ran all the time") {
    Random random{6};
    const auto p = parameters();
    for (int round = 0; round < 50; ++round) {
        ActivityTracker running{p, 7};
        std::vector<Block> chain;
        std::uint64_t time = random() % 5000;
        for (int i = 0; i < 200; ++i) {
            time += 1 + random() % (random() % 20 == 0 ? 4000 : 300);
            auto block = block_at(time, {});
            for (std::uint32_t v = 0; v < 7; ++v)
                if (random() % 4 != 0) signer_set::add(block.votes[0].signatures.signers, ValidatorIndex{v});
            chain.push_back(block);
            running.observe(block);
        }
        const auto latest = epoch_of(TimeMs{time}, p);
        const auto from = ActivityTracker::rebuild_from(latest);
        ActivityTracker rebuilt{p, 7, from};
        for (const auto& block : chain)
            if (epoch_of(block.header.timestamp, p) >= from) rebuilt.observe(block);
        for (std::uint64_t epoch = 0; epoch < latest.value + 4; ++epoch) {
            const auto expected = running.active(Epoch{epoch});
            const auto actual = rebuilt.active(Epoch{epoch});
            REQUIRE(expected.has_value() == actual.has_value());
            if (expected) REQUIRE(std::equal(expected->begin(), expected->end(), actual->begin(), actual->end()));
            REQUIRE(running.is_settled(Epoch{epoch}) == rebuilt.is_settled(Epoch{epoch}));
        }
        for (int i = 0; i < 20; ++i) {
            const auto block = block_at(time += 400, {0, 2, 3, 4, 6});
            running.observe(block);
            rebuilt.observe(block);
            const auto epoch = epoch_of(TimeMs{time}, p).next();
            const auto account = random_address(random);
            REQUIRE(running.builder(account, epoch) == rebuilt.builder(account, epoch));
        }
    }
}
