// Removes pure instructions and block parameters whose values nothing needs. Charges stay as they are.
#pragma once

#include "vm/dmir/function.hpp"

namespace troupe::dmir {

void remove_dead_code(Function& function);

}  // namespace troupe::dmir
