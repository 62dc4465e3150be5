#include "persistence/chain_store.hpp"

#include <map>
#include <random>
#include <thread>

#include <doctest/doctest.h>

#include "tests/unit/persistence/sample_blocks.hpp"
#include "tests/unit/persistence/temporary_folder.hpp"

namespace {

using namespace troupe;
using sample::id;

ChainStore open_at(const std::string& path, ChainStoreOptions options = {}) {
    auto store = ChainStore::open(path, options);
    REQUIRE_MESSAGE(store.ok(), store.error().message);
    return std::move(store).value();
}

std::uint64_t rows(ChainStore& store, const std::string& table) {
    auto statement = store.database().prepare("SELECT count(*) FROM " + table).value();
    std::uint64_t out = 0;
    CHECK(statement.first([&](Row row) { out = row.integer(0); }).value());
    return out;
}

}  // namespace

TEST_CASE("committed blocks are found by height and hash, again after reopening") {
    const TemporaryFolder folder;
    {
        auto store = open_at(folder.file("chain.db"));
        CHECK_FALSE(store.reader().committed_tip().value().has_value());
        for (std::uint64_t h = 1; h <= 5; ++h) CHECK(store.put_block(Height{h}, id<BlockHash>(h), Bytes(h, 1)).ok());
    }
    auto store = open_at(folder.file("chain.db"));
    CHECK(store.reader().committed_tip().value() == Height{5});
    CHECK(store.reader().block(Height{3}).value()->hash == id<BlockHash>(3));
    CHECK(store.reader().block(id<BlockHash>(4)).value()->height == Height{4});
    CHECK(store.reader().block(id<BlockHash>(4)).value()->data.size() == 4);
    CHECK_FALSE(store.reader().block(Height{6}).value().has_value());
    CHECK_FALSE(store.reader().block(id<BlockHash>(9)).value().has_value());
    std::vector<std::uint64_t> heights;
    CHECK(store.reader()
              .for_each_block(Height{2},
                              [&](StoredBlock&& block) {
                                  heights.push_back(block.height.value);
                                  return heights.size() < 3;
                              })
              .ok());
    CHECK(heights == std::vector<std::uint64_t>{2, 3, 4});
}

TEST_CASE("the same block may be stored again, a different one at its height or the same at another may not") {
    const TemporaryFolder folder;
    auto store = open_at(folder.file("chain.db"));
    CHECK(store.put_block(Height{1}, id<BlockHash>(1), Bytes{1}).ok());
    CHECK(store.put_block(Height{1}, id<BlockHash>(1), Bytes{1}).ok());
    CHECK(store.put_block(Height{1}, id<BlockHash>(2), Bytes{2}).error().code == ErrorCode::already_exists);
    CHECK(store.put_block(Height{2}, id<BlockHash>(1), Bytes{1}).error().code == ErrorCode::already_exists);
    CHECK(store.reader().block(Height{1}).value()->data == Bytes{1});
}

TEST_CASE("chunks are found by id until they are pruned by expiry, a bounded number at a time") {
    const TemporaryFolder folder;
    auto store = open_at(folder.file("chain.db"));
    for (std::uint64_t i = 0; i < 10; ++i)
        CHECK(store.put_chunk(id<ChunkId>(i), TimeMs{i * 10}, Bytes(100000, static_cast<std::uint8_t>(i))).ok());
    CHECK(store.put_chunk(id<ChunkId>(3), TimeMs{30}, Bytes{}).ok());
    CHECK(store.reader().chunk(id<ChunkId>(3)).value()->size() == 100000);
    CHECK(store.prune_chunks(TimeMs{50}, 2).value() == 2);
    CHECK_FALSE(store.reader().has_chunk(id<ChunkId>(1)).value());
    CHECK(store.reader().has_chunk(id<ChunkId>(2)).value());
    CHECK(store.prune_chunks(TimeMs{50}, 100).value() == 3);
    CHECK(store.prune_chunks(TimeMs{50}, 100).value() == 0);
    CHECK(store.reader().has_chunk(id<ChunkId>(5)).value());
    std::vector<std::uint64_t> expiries;
    CHECK(store.reader()
              .for_each_chunk(TimeMs{60},
                              [&](const ChunkId&, TimeMs expiry, Bytes&& data) {
                                  CHECK(data.size() == 100000);
                                  expiries.push_back(expiry.value);
                                  return true;
                              })
              .ok());
    CHECK(expiries == std::vector<std::uint64_t>{60, 70, 80, 90});
}

TEST_CASE("an execution is stored whole and moves the tip by one") {
    const TemporaryFolder folder;
    auto store = open_at(folder.file("chain.db"));
    CHECK_FALSE(sample::check_consistent(store).has_value());
    for (std::uint64_t h = 0; h < 10; ++h) {
        CHECK(store.apply_execution(sample::block(h)).ok());
        CHECK(sample::check_consistent(store) == Height{h});
    }
    for (const std::uint64_t wrong : {9, 11, 0})
        CHECK(store.apply_execution(sample::block(wrong)).error().code == ErrorCode::invalid);
    CHECK(sample::check_consistent(store) == Height{9});
}

TEST_CASE("a batch holds several calls, all or nothing") {
    const TemporaryFolder folder;
    auto store = open_at(folder.file("chain.db"));
    {
        auto batch = store.batch().value();
        CHECK(store.apply_execution(sample::block(0)).ok());
        CHECK(store.put_block(Height{1}, id<BlockHash>(1), Bytes{1}).ok());
        CHECK(store.reader().committed_tip().value() == Height{1});
    }
    CHECK_FALSE(store.reader().committed_tip().value().has_value());
    CHECK_FALSE(sample::check_consistent(store).has_value());
    auto batch = store.batch().value();
    CHECK(store.apply_execution(sample::block(0)).ok());
    CHECK(store.put_meta("k", Bytes{1}).ok());
    CHECK(batch.commit().ok());
    CHECK(sample::check_consistent(store) == Height{0});
    CHECK(store.reader().meta("k").value() == Bytes{1});
    CHECK_FALSE(store.reader().meta("other").value().has_value());
}

TEST_CASE("zero removes a slot, clearing drops what was before, deletion drops account and storage") {
    const TemporaryFolder folder;
    auto store = open_at(folder.file("chain.db"));
    const auto a = id<Address>(1);
    const auto b = id<Address>(2);
    std::uint64_t height = 0;
    const auto apply = [&](AccountUpdate account) {
        ExecutionUpdate update;
        update.height = Height{height++};
        update.hash = id<BlockHash>(height);
        update.accounts = {std::move(account)};
        REQUIRE(store.apply_execution(update).ok());
    };
    const auto value = [&](const Address& address, std::uint64_t slot) {
        return store.reader().storage(address, id(slot)).value();
    };
    apply({b, Bytes{9}, false, {{id(1), id(99)}}});
    apply({a, Bytes{1}, false, {{id(1), id(11)}, {id(2), id(12)}}});
    CHECK(value(a, 2) == id(12));
    CHECK(value(a, 3).is_zero());
    apply({a, Bytes{2}, false, {{id(2), Hash256{}}}});
    CHECK(value(a, 1) == id(11));
    CHECK(value(a, 2).is_zero());
    CHECK(rows(store, "storage") == 2);
    apply({a, Bytes{3}, true, {{id(5), id(15)}}});
    CHECK(value(a, 1).is_zero());
    CHECK(value(a, 5) == id(15));
    CHECK(store.reader().account(a).value() == Bytes{3});
    apply({a, std::nullopt, false, {}});
    CHECK_FALSE(store.reader().account(a).value().has_value());
    CHECK(value(a, 5).is_zero());
    CHECK(value(b, 1) == id(99));
    CHECK(rows(store, "storage") == 1);
}

TEST_CASE("the transaction index says where a transaction is, if it is enabled") {
    const TemporaryFolder folder;
    ChainStoreOptions with_index;
    with_index.transaction_index = true;
    auto indexed = open_at(folder.file("with.db"), with_index);
    auto plain = open_at(folder.file("without.db"));
    for (std::uint64_t h = 0; h < 3; ++h) {
        CHECK(indexed.apply_execution(sample::block(h)).ok());
        CHECK(plain.apply_execution(sample::block(h)).ok());
    }
    const auto wanted = sample::block(2).transactions[4];
    CHECK(indexed.reader().find_transaction(wanted).value() == TransactionPlace{Height{2}, 4});
    CHECK_FALSE(indexed.reader().find_transaction(id<TransactionHash>(999)).value().has_value());
    CHECK_FALSE(plain.reader().find_transaction(wanted).value().has_value());
}

TEST_CASE("blooms of a range come in order and can be stopped") {
    const TemporaryFolder folder;
    auto store = open_at(folder.file("chain.db"));
    for (std::uint64_t h = 0; h < 20; ++h) CHECK(store.apply_execution(sample::block(h)).ok());
    std::vector<std::uint64_t> heights;
    const auto collect = [&](Height first, Height last, std::size_t most) {
        heights.clear();
        CHECK(store.reader()
                  .for_each_bloom(first, last,
                                  [&](Height height, const LogsBloom& bloom) {
                                      CHECK(bloom == sample::block(height.value).bloom);
                                      heights.push_back(height.value);
                                      return heights.size() < most;
                                  })
                  .ok());
        return heights;
    };
    CHECK(collect(Height{17}, Height{100}, 100) == std::vector<std::uint64_t>{17, 18, 19});
    CHECK(collect(Height{0}, Height{19}, 2) == std::vector<std::uint64_t>{0, 1});
    CHECK(collect(Height{5}, Height{4}, 100).empty());
}

TEST_CASE("seen transactions are known by hash and expiry until pruned") {
    const TemporaryFolder folder;
    auto store = open_at(folder.file("chain.db"));
    for (std::uint64_t h = 0; h < 10; ++h) CHECK(store.apply_execution(sample::block(h)).ok());
    const auto early = sample::block(3).seen[1];
    const auto late = sample::block(8).seen[1];
    CHECK(store.reader().has_seen(early).value());
    CHECK_FALSE(store.reader().has_seen({early.hash, late.expiry}).value());
    std::size_t count = 0;
    CHECK(store.reader()
              .for_each_seen(TimeMs{500},
                             [&](const SeenTransaction& seen) {
                                 CHECK(seen.expiry >= TimeMs{500});
                                 ++count;
                                 return true;
                             })
              .ok());
    CHECK(count == 25);
    CHECK(store.prune_seen(TimeMs{500}, 7).value() == 7);
    CHECK(store.prune_seen(TimeMs{500}, 1000).value() == 18);
    CHECK_FALSE(store.reader().has_seen(early).value());
    CHECK(store.reader().has_seen(late).value());
    CHECK(rows(store, "seen") == 25);
}

TEST_CASE("trie nodes read as of any height equal a model, before and after each step of pruning") {
    const TemporaryFolder folder;
    auto store = open_at(folder.file("chain.db"));
    std::mt19937_64 random{1};
    using Key = std::pair<Hash256, Bytes>;
    std::map<Key, std::map<std::uint64_t, std::optional<Bytes>>> model;
    std::vector<Key> keys;
    for (std::uint64_t i = 0; i < 60; ++i)
        keys.emplace_back(i < 30 ? Hash256{} : id(i % 3), Bytes(i % 10, static_cast<std::uint8_t>(i)));

    constexpr std::uint64_t heights = 80;
    for (std::uint64_t h = 1; h <= heights; ++h) {
        std::map<Key, std::optional<Bytes>> changes;
        for (auto count = random() % 120; count > 0; --count)
            changes[keys[random() % keys.size()]] =
                random() % 3 ? std::optional{Bytes(1 + random() % 50, static_cast<std::uint8_t>(h))} : std::nullopt;
        std::vector<TrieNodeUpdate> updates;
        for (const auto& [key, node] : changes) {
            updates.push_back({key.first, key.second, node});
            model[key][h] = node;
        }
        REQUIRE(store.put_trie_nodes(Height{h}, updates).ok());
    }
    const auto expected_at = [&](const Key& key, std::uint64_t h) -> std::optional<Bytes> {
        const auto& versions = model[key];
        const auto after = versions.upper_bound(h);
        return after == versions.begin() ? std::nullopt : std::prev(after)->second;
    };
    const auto check_from = [&](std::uint64_t first) {
        for (const auto& key : keys)
            for (std::uint64_t h = first; h <= heights + 1; ++h)
                REQUIRE(store.reader().node_at(key.first, key.second, Height{h}).value() == expected_at(key, h));
    };
    check_from(0);
    std::uint64_t keep_from = 0;
    while (keep_from < heights) {
        keep_from = std::min(heights, keep_from + 1 + random() % 15);
        for (;;) {
            const auto visited = store.prune_trie(Height{keep_from}, 1 + random() % 200).value();
            check_from(keep_from);
            CHECK(store.reader().history_start().value() == Height{keep_from});
            if (visited == 0) break;
        }
        // Exactly what somebody can see is left: per node the version seen at keep_from, unless empty, and all later.
        std::uint64_t visible = 0;
        for (const auto& [key, versions] : model) {
            visible += expected_at(key, keep_from).has_value();
            visible += static_cast<std::uint64_t>(std::distance(versions.upper_bound(keep_from), versions.end()));
        }
        CHECK(rows(store, "trie_nodes") == visible);
    }
    CHECK(store.prune_trie(Height{5}, 100).value() == 0);
    CHECK(store.reader().history_start().value() == Height{heights});
}

TEST_CASE("a reader's snapshot stays as it was while the writer goes on, and sees the rest afterwards") {
    const TemporaryFolder folder;
    auto store = open_at(folder.file("chain.db"));
    CHECK(store.apply_execution(sample::block(0)).ok());
    auto reader = ChainReader::open(folder.file("chain.db")).value();
    {
        const auto snapshot = reader.snapshot().value();
        CHECK(reader.executed_tip().value() == Height{0});
        CHECK(store.apply_execution(sample::block(1)).ok());
        CHECK(reader.executed_tip().value() == Height{0});
        CHECK(reader.storage(id<Address>(0, 2), id(0, 3)).value() == sample::slot_value(0));
    }
    CHECK(reader.executed_tip().value() == Height{1});
    CHECK(reader.storage(id<Address>(0, 2), id(0, 3)).value() == sample::slot_value(1));
}

TEST_CASE("readers in other threads always see one whole block while the writer writes") {
    const TemporaryFolder folder;
    auto store = open_at(folder.file("chain.db"));
    CHECK(store.apply_execution(sample::block(0)).ok());
    constexpr std::uint64_t last = 150;
    std::vector<int> torn(2);
    std::vector<std::thread> threads;
    for (auto& count : torn)
        threads.emplace_back([&count, path = folder.file("chain.db")] {
            auto reader = ChainReader::open(path).value();
            for (std::uint64_t tip = 0; tip < last;) {
                const auto snapshot = reader.snapshot().value();
                tip = reader.executed_tip().value()->value;
                for (std::uint64_t a = 0; a < sample::accounts; ++a)
                    for (std::uint64_t s = 0; s < sample::slots; ++s)
                        count += reader.storage(id<Address>(a, 2), id(s, 3)).value() != sample::slot_value(tip);
            }
        });
    for (std::uint64_t h = 1; h <= last; ++h) CHECK(store.apply_execution(sample::block(h)).ok());
    for (auto& thread : threads) thread.join();
    CHECK(torn == std::vector<int>{0, 0});
}

TEST_CASE("a full disk stops an execution as a whole, and the database goes on when there is space") {
    const TemporaryFolder folder;
    ChainStoreOptions small;
    small.database.file_bytes_max = 80 * 4096;
    std::uint64_t height = 0;
    {
        auto store = open_at(folder.file("chain.db"), small);
        for (;; ++height) {
            const auto status = store.apply_execution(sample::block(height));
            if (!status) {
                CHECK(status.error().code == ErrorCode::too_large);
                break;
            }
            REQUIRE(height < 10000);
        }
        REQUIRE(height > 1);
        CHECK(sample::check_consistent(store) == Height{height - 1});
    }
    auto store = open_at(folder.file("chain.db"));
    CHECK(sample::check_consistent(store) == Height{height - 1});
    CHECK(store.apply_execution(sample::block(height)).ok());
    CHECK(sample::check_consistent(store) == Height{height});
}
