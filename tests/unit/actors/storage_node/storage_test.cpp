#include <algorithm>

#include <doctest/doctest.h>

#include "actors/storage_node/core.hpp"
#include "actors/storage_node/store.hpp"
#include "runtime/crypto/keccak.hpp"
#include "runtime/crypto/sha256.hpp"
#include "tests/unit/persistence/temporary_folder.hpp"

using namespace troupe;
using namespace troupe::storage_node;

namespace {

[[nodiscard]] Address address(std::uint8_t number) {
    Address out;
    out[19] = number;
    return out;
}

[[nodiscard]] AccountChange change(std::uint8_t number, std::uint64_t balance,
                                   std::vector<std::pair<uint256, uint256>> storage = {}) {
    AccountChange out;
    out.address = address(number);
    out.nonce = 1;
    out.balance = uint256{balance};
    out.code_hash = empty_code_hash;
    out.storage = std::move(storage);
    return out;
}

[[nodiscard]] std::unique_ptr<ContentStore> open(const TemporaryFolder& folder, const char* name = "content.db") {
    return std::move(*ContentStore::open(folder.file(name)));
}

[[nodiscard]] Hash256 snapshot(ContentStore& store, std::uint64_t height, std::vector<Content>* added = nullptr,
                               TimeMs time = TimeMs{0}) {
    std::vector<Content> contents;
    auto hash = store.make_snapshot(Height{height}, time, RootHash{}, contents);
    REQUIRE(hash);
    REQUIRE(store.put(contents));
    if (added != nullptr) *added = contents;
    return *hash;
}

[[nodiscard]] std::vector<Entry> entries_of(ContentStore& store, const Hash256& snapshot) {
    std::vector<Entry> out;
    const auto index = decode<SnapshotIndex>(**store.content(snapshot));
    for (const auto& pages : index->pages)
        for (const auto& page : pages) {
            const auto list = decode<std::vector<Entry>>(**store.content(page));
            out.insert(out.end(), list->begin(), list->end());
        }
    std::ranges::sort(out);
    return out;
}

}  // namespace

TEST_CASE("a snapshot has every entry, and does not depend on how the state came about") {
    const TemporaryFolder folder;
    auto first = open(folder, "a.db");
    auto second = open(folder, "b.db");
    const Bytes code(3000, 0x5b);
    const auto code_hash = CodeHash::from(keccak256(code));
    StateDiff all;
    all.accounts = {change(1, 10, {{uint256{1}, uint256{2}}, {uint256{5}, uint256{6}}}), change(2, 20)};
    all.codes = {{code_hash, code}};
    REQUIRE(first->apply(all, {{TransactionHash{}, TimeMs{9}}}));

    // The other way: more, then less.
    REQUIRE(
        second->apply({{change(1, 99, {{uint256{1}, uint256{7}}, {uint256{3}, uint256{3}}}), change(3, 1)}, {}}, {}));
    auto gone = change(3, 0);
    gone.deleted = true;
    REQUIRE(second->apply({{change(2, 20), gone}, {}}, {{TransactionHash{}, TimeMs{9}}}));
    REQUIRE(second->apply(
        {{change(1, 10, {{uint256{1}, uint256{2}}, {uint256{3}, uint256{0}}, {uint256{5}, uint256{6}}})}, all.codes},
        {}));

    const auto hash = snapshot(*first, 4);
    CHECK(hash == snapshot(*second, 4));
    const auto entries = entries_of(*first, hash);
    CHECK(entries.size() == 2 + 2 + 1 + 1);
    CHECK(first->account(address(1))->balance == uint256{10});
    CHECK(second->storage(address(1), uint256{3}).is_zero());
    CHECK(*second->code(code_hash) == code);
    CHECK(second->native_executed(TransactionHash{}));
}

TEST_CASE("an account that goes takes all its slots with it") {
    const TemporaryFolder folder;
    auto store = open(folder);
    std::vector<std::pair<uint256, uint256>> slots;
    for (std::uint64_t i = 0; i < 200; ++i) slots.emplace_back(uint256{i}, uint256{i + 1});
    REQUIRE(store->apply({{change(1, 1, slots), change(2, 1, slots)}, {}}, {}));
    auto gone = change(1, 0);
    gone.deleted = true;
    auto cleared = change(2, 5, {{uint256{7}, uint256{8}}});
    cleared.storage_cleared = true;
    REQUIRE(store->apply({{gone, cleared}, {}}, {}));
    CHECK(entries_of(*store, snapshot(*store, 4)).size() == 2);
    CHECK(store->storage(address(2), uint256{7}) == uint256{8});
}

TEST_CASE("a snapshot shares the pages in which nothing has changed with the one before") {
    const TemporaryFolder folder;
    auto store = open(folder);
    StateDiff many;
    for (int i = 0; i < 250; ++i) many.accounts.push_back(change(static_cast<std::uint8_t>(i), 1));
    REQUIRE(store->apply(many, {}));
    std::vector<Content> first;
    static_cast<void>(snapshot(*store, 4, &first));
    REQUIRE(store->apply({{change(9, 2)}, {}}, {}));
    std::vector<Content> second;
    static_cast<void>(snapshot(*store, 8, &second));
    CHECK(first.size() > 50);
    CHECK(second.size() == 2);  // one page and the index
}

TEST_CASE("expired native transactions leave the snapshot") {
    const TemporaryFolder folder;
    auto store = open(folder);
    TransactionHash early;
    early[0] = 1;
    TransactionHash late;
    late[0] = 2;
    REQUIRE(store->apply({}, {{early, TimeMs{100}}, {late, TimeMs{200}}}));
    CHECK(entries_of(*store, snapshot(*store, 4, nullptr, TimeMs{100})).size() == 2);
    CHECK(entries_of(*store, snapshot(*store, 8, nullptr, TimeMs{101})).size() == 1);
    CHECK_FALSE(store->native_executed(early));
    CHECK(store->native_executed(late));
}

TEST_CASE("there is one bundle for a height, and content is served only while it has its hash") {
    const TemporaryFolder folder;
    auto store = open(folder);
    const auto content = make_content(Bytes{1, 2, 3});
    REQUIRE(store->put({content}));
    REQUIRE(store->put_bundle(Height{1}, content.hash));
    CHECK_FALSE(store->put_bundle(Height{1}, Hash256{}).ok());
    CHECK(**store->content(content.hash) == Bytes{1, 2, 3});
    CHECK_FALSE((*store->content(Hash256{})).has_value());

    store.reset();
    {
        auto database = Database::open(folder.file("content.db"), {0x54727374, 1, ""}, {});
        REQUIRE(database);
        auto tamper = database->prepare("UPDATE contents SET data = ?");
        REQUIRE(tamper->run(Bytes{1, 2, 4}));
    }
    store = open(folder);
    CHECK(*store->tip() == Height{1});
    const auto tampered = store->content(content.hash);
    REQUIRE_FALSE(tampered.ok());
    CHECK(tampered.error().code == ErrorCode::malformed);
}

TEST_CASE("a bundle is the same whoever makes it, and names everything it needs") {
    Block block;
    block.header.height = Height{5};
    Chunk chunk;
    chunk.transactions = {Bytes(40, 7)};
    const auto encoded = encode(chunk);
    block.certificates.push_back({reference_of(chunk), {}});
    ExecutedBlock executed;
    executed.transactions.push_back({Bytes(3 * piece_bytes_max / 2, 1), {}});
    const auto made = make_bundle(block, {encoded}, executed, {}, std::nullopt);
    CHECK(made.hash == make_bundle(block, {encoded}, executed, {}, std::nullopt).hash);
    std::map<Hash256, Bytes> by_hash;
    for (const auto& content : made.contents) {
        CHECK(sha256(content.data) == content.hash);
        CHECK(content.data.size() <= piece_bytes_max);
        by_hash[content.hash] = content.data;
    }
    const auto bundle = decode<Bundle>(by_hash.at(made.hash));
    REQUIRE(bundle);
    CHECK(by_hash.contains(Hash256::from(bundle->chunks.at(0))));
    CHECK(decode<Block>(by_hash.at(bundle->block.at(0)))->header == block.header);
    REQUIRE(bundle->executed.size() == 2);
    auto joined = by_hash.at(bundle->executed[0]);
    append(joined, by_hash.at(bundle->executed[1]));
    CHECK(*decode<ExecutedBlock>(joined) == executed);
    block.header.timestamp = TimeMs{1};
    CHECK(made.hash != make_bundle(block, {encoded}, executed, {}, std::nullopt).hash);
}

TEST_CASE("blocks are kept in order without gaps, with a snapshot at every interval") {
    Core core{{NodeIndex{4}, 4, DurationMs{100}, 2}};
    Outbox out;
    core.on_executed(Height{1}, out);
    REQUIRE(out.size() == 1);
    CHECK_FALSE(std::get<Keep>(out[0]).with_snapshot);
    core.on_kept(Height{1}, {}, TimeMs{0}, out);
    CHECK(std::get<SendReceipt>(out[1]).height == Height{1});
    out.clear();
    core.on_executed(Height{1}, out);
    CHECK(out.empty());
    core.on_executed(Height{4}, out);
    REQUIRE(out.size() == 2);
    CHECK(std::get<CatchUp>(out[0]).first == Height{2});
    CHECK(std::get<CatchUp>(out[0]).last == Height{3});
    CHECK(std::get<Keep>(out[1]).with_snapshot);
}

TEST_CASE("a receipt is repeated until a block carries it, also after a restart") {
    Core core{{NodeIndex{4}, 4, DurationMs{100}, 2}};
    Hash256 bundle;
    bundle[0] = 3;
    core.restore(Height{9}, {{Height{7}, bundle}, {Height{8}, bundle}, {Height{9}, bundle}});
    const auto repeated = [&](std::uint64_t now) {
        Outbox out;
        core.on_timer(TimeMs{now}, out);
        std::vector<std::uint64_t> heights;
        for (const auto& effect : out) heights.push_back(std::get<SendReceipt>(effect).height.value);
        return heights;
    };
    CHECK(repeated(1000) == std::vector<std::uint64_t>{7, 8});
    CHECK(repeated(1050) == std::vector<std::uint64_t>{9});
    Outbox out;
    core.on_receipts({{Height{7}, bundle, NodeIndex{5}, {}}, {Height{8}, bundle, NodeIndex{4}, {}}}, out);
    REQUIRE(out.size() == 1);
    CHECK(std::get<MarkIncluded>(out[0]).heights == std::vector{Height{8}});
    CHECK(repeated(2000) == std::vector<std::uint64_t>{7, 9});
}

TEST_CASE("receipts are forgotten when no block may carry them any more") {
    Core core{{NodeIndex{4}, 4, DurationMs{100}, 1000}};
    Outbox out;
    for (std::uint64_t height = 1; height <= receipt_window_blocks + 10; ++height)
        core.on_kept(Height{height}, {}, TimeMs{0}, out);
    CHECK(core.waiting() == receipt_window_blocks + 1);
}
