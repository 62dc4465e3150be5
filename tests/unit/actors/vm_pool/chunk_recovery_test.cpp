#include "actors/vm_pool/chunk_recovery.hpp"

#include <thread>

#include <doctest/doctest.h>

#include "runtime/ledger/sign.hpp"

namespace {

using namespace troupe;
using namespace troupe::vm_pool;

std::shared_ptr<const Chunk> chunk_of(std::size_t transactions) {
    const auto key = std::move(*Secp256k1SecretKey::from_bytes(Bytes(32, 0x33)));
    auto chunk = std::make_shared<Chunk>();
    for (std::size_t i = 0; i < transactions; ++i) {
        Transaction tx;
        tx.type = TransactionType::dynamic_fee;
        tx.chain_id = 74123;
        tx.nonce = i;
        tx.gas_limit = 21'000;
        tx.to = Address{};
        sign_transaction(tx, key);
        chunk->transactions.push_back(encode_transaction(tx));
    }
    return chunk;
}

std::size_t known(const TransactionCache& cache, const Chunk& chunk) {
    return static_cast<std::size_t>(std::ranges::count_if(
        chunk.transactions, [&](const auto& raw) { return cache.find(transaction_hash(raw)) != nullptr; }));
}

TEST_CASE("finishing recovers what no worker has taken") {
    TransactionCache cache;
    const auto chunk = chunk_of(1100);
    const auto recovery = cache.begin_chunk(ChunkId{}, chunk, {});
    CHECK(recovery->slices() == 3);
    CHECK(recovery->run_slice());
    CHECK(known(cache, *chunk) == 512);
    recovery->finish();
    CHECK(known(cache, *chunk) == 1100);
    CHECK_FALSE(recovery->run_slice());
}

TEST_CASE("an empty chunk is finished at once") {
    TransactionCache cache;
    const auto recovery = cache.begin_chunk(ChunkId{}, chunk_of(0), {});
    CHECK(recovery->slices() == 0);
    recovery->finish();
}

TEST_CASE("finishing waits for slices that other threads have taken") {
    TransactionCache cache;
    const auto chunk = chunk_of(2048);
    const auto recovery = cache.begin_chunk(ChunkId{}, chunk, {});
    std::thread worker{[&] {
        while (recovery->run_slice()) {
        }
    }};
    recovery->finish();
    CHECK(known(cache, *chunk) == 2048);
    worker.join();
}

TEST_CASE("a chunk is begun once, and found until newer ones displace it") {
    TransactionCache cache;
    auto chunk = std::make_shared<Chunk>();
    for (int i = 0; i < 20; ++i) chunk->transactions.emplace_back(1 << 20);
    ChunkId first;
    first.bytes[0] = 1;
    const auto begun = cache.begin_chunk(first, chunk, {});
    CHECK(cache.begin_chunk(first, chunk, {}) == begun);
    CHECK(cache.chunk(first) == begun);
    for (std::uint8_t i = 2; i <= 4; ++i) {
        ChunkId id;
        id.bytes[0] = i;
        static_cast<void>(cache.begin_chunk(id, chunk, {}));
        CHECK(cache.chunk(id) != nullptr);
    }
    CHECK(cache.chunk(first) == nullptr);  // 80 MiB in all, 64 are kept
}

}  // namespace
