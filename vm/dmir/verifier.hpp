// Checks that a function keeps dMIR's rules: types, dominance, edges, order of blocks.
#pragma once

#include "runtime/base/result.hpp"
#include "vm/dmir/function.hpp"

namespace troupe::dmir {

/// The first rule broken, with block and instruction. Calls' types are taken from the instruction itself.
[[nodiscard]] Status verify(const Function& function);

}  // namespace troupe::dmir
