// The gateway's actor: what happens in the node reaches the backend through it, in order; its timer drives submission.
#pragma once

#include <caf/actor_system.hpp>

#include "actors/gateway/backend.hpp"
#include "actors/gateway/interface.hpp"

namespace troupe::gateway {

[[nodiscard]] Actor spawn(caf::actor_system& system, std::shared_ptr<Backend> backend);

}  // namespace troupe::gateway
