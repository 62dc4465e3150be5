// The arbiter's actor: gives accepted commands their place in the log, tells those concerned.
#pragma once

#include "actors/arbiter/core.hpp"
#include "actors/arbiter/interface.hpp"
#include "runtime/actor/service.hpp"

namespace troupe::arbiter {

/// The log lives in arbiter.db of the node's directory. An error if it is another genesis' or does not replay.
[[nodiscard]] Result<Actor> spawn(caf::actor_system& system, ServiceOptions options);

}  // namespace troupe::arbiter
