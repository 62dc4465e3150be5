// The metadata node's actor: feeds the core with blocks that validators push, keeps manifests and evidence on disk,
// answers requests for manifests, signs checkpoints for the arbiter.
#pragma once

#include <filesystem>

#include <caf/actor_system.hpp>

#include "actors/metadata_node/core.hpp"
#include "actors/metadata_node/interface.hpp"

namespace troupe::metadata_node {

struct ActorOptions {
    std::shared_ptr<const Genesis> genesis;
    NodeIndex self;
    std::filesystem::path directory;
    std::shared_ptr<const SignatureScheme> scheme;
    std::shared_ptr<const Ed25519KeyPair> identity;
    std::shared_ptr<Network> network;
};

/// Manifests live in `directory`/manifests.db. An error if they are another genesis' or damaged.
[[nodiscard]] Result<Actor> spawn(caf::actor_system& system, ActorOptions options);

}  // namespace troupe::metadata_node
