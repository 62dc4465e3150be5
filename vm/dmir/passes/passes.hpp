// The single passes, in the order in which optimize() runs them. Each takes and leaves a function that verify()
// accepts.
#pragma once

#include "vm/dmir/passes/optimize.hpp"

namespace troupe::dmir {

/// Folds constants, applies algebraic identities, cheaper operations for the same result, facts about bits that are
/// zero, and branches whose condition is known; one sweep, definitions before uses.
void simplify(Function& function, const OptimizeOptions& options = {});

/// Replaces block parameters that get the same value over every edge, and forgets blocks that nothing reaches, blocks
/// that only lead on, and borders between blocks that always follow each other, where no charge is in the way.
void simplify_control_flow(Function& function);

/// Global value numbering: an operation that a dominating one has done already, loads and global reads included as
/// long as nothing between may have written what they read, gives that one's value.
void number_values(Function& function, const OptimizeOptions& options = {});

/// Moves operations that can't trap and don't change in a loop before it.
void hoist_invariants(Function& function, const OptimizeOptions& options = {});

/// Puts small functions that call nothing in the place of calls to them. A call's trap by the stack limit stays: see
/// stack.check.
void inline_calls(Function& function, const OptimizeOptions& options);

}  // namespace troupe::dmir
