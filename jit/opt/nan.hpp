// Which float values may be a NaN of other bits than the canonical ones. Arithmetic gives such NaNs; only what looks at
// bits (stores, calls, returns, reinterpretation, signs) needs the canonical ones, so that chains of arithmetic go
// without checks.
#pragma once

#include <vector>

#include "vm/dmir/function.hpp"

namespace troupe::jit::opt {

/// For each value: true if a NaN in it stands for the canonical NaN, whatever its bits.
[[nodiscard]] std::vector<bool> find_loose_nans(const dmir::Function& function);

}  // namespace troupe::jit::opt
