// The executor as other roles see it.
#pragma once

#include "actors/execution/outcome.hpp"
#include "runtime/actor/messages.hpp"

namespace troupe {
using CommittedBlockPtr = std::shared_ptr<const CommittedBlock>;
}  // namespace troupe

namespace troupe::executor {

/// Hears of every executed block, in order of height.
using OutcomeListener = caf::typed_actor<caf::reacts_to<ExecutionOutcomePtr>>;

/// A chunk has been stored.
struct StoredChunk {
    ChunkId id;
};

/// Fetches chunks that a committed block needs.
struct NeededChunks {
    std::vector<ChunkCertificate> certificates;
};
using ChunkFetcher = caf::typed_actor<caf::reacts_to<NeededChunks>>;

/// Who hears of outcomes, and who fetches; sent once before the first block.
struct Connections {
    std::vector<OutcomeListener> listeners;
    ChunkFetcher fetcher;
};

using Actor = caf::typed_actor<
    // In order of height, from the one after the executed tip; repetitions are ignored.
    caf::reacts_to<CommittedBlockPtr>, caf::reacts_to<StoredChunk>, caf::reacts_to<Connections>,
    caf::reacts_to<stop_atom>>;

}  // namespace troupe::executor

CAF_BEGIN_TYPE_ID_BLOCK(troupe_executor, troupe::type_ids::executor)
CAF_ADD_TYPE_ID(troupe_executor, (troupe::ExecutionOutcomePtr))
CAF_ADD_TYPE_ID(troupe_executor, (troupe::CommittedBlockPtr))
CAF_ADD_TYPE_ID(troupe_executor, (troupe::executor::StoredChunk))
CAF_ADD_TYPE_ID(troupe_executor, (troupe::executor::NeededChunks))
CAF_ADD_TYPE_ID(troupe_executor, (troupe::executor::Connections))
CAF_END_TYPE_ID_BLOCK(troupe_executor)

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::ExecutionOutcomePtr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::CommittedBlockPtr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::executor::StoredChunk)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::executor::NeededChunks)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::executor::Connections)
