// A module's functions as the optimizing tier compiles them.
#pragma once

#include "vm/dmir/passes/optimize.hpp"
#include "vm/wasm/module.hpp"

namespace troupe::wasm {

/// What the module tells dMIR's passes; nothing is inlined with these.
[[nodiscard]] dmir::OptimizeOptions optimize_options(const Module& module);

/// lower() and then dmir::optimize(), with calls to small functions of the module inlined. A function beyond the
/// passes' limits comes as it was lowered.
[[nodiscard]] Result<dmir::Function> lower_optimized(const Module& module, std::uint32_t index,
                                                     const Limits& limits = {});

}  // namespace troupe::wasm
