// The batch validator's actor: registers at the arbiter, fetches, replays, answers.
#pragma once

#include "actors/batch_validator/core.hpp"
#include "actors/batch_validator/interface.hpp"
#include "runtime/actor/service.hpp"

namespace troupe::batch_validator {

/// Keeps nothing on disk: after a restart the arbiter gives its open assignment again.
[[nodiscard]] Result<Actor> spawn(caf::actor_system& system, ServiceOptions options);

}  // namespace troupe::batch_validator
