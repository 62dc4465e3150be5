// The optimizing tier's middle: dMIR to dMIR passes that keep results, traps, memory, globals, fuel and steps exactly.
#pragma once

#include <cstdint>
#include <functional>

#include "vm/dmir/function.hpp"

namespace troupe::dmir {

/// What the passes may know of the module around a function.
struct OptimizeOptions {
    /// The memory is never smaller, so that loads below can't trap.
    std::uint64_t memory_bytes_min = 0;
    /// Globals below this index are imported: two indexes may be one global.
    std::uint32_t imported_globals = 0;
    /// The dMIR of function `index` as it was lowered, for inlining; null where it must stay a call. Empty: nothing is
    /// inlined. It stays valid as long as the options.
    std::function<const Function*(std::uint32_t index)> callee;
};

/// Bounds beyond which a function is left as it is: every pass's time is linear in them, or nearly.
struct OptimizeLimits {
    std::uint32_t blocks = 20'000;
    std::uint32_t edges = 200'000;
    std::uint32_t instructions = 400'000;
    std::uint32_t values = 1'000'000;
};

/// False if the function is beyond the limits, and unchanged. Block 0's parameters stay the function's, blocks stay in
/// dMIR's order. Constants stand where they were first made: an engine makes them again where it needs them.
bool optimize(Function& function, const OptimizeOptions& options = {}, const OptimizeLimits& limits = {});

}  // namespace troupe::dmir
