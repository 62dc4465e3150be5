#include "actors/execution/parallel.hpp"

#include <chrono>
#include <random>
#include <thread>

#include "bench.hpp"
#include "runtime/base/codec.hpp"

using namespace troupe;
using namespace std::chrono_literals;

namespace {

/// Threads of its own for every block.
class Helpers {
public:
    explicit Helpers(std::size_t threads)
        : parallelism(
              threads, [this](auto work) { threads_.emplace_back(std::move(work)); }, Parallelism::Choice::always) {}

private:
    std::vector<std::jthread> threads_;

public:
    Parallelism parallelism;
};

[[nodiscard]] Bytes call(std::size_t from, std::uint64_t nonce, std::uint8_t to, Bytes data) {
    return Chain::transfer(from, nonce, uint256{1}, [&](Transaction& tx) {
        tx.to = Chain::address(to);
        tx.data = std::move(data);
    });
}

/// Transfers, calls, native transactions with bonds that run out, repetitions and faults, in the chunks of their
/// builders.
[[nodiscard]] std::vector<Chunk> random_chunks(Chain& chain, std::uint64_t seed, std::array<std::uint64_t, 4>& nonces) {
    std::mt19937_64 random{seed};
    std::vector<Chunk> chunks;
    for (std::size_t payer = 0; payer < 4; ++payer) {
        std::vector<Bytes> transactions;
        for (auto count = 4 + random() % 12; count > 0; --count) {
            auto& nonce = nonces[payer];
            switch (random() % 9) {
                case 0:
                case 1: transactions.push_back(Chain::transfer(payer, nonce++, uint256{random() % 1000})); break;
                case 2: transactions.push_back(call(payer, nonce++, 0xee, Bytes(random() % 40, 7))); break;
                case 3: transactions.push_back(call(payer, nonce++, 0xdd, {})); break;
                case 4: transactions.push_back(chain.bond(payer, ether / uint256{50}, random() % 9)); break;
                case 5:
                case 6:
                    transactions.push_back(chain.native(random() % 4, payer, [&](Transaction& tx) {
                        tx.expiry = tx.expiry + DurationMs{random() % 20};
                        if (random() % 3 == 0) tx.value = ether * uint256{20};
                    }));
                    break;
                case 7: transactions.push_back(Chain::transfer(payer, nonce + random() % 3)); break;
                default:
                    transactions.push_back(random() % 2 == 0 || transactions.empty() ? Bytes{1, 2} : transactions[0]);
            }
        }
        chunks.push_back(chain.chunk(payer, std::move(transactions)));
    }
    return chunks;
}

}  // namespace

TEST_CASE("blocks of random chunks come to the same in parallel as in order, natives and bonds included") {
    std::uint64_t together = 0;
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
        Chain ordered, parallel;
        Helpers helpers{1 + seed % 4};
        parallel.parallelism = &helpers.parallelism;
        std::array<std::uint64_t, 4> nonces{};
        for (std::uint64_t n = 0; n < 4; ++n) {
            const auto chunks = random_chunks(ordered, seed * 100 + n, nonces);
            const auto expected = ordered.block(chunks, 2 + seed % 3);
            const auto got = parallel.block(chunks, 2 + seed % 3);
            CAPTURE(seed);
            REQUIRE(encode(got.executed) == encode(expected.executed));
            REQUIRE(got.diff == expected.diff);
            REQUIRE(got.natives == expected.natives);
            REQUIRE(got.filtered.size() == expected.filtered.size());
            for (std::size_t i = 0; i < got.filtered.size(); ++i) {
                CHECK(got.filtered[i].hash == expected.filtered[i].hash);
                CHECK(got.filtered[i].reason == expected.filtered[i].reason);
            }
            // What the senders really came to.
            for (std::size_t i = 0; i < 4; ++i) nonces[i] = ordered.state.accounts[Chain::key(i).address()].nonce;
        }
        together += helpers.parallelism.counters().transactions;
    }
    CHECK(together > 200);
}

TEST_CASE("parallel execution is chosen by what blocks have cost, and the other way is tried again") {
    const auto start = [](const auto&) {};
    const Parallelism::Transactions independent(100);
    Parallelism alone{1, start};
    alone.note(false, 100, 10ms);
    CHECK_FALSE(alone.is_worth_it(independent));

    Parallelism cheap{2, start};
    CHECK_FALSE(cheap.is_worth_it(independent));
    cheap.note(false, 100, 100us);
    CHECK_FALSE(cheap.is_worth_it(independent));

    Parallelism dear{2, start};
    dear.note(false, 100, 10ms);
    CHECK(dear.is_worth_it(independent));
    CHECK_FALSE(dear.is_worth_it(Parallelism::Transactions(5)));
    Parallelism::Transactions chain(100);
    for (parallel::Index i = 1; i < 100; ++i) chain[i].after = i - 1;
    CHECK_FALSE(dear.is_worth_it(chain));

    dear.note(true, 100, 20ms);
    std::size_t tried = 0;
    for (int i = 0; i < 100; ++i) tried += dear.is_worth_it(independent);
    CHECK(tried >= 2);
    CHECK(tried <= 5);
    for (int i = 0; i < 20; ++i) dear.note(true, 100, 5ms);
    std::size_t used = 0;
    for (int i = 0; i < 100; ++i) used += dear.is_worth_it(independent);
    CHECK(used >= 95);
}
