#include "vm/dmir/passes/optimize.hpp"

#include "vm/dmir/dead_code.hpp"
#include "vm/dmir/passes/passes.hpp"

namespace troupe::dmir {

bool optimize(Function& function, const OptimizeOptions& options, const OptimizeLimits& limits) {
    if (function.blocks.size() > limits.blocks || function.edges.size() > limits.edges ||
        function.instructions.size() > limits.instructions || function.types.size() > limits.values)
        return false;
    if (options.callee) inline_calls(function, options);
    simplify(function, options);
    simplify_control_flow(function);
    number_values(function, options);
    simplify(function, options);
    simplify_control_flow(function);
    remove_dead_code(function);
    number_values(function, options);
    hoist_invariants(function, options);
    remove_dead_code(function);
    return true;
}

}  // namespace troupe::dmir
