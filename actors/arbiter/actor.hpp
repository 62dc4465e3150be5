// The arbiter's actor: gives accepted commands their place in the log, tells those concerned.
#pragma once

#include <filesystem>

#include <caf/actor_system.hpp>

#include "actors/arbiter/core.hpp"
#include "actors/arbiter/interface.hpp"

namespace troupe::arbiter {

struct ActorOptions {
    std::shared_ptr<const Genesis> genesis;
    NodeIndex self;
    std::filesystem::path directory;
    std::shared_ptr<const Ed25519KeyPair> identity;
    std::shared_ptr<Network> network;
};

/// The log lives in `directory`/arbiter.db. An error if it is another genesis' or does not replay.
[[nodiscard]] Result<Actor> spawn(caf::actor_system& system, ActorOptions options);

}  // namespace troupe::arbiter
