// Instruction selection: dMIR to machine IR.
#pragma once

#include <optional>

#include "jit/opt/machine.hpp"

namespace troupe::jit::opt {

/// Nothing if the function uses what this tier does not compile (v128). `charges_chunks`: see vm::FunctionSource.
[[nodiscard]] std::optional<Function> select(const dmir::Function& function, bool charges_chunks = false);

}  // namespace troupe::jit::opt
