// Which stores have to look whether the chunks that they reach are paid for: see
// vm::MachineLimits::fuel_per_dirty_chunk.
#pragma once

#include <vector>

#include "jit/opt/machine.hpp"

namespace troupe::jit::opt {

/// Of each of the function's instructions; none for those that are no stores. A store has no test where earlier ones,
/// which are executed on every way to it, are known to have reached all its chunks: a chunk stays dirty until the call
/// from outside ends.
[[nodiscard]] std::vector<ChunkTest> find_chunk_tests(const dmir::Function& function);

}  // namespace troupe::jit::opt
