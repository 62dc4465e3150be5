#include "tests/fuzz/evm_block.hpp"

#include <random>

#include <doctest/doctest.h>

using namespace troupe;

TEST_CASE("random blocks of contract calls come to the same in parallel as in order") {
    parallel::Counters counters;
    std::size_t succeeded = 0, invalid = 0;
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        std::mt19937_64 random{seed};
        Bytes bytes(random() % 1200);
        for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
        fuzzing::EvmBlock block{bytes, 64};
        const auto expected = block.run_in_order();
        for (const auto& one : expected.transactions) {
            succeeded += !one.invalid && one.error.empty();
            invalid += one.invalid.has_value();
        }
        for (const std::size_t threads : {1, 2, 4}) {
            CAPTURE(seed);
            CAPTURE(threads);
            const auto got = block.run_in_parallel(threads, static_cast<parallel::Index>(1 + seed % 4), &counters);
            REQUIRE(got.transactions == expected.transactions);
            REQUIRE(got.diff == expected.diff);
        }
    }
    MESSAGE(counters.transactions << " transactions, " << counters.executions << " executions, " << counters.aborts
                                  << " aborts, " << counters.waits << " waits; in order " << succeeded << " succeeded, "
                                  << invalid << " were not valid");
    CHECK(counters.aborts > 0);
    CHECK(succeeded * 4 > counters.transactions / 3);
}
