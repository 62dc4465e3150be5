// Where a function is charged. Front ends charge each block for what it does; this moves charges to where fewer are
// needed, with the same sum along every way through the function. It is part of what the function means, so that it
// runs once, before any engine sees the function.
#pragma once

#include "vm/dmir/function.hpp"

namespace troupe::dmir {

/// A function without calls and with little in it: worth inlining, and not worth a check at its entry.
[[nodiscard]] bool is_small_leaf(const Function& function);

/// Marks the blocks where fuel is checked: heads of loops, and entries but of small leaves. What is done between two
/// checks is in proportion to a function's size.
void place_checks(Function& function);

/// A block takes over what all of the blocks that only it leads to charge, and the charge of the block where all ways
/// from it meet again. Also over calls, as a block itself pays for what comes after its calls; never into or out of a
/// loop's round.
void place_charges(Function& function);

}  // namespace troupe::dmir
