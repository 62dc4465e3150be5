// The storage node's actor: hears of executed blocks, keeps their bundles and the state's snapshots on disk, signs
// receipts, serves content by hash.
#pragma once

#include <filesystem>

#include <caf/actor_system.hpp>

#include "actors/storage_node/core.hpp"
#include "actors/storage_node/interface.hpp"
#include "runtime/ledger/genesis.hpp"

namespace troupe::storage_node {

struct ActorOptions {
    std::shared_ptr<const Genesis> genesis;
    NodeIndex self;
    /// The node's: its blocks, chunks and executed blocks are read from there too.
    std::filesystem::path directory;
    std::shared_ptr<const Ed25519KeyPair> identity;
    std::shared_ptr<Network> network;
};

/// Content lives in `directory`/content.db. An error if it is another genesis'.
[[nodiscard]] Result<Actor> spawn(caf::actor_system& system, ActorOptions options);

}  // namespace troupe::storage_node
