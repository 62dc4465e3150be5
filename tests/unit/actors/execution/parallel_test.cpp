#include "actors/execution/parallel.hpp"

#include <chrono>
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
