// The batch validator as other roles see it.
#pragma once

#include "runtime/actor/role_status.hpp"

namespace troupe::batch_validator {

/// Takes the frames arbiter_notice, manifests and content_reply.
using Actor = ServiceActor;

}  // namespace troupe::batch_validator
