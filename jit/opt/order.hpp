// The order of blocks in machine code.
#pragma once

#include "vm/dmir/function.hpp"

namespace troupe::jit::opt {

/// Makes each loop's own blocks stand together, so that what only leaves a loop stands behind it, and drops blocks that
/// nothing reaches. Definitions still precede their uses but for back edges.
void order_blocks(dmir::Function& function);

}  // namespace troupe::jit::opt
