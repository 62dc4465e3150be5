// A module's functions as the optimizing tier compiles them.
#pragma once

#include "vm/dmir/passes/optimize.hpp"
#include "vm/wasm/module.hpp"

namespace troupe::wasm {

/// What the module tells dMIR's passes; nothing is inlined with these.
[[nodiscard]] dmir::OptimizeOptions optimize_options(const Module& module);

/// dmir::optimize() of function `index`, or of what was made from it, with calls to small functions of the module
/// inlined. A function beyond the passes' limits stays as it is.
void optimize(const Module& module, std::uint32_t index, dmir::Function& function, const Limits& limits = {});

/// lower() and then optimize().
[[nodiscard]] Result<dmir::Function> lower_optimized(const Module& module, std::uint32_t index,
                                                     const Limits& limits = {});

}  // namespace troupe::wasm
