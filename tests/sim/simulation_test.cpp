#include "deploy/sim/simulation.hpp"

#include <doctest/doctest.h>

using namespace troupe;
using namespace troupe::sim;

TEST_CASE("under the troupe rules no seed violates safety, loses a receipt or stalls") {
    for (const std::size_t nodes : {4, 7}) {
        for (std::uint64_t seed = 1; seed <= 100; ++seed) {
            const auto report = run_simulation({.nodes = nodes, .seed = seed, .heights = 40});
            CAPTURE(nodes);
            CAPTURE(seed);
            CHECK(report.violation == "");
            CHECK(report.stall == "");
            CHECK(report.transactions_executed == report.transactions_submitted);
        }
    }
}

TEST_CASE("under dbft2 no seed violates safety, and the known commit lock shows in some") {
    std::size_t stalls = 0;
    for (std::uint64_t seed = 1; seed <= 80; ++seed) {
        const auto report = run_simulation({.seed = seed, .heights = 40, .rules = ConsensusRules::dbft2});
        CAPTURE(seed);
        CHECK(report.violation == "");
        if (!report.stall.empty()) ++stalls;
    }
    CHECK(stalls > 0);
}

TEST_CASE("the same seed gives the same trace, another seed another one") {
    const SimOptions options{.seed = 99, .heights = 30};
    const auto first = run_simulation(options);
    const auto second = run_simulation(options);
    CHECK(first.trace_hash == second.trace_hash);
    CHECK(first.virtual_ms == second.virtual_ms);
    CHECK(run_simulation({.seed = 100, .heights = 30}).trace_hash != first.trace_hash);
}

TEST_CASE("clusters of every small size produce blocks without faults") {
    for (const std::size_t nodes : {1, 2, 3, 4, 5, 7, 10}) {
        const auto report = run_simulation(
            {.nodes = nodes, .heights = 15, .crashes = false, .network_faults = false, .transactions = 12});
        CAPTURE(nodes);
        CHECK(report.ok());
        CHECK(report.view_max == 0);
        CHECK(report.transactions_executed == 12);
    }
}
