// The consensus actor: runs the core, keeps blocks and signing records on disk, catches up from peers.
#pragma once

#include <filesystem>

#include <caf/actor_system.hpp>

#include "actors/consensus/assembly.hpp"
#include "actors/consensus/core.hpp"
#include "actors/consensus/interface.hpp"
#include "runtime/ledger/partition.hpp"

namespace troupe::consensus {

struct ActorOptions {
    std::shared_ptr<const Genesis> genesis;
    /// Nothing: follows.
    std::optional<ValidatorIndex> self;
    NodeIndex node;
    std::filesystem::path directory;
    std::shared_ptr<const SignatureScheme> scheme;
    std::shared_ptr<const Signer> signer;
    std::shared_ptr<Network> network;
    executor::Actor executor;
    /// What the executor has executed at the start: it is sent the blocks after it.
    Height executed;
    std::vector<ExecutionResult> recent_results;
};

/// Committed blocks live in `directory`/blocks.db; other roles read it.
[[nodiscard]] inline std::filesystem::path blocks_path(const std::filesystem::path& directory) {
    return directory / "blocks.db";
}

[[nodiscard]] Result<Actor> spawn(caf::actor_system& system, ActorOptions options);

/// Observes the stored blocks that decide about current epochs, up to `executed`; for trackers after a restart.
[[nodiscard]] Result<ActivityTracker> restore_tracker(const Genesis& genesis, const std::filesystem::path& directory,
                                                      Height executed);

}  // namespace troupe::consensus
