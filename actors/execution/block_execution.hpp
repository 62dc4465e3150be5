// Executing a block: its chunks in order, their transactions in order, filtered by rules that depend on nothing but the
// chain (Vryx: filtering, C-19 to C-21). The same inputs give the same outputs on every node.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "actors/execution/outcome.hpp"
#include "actors/execution/parallel.hpp"
#include "actors/execution/speculation.hpp"
#include "runtime/ledger/partition.hpp"
#include "runtime/ledger/transaction.hpp"
#include "vm/evm/analysis.hpp"
#include "vm/state/state_diff.hpp"
#include "vm/state/state_view.hpp"

namespace troupe {

struct BlockInput {
    const ChainParameters& parameters;
    std::size_t validators = 0;
    /// The proposer's beneficiary.
    Address coinbase;
    /// Has observed every block before this one, and this one.
    const ActivityTracker& tracker;
    const CommittedBlock& block;
    /// Contents of the block's certificates, in their order.
    const std::vector<std::shared_ptr<const Chunk>>& chunks;
    /// Decodes and recovers, usually from a cache. Called by the thread that executes the block.
    std::function<Result<RecoveredTransactionPtr>(ByteView raw)> recover;
    /// Whether a native transaction executed in an earlier block. Thread-safe if the block executes in parallel.
    std::function<bool(const TransactionHash&)> native_executed;
    /// Hash of an earlier block (BLOCKHASH); zero if unknown.
    std::function<Hash256(std::uint64_t height)> block_hash;
    /// Null: in order.
    Parallelism* parallelism = nullptr;
    /// Null: all transactions execute here.
    Speculator* speculator = nullptr;
};

struct BlockOutput {
    /// Everything but result.state_root, which the trie computes from the diff.
    ExecutedBlock executed;
    std::vector<FilteredTransaction> filtered;
    StateDiff diff;
    /// Native transactions that executed, with their expiry: remembered until then against replay.
    std::vector<std::pair<TransactionHash, TimeMs>> natives;
};

[[nodiscard]] BlockOutput execute_block(const BlockInput& input, StateReader& state, evm::AnalysisCache& code_cache);

/// Accounts of the genesis as the first state diff, the bond registry included.
[[nodiscard]] StateDiff genesis_state(const Genesis& genesis);

}  // namespace troupe
