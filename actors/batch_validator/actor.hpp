// The batch validator's actor: registers at the arbiter, fetches, replays, answers.
#pragma once

#include <caf/actor_system.hpp>

#include "actors/batch_validator/core.hpp"
#include "actors/batch_validator/interface.hpp"

namespace troupe::batch_validator {

struct ActorOptions {
    std::shared_ptr<const Genesis> genesis;
    NodeIndex self;
    std::shared_ptr<const SignatureScheme> scheme;
    std::shared_ptr<const Ed25519KeyPair> identity;
    std::shared_ptr<Network> network;
};

/// Keeps nothing on disk: after a restart the arbiter gives its open assignment again.
[[nodiscard]] Actor spawn(caf::actor_system& system, ActorOptions options);

}  // namespace troupe::batch_validator
