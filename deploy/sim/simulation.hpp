// A whole cluster in one thread on virtual time: the production cores of consensus, chunk builder, chunk signer,
// executor and the gateway's pool, under faults drawn from a seed. First the faults, then a healed network in which the
// cluster must reach its height: safety and liveness of one run.
#pragma once

#include <string>
#include <vector>

#include "runtime/ledger/genesis.hpp"

namespace troupe::sim {

struct SimOptions {
    std::size_t nodes = 7;
    std::uint64_t seed = 1;
    std::uint64_t heights = 50;
    ConsensusRules rules = ConsensusRules::troupe;
    /// Crashes, isolation, and power loss of at most f nodes, all from one set drawn per seed.
    bool crashes = true;
    /// Loss, duplication and stragglers on all links.
    bool network_faults = true;
    std::size_t transactions = 60;
    bool keep_trace = false;
};

struct SimReport {
    std::uint64_t seed = 0;
    std::uint64_t height = 0;
    std::uint64_t blocks_with_chunks = 0;
    std::uint64_t transactions_executed = 0;
    std::uint64_t transactions_submitted = 0;
    std::uint64_t filtered = 0;
    std::uint64_t crashes = 0;
    std::uint64_t isolations = 0;
    std::uint64_t view_max = 0;
    std::uint64_t messages = 0;
    std::uint64_t virtual_ms = 0;
    /// Two blocks at one height, diverged execution, a broken chain, a lost receipt. Empty: none.
    std::string violation;
    /// Why nothing moves any more; empty: it did.
    std::string stall;
    std::string trace_hash;
    std::vector<std::string> trace;

    [[nodiscard]] bool ok() const { return violation.empty() && stall.empty(); }
};

[[nodiscard]] SimReport run_simulation(const SimOptions& options);

}  // namespace troupe::sim
