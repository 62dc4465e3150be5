#include "actors/metadata_node/core.hpp"

#include <doctest/doctest.h>

#include "actors/metadata_node/store.hpp"
#include "tests/unit/actors/chain_fixture.hpp"
#include "tests/unit/persistence/temporary_folder.hpp"

using namespace troupe;
using namespace troupe::metadata_node;

namespace {

constexpr NodeIndex peer{1};

struct Bench : ChainFixture, ManifestSource {
    Bench() {
        config.chain_id = chain_id;
        config.genesis = hash_of(genesis);
        config.checkpoint_interval = 4;
        config.validators = 4;
        config.storage = storage_registry(genesis);
        restart();
    }
    void restart() { core = std::make_unique<Core>(config, *scheme, *this); }
    [[nodiscard]] std::optional<BlockManifest> manifest(Height height) const override {
        const auto it = stored.find(height);
        return it == stored.end() ? std::nullopt : std::optional{it->second};
    }
    using ChainFixture::manifest;

    Outbox feed(BlockManifest manifest) {
        Outbox out;
        core->on_manifest(peer, std::move(manifest), now, out);
        for (const auto& effect : out)
            if (const auto* kept = std::get_if<Store>(&effect))
                stored.emplace(kept->manifest->header.height, *kept->manifest);
        return out;
    }
    /// All blocks of the fixture that are above the tip.
    std::vector<Checkpoint> feed_all() {
        std::vector<Checkpoint> posted;
        for (auto height = core->tip().value + 1; height <= blocks.size(); ++height)
            for (const auto& effect : feed(ChainFixture::manifest(height)))
                if (const auto* post = std::get_if<Post>(&effect)) posted.push_back(post->checkpoint);
        return posted;
    }
    template <class T>
    static const T* find(const Outbox& out) {
        for (const auto& effect : out)
            if (const auto* e = std::get_if<T>(&effect)) return e;
        return nullptr;
    }

    Config config;
    std::map<Height, BlockManifest> stored;
    std::unique_ptr<Core> core;
    TimeMs now{1'000'000};
};

}  // namespace

TEST_CASE("manifests that follow each other are stored, and missing ones are asked for") {
    Bench b;
    b.grow(6);
    const auto ahead = b.feed(b.ChainFixture::manifest(3));
    REQUIRE(ahead.size() == 1);
    CHECK(std::get<RequestBlocks>(ahead[0]).first == Height{1});
    b.feed_all();
    CHECK(b.core->tip() == Height{6});
    CHECK(b.stored.size() == 6);
}

TEST_CASE("the same block with the votes of another quorum is no contradiction") {
    Bench b;
    b.grow(3);
    b.feed_all();
    auto same = b.ChainFixture::manifest(2);
    same.commit = b.votes(hash_of(same.header), Height{2}, {1, 2, 3});
    CHECK(b.feed(same).empty());
}

TEST_CASE("a second block with a quorum at a height is refused, and both are kept as evidence, once") {
    Bench b;
    b.grow(5);
    b.feed_all();
    const std::vector<CommittedBlock> before(b.blocks.begin(), b.blocks.begin() + 2);
    Block other = b.blocks[2].block;
    other.header.proposer = ValidatorIndex{3};
    const auto fork = manifest_of(b.commit(before, other, {1, 2, 3}));
    const auto out = b.feed(fork);
    REQUIRE(out.size() == 1);
    const auto& evidence = std::get<KeepEvidence>(out[0]);
    CHECK(evidence.kind == EvidenceKind::fork);
    CHECK(evidence.ours->header == b.blocks[2].block.header);
    CHECK(evidence.theirs == fork);
    CHECK(b.core->tip() == Height{5});
    CHECK(b.feed(fork).empty());
}

TEST_CASE("a block with a quorum that does not follow the one before it is refused as a gap, with the one before") {
    Bench b;
    b.grow(5);
    b.feed_all();
    auto elsewhere = b.blocks;
    elsewhere.back().block.header.proposer = ValidatorIndex{3};
    elsewhere.back().commit = b.votes(hash_of(elsewhere.back().block.header), Height{5}, {0, 1, 2});
    const auto out = b.feed(manifest_of(b.commit(elsewhere, {})));
    REQUIRE(out.size() == 1);
    CHECK(std::get<KeepEvidence>(out[0]).kind == EvidenceKind::gap);
    CHECK(std::get<KeepEvidence>(out[0]).ours->header == b.blocks[4].block.header);
    CHECK(b.core->tip() == Height{5});
}

TEST_CASE("what does not verify is refused: votes, results, receipts, the first block") {
    Bench b;
    b.grow(4);
    const auto refused = [&](BlockManifest manifest) {
        const auto out = b.feed(std::move(manifest));
        return out.size() == 1 && std::holds_alternative<KeepEvidence>(out[0]) &&
               std::get<KeepEvidence>(out[0]).kind == EvidenceKind::invalid;
    };
    for (std::size_t height = 1; height <= 4; ++height) {
        const auto good = b.ChainFixture::manifest(height);
        auto few = good;
        few.commit = b.votes(hash_of(good.header), Height{height}, {0, 1});
        CHECK(refused(few));
        auto not_voted = good;
        not_voted.header.timestamp = good.header.timestamp.next();
        CHECK(refused(not_voted));
        if (height > 2) {
            auto result = good;
            result.results[0].state_root[5] ^= 1;
            CHECK(refused(result));
            auto receipt = good;
            receipt.receipts[0].bundle[5] ^= 1;
            CHECK(refused(receipt));
        }
        b.feed(good);
    }
    CHECK(b.core->tip() == Height{4});
    // Even a quorum can't make somebody a storage node, or sign for one.
    for (const auto by : {b.metadata_1, b.storage}) {
        Block block;
        block.receipts.push_back(b.receipt(Height{4}, b.numbered_bundle(4), by));
        if (by == b.storage) block.receipts[0].signature[3] ^= 1;
        CHECK(refused(manifest_of(b.commit(b.blocks, block))));
    }
}

TEST_CASE("a first block that follows another genesis is refused") {
    Bench b;
    b.grow(1);
    auto other = b.blocks[0].block;
    other.header.previous[0] ^= 1;
    seal(other);
    const CommittedBlock first{other, b.votes(hash_of(other.header), Height{1}, {0, 1, 2})};
    const auto out = b.feed(manifest_of(first));
    REQUIRE(out.size() == 1);
    CHECK(std::get<KeepEvidence>(out[0]).kind == EvidenceKind::gap);
    CHECK(b.core->tip() == Height{0});
}

TEST_CASE("a checkpoint is posted once the chain shows its state, its receipt and two successors") {
    Bench b;
    b.grow(5);
    CHECK(b.feed_all().empty());
    b.grow(1);
    const auto posted = b.feed_all();
    REQUIRE(posted.size() == 1);
    CHECK(posted[0].height == Height{4});
    CHECK(posted[0].block == hash_of(b.blocks[3].block.header));
    CHECK(posted[0].state_root == b.numbered_result(4).state_root);
    CHECK(posted[0].bundle == b.numbered_bundle(4));
}

TEST_CASE("the arbiter's answer to a later checkpoint does not stand for an earlier one") {
    Bench b;
    b.grow(10);
    CHECK(b.feed_all().size() == 2);
    Outbox out;
    b.core->on_acknowledged(Height{8}, out);
    CHECK(b.core->acknowledged() < Height{4});
    out.clear();
    b.now = b.now + DurationMs{1000};
    b.core->on_timer(b.now, out);
    const auto* post = out.empty() ? nullptr : std::get_if<Post>(&out.back());
    REQUIRE(post != nullptr);
    CHECK(post->checkpoint.height == Height{4});
    out.clear();
    b.core->on_acknowledged(Height{4}, out);
    REQUIRE(out.size() == 1);
    CHECK(std::get<Acknowledged>(out[0]).height == Height{8});
}

TEST_CASE("a checkpoint is posted again until the arbiter has it, after a restart too") {
    Bench b;
    b.grow(10);
    CHECK(b.feed_all().size() == 2);
    const auto repeated = [&] {
        std::vector<std::uint64_t> heights;
        Outbox out;
        b.now = b.now + DurationMs{1000};
        b.core->on_timer(b.now, out);
        for (const auto& effect : out)
            if (const auto* post = std::get_if<Post>(&effect)) heights.push_back(post->checkpoint.height.value);
        return heights;
    };
    CHECK(repeated() == std::vector<std::uint64_t>{4, 8});
    Outbox out;
    b.core->on_acknowledged(Height{4}, out);
    REQUIRE(out.size() == 1);
    // All before the next one.
    const auto acknowledged = std::get<Acknowledged>(out[0]).height;
    CHECK(acknowledged == Height{7});
    CHECK(repeated() == std::vector<std::uint64_t>{8});

    b.restart();
    b.core->restore(b.ChainFixture::manifest(10), acknowledged);
    CHECK(b.core->tip() == Height{10});
    CHECK(repeated() == std::vector<std::uint64_t>{8});
    b.grow(4);
    const auto posted = b.feed_all();
    REQUIRE(posted.size() == 1);
    CHECK(posted[0].height == Height{12});
}

TEST_CASE("the database gives manifests back, keeps evidence, and notices damage") {
    const TemporaryFolder folder;
    ChainFixture chain;
    chain.grow(5);
    {
        auto store = std::move(*ManifestStore::open(folder.file("manifests.db")));
        for (std::size_t height = 1; height <= 5; ++height) REQUIRE(store->put(chain.manifest(height)));
        REQUIRE(store->put_evidence({EvidenceKind::fork, peer, "why", chain.manifest(3), chain.manifest(4)}));
        REQUIRE(store->put_acknowledged(Height{4}));
    }
    {
        auto store = std::move(*ManifestStore::open(folder.file("manifests.db")));
        CHECK(*store->tip() == Height{5});
        CHECK(*store->acknowledged() == Height{4});
        CHECK(store->manifest(Height{3}) == chain.manifest(3));
        const auto evidence = *store->evidence();
        REQUIRE(evidence.size() == 1);
        CHECK(evidence[0].ours == encode(chain.manifest(3)));
        CHECK(evidence[0].theirs == encode(chain.manifest(4)));
    }
    // Somebody gives another result in the file.
    auto changed = chain.manifest(3);
    changed.results[0].gas_used = 1;
    auto database = Database::open(folder.file("manifests.db"), {0x54726d64, 1, ""}, {});
    REQUIRE(database);
    auto update = database->prepare("UPDATE manifests SET data = ? WHERE height = 3");
    REQUIRE(update->run(encode(changed)));
    auto store = std::move(*ManifestStore::open(folder.file("manifests.db")));
    CHECK_FALSE(store->manifest(Height{3}).has_value());
    CHECK(store->manifest(Height{4}).has_value());
}
