// The chunk builder's actor: decodes submissions, keeps the core's timer, broadcasts what it asks for.
#pragma once

#include <filesystem>

#include <caf/actor_system.hpp>

#include "actors/chunk_builder/core.hpp"
#include "actors/chunk_builder/interface.hpp"
#include "actors/vm_pool/transaction_cache.hpp"

namespace troupe::chunk_builder {

struct ActorOptions {
    Config config;
    std::filesystem::path directory;
    std::shared_ptr<const SignatureScheme> scheme;
    std::shared_ptr<const Signer> signer;
    std::shared_ptr<Network> network;
    std::shared_ptr<const PayerReader> payers;
    std::shared_ptr<vm_pool::TransactionCache> transactions;
    /// Has observed all blocks up to the executed tip.
    ActivityTracker tracker;
    TimeMs executed_timestamp;
};

[[nodiscard]] Result<Actor> spawn(caf::actor_system& system, ActorOptions options);

}  // namespace troupe::chunk_builder
