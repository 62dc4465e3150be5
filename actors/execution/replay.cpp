#include "actors/execution/replay.hpp"

namespace troupe {

BlockOutput replay_block(const ReplayInput& input, ActivityTracker& tracker, StateReader& state,
                         evm::AnalysisCache& codes) {
    tracker.observe(input.block);
    CommittedBlock committed;
    committed.block = input.block;
    committed.commit.height = input.block.header.height;
    committed.commit.block = hash_of(input.block.header);
    const BlockInput execution{
        input.parameters,
        input.validators,
        input.coinbase,
        tracker,
        committed,
        input.chunks,
        [](ByteView raw) { return recover_transaction(raw); },
        input.native_executed,
        input.block_hash,
    };
    return execute_block(execution, state, codes);
}

}  // namespace troupe
