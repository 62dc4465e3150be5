#include "persistence/pool_store.hpp"

#include <doctest/doctest.h>

#include "tests/unit/persistence/sample_blocks.hpp"
#include "tests/unit/persistence/temporary_folder.hpp"

namespace {

using namespace troupe;

PooledTransaction pooled(std::uint64_t number) {
    return {sample::id<TransactionHash>(number), Bytes(number + 1, 7), TimeMs{1000 - number}};
}

std::vector<PooledTransaction> contents(PoolStore& store) {
    std::vector<PooledTransaction> out;
    CHECK(store
              .for_each([&](PooledTransaction&& transaction) {
                  out.push_back(std::move(transaction));
                  return true;
              })
              .ok());
    return out;
}

}  // namespace

TEST_CASE("the pool comes back in order of arrival after reopening") {
    const TemporaryFolder folder;
    {
        auto store = PoolStore::open(folder.file("pool.db")).value();
        CHECK(store.put({pooled(5), pooled(2), pooled(9)}).ok());
        CHECK(store.remove({pooled(9).hash, pooled(100).hash}).ok());
        CHECK(store.put({pooled(1), pooled(5)}).ok());
    }
    auto store = PoolStore::open(folder.file("pool.db")).value();
    CHECK(contents(store) == std::vector{pooled(5), pooled(2), pooled(1)});
    CHECK(store.size().value() == 3);
    CHECK(store.put({pooled(9)}).ok());
    CHECK(contents(store).back() == pooled(9));
}

TEST_CASE("a pool that is too large for the disk says so and keeps what it had") {
    const TemporaryFolder folder;
    DatabaseOptions options;
    options.file_bytes_max = 50 * options.page_bytes;
    auto store = PoolStore::open(folder.file("pool.db"), options).value();
    CHECK(store.put({pooled(1)}).ok());
    std::vector<PooledTransaction> many;
    for (std::uint64_t i = 2; i < 1000; ++i) many.push_back(pooled(i));
    const auto status = store.put(many);
    REQUIRE_FALSE(status.ok());
    CHECK(status.error().code == ErrorCode::too_large);
    CHECK(contents(store) == std::vector{pooled(1)});
    CHECK(store.put({pooled(2)}).ok());
}
