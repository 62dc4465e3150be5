// The arbiter as other roles see it: signed commands in, notices out, both as frames.
#pragma once

#include "actors/arbiter/messages.hpp"
#include "runtime/actor/role_status.hpp"

namespace troupe::arbiter {

/// Takes the frame arbiter_command.
using Actor = ServiceActor;

}  // namespace troupe::arbiter
