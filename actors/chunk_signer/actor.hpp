// The chunk signer's actor: feeds the core with frames, keeps chunks and signing records on disk.
#pragma once

#include <filesystem>

#include <caf/actor_system.hpp>

#include "actors/chunk_signer/core.hpp"
#include "actors/chunk_signer/interface.hpp"
#include "actors/vm_pool/interface.hpp"

namespace troupe::chunk_signer {

struct ActorOptions {
    Config config;
    std::filesystem::path directory;
    std::shared_ptr<const SignatureScheme> scheme;
    /// Null for nodes that do not vote.
    std::shared_ptr<const Signer> signer;
    std::shared_ptr<Network> network;
    executor::Actor executor;
    vm_pool::Actor vm_pool;
    std::shared_ptr<vm_pool::TransactionCache> transactions;
};

/// Chunks live in `directory`/chunks.db; other roles read it.
[[nodiscard]] inline std::filesystem::path chunks_path(const std::filesystem::path& directory) {
    return directory / "chunks.db";
}

/// Creates the databases, so that readers can open them. An error if that fails.
[[nodiscard]] Result<Actor> spawn(caf::actor_system& system, ActorOptions options);

}  // namespace troupe::chunk_signer
