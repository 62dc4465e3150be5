// Executing a block again, away from the executor: the same code, the transactions recovered here, the state given.
#pragma once

#include <functional>
#include <memory>

#include "actors/execution/block_execution.hpp"

namespace troupe {

struct ReplayInput {
    const ChainParameters& parameters;
    std::size_t validators = 0;
    /// The proposer's beneficiary.
    Address coinbase;
    /// The block's commit votes play no part: only its hash is used of them.
    const Block& block;
    /// Contents of the block's certificates, in their order.
    const std::vector<std::shared_ptr<const Chunk>>& chunks;
    std::function<bool(const TransactionHash&)> native_executed;
    std::function<Hash256(std::uint64_t height)> block_hash;
};

/// `tracker` has observed every block before this one and observes it. As execute_block: result.state_root is the
/// caller's to compute.
[[nodiscard]] BlockOutput replay_block(const ReplayInput& input, ActivityTracker& tracker, StateReader& state,
                                       evm::AnalysisCache& codes);

}  // namespace troupe
