// eth_simulateV1 (execution-apis): blocks of calls on top of a height, each seeing what those before it changed.
// Nothing of it is kept. Runs on a pool worker.
#pragma once

#include "actors/gateway/calls.hpp"
#include "runtime/ledger/transaction.hpp"

namespace troupe::gateway {

struct SimulatedBlock {
    BlockOverride block;
    StateOverrides state;
    struct Call {
        CallRequest request;
        bool nonce_named = false;
    };
    std::vector<Call> calls;
};

struct Simulation {
    std::vector<SimulatedBlock> blocks;
    /// Nonces, funds and fees as in a real block; without it nobody pays and any nonce will do.
    bool validates = false;
};

/// geth's limits.
inline constexpr std::size_t simulated_blocks_max = 256;
inline constexpr std::size_t simulated_calls_max = 1000;

struct SimulatedCallResult {
    Transaction transaction;
    evm::ExecutionReceipt receipt;
};
struct SimulatedBlockResult {
    /// Without roots and raw transactions; the hash is made up.
    ExecutedBlock block;
    evm::BlockContext context;
    std::vector<SimulatedCallResult> calls;
};

/// What ends a whole simulation: a block out of order, an invalid transaction, too much gas.
struct SimulationError {
    int code = 0;
    std::string message;
};

struct SimulationResult {
    std::vector<SimulatedBlockResult> blocks;
    std::optional<SimulationError> error;
};

/// Nothing: there is no state of that height. All calls together have call_gas_max.
[[nodiscard]] std::optional<SimulationResult> simulate(const CallRunner& runner, const Simulation& simulation,
                                                       Height height);

}  // namespace troupe::gateway
