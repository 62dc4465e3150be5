// The baseline tier: machine code for x86-64 in one pass over a function's register form. The slots used most, loops
// weighted, live in registers throughout the function; all others, and those too across calls, in the frame, where the
// interpreter has them.
#pragma once

#include <memory>

#include "vm/engine/store.hpp"

namespace troupe::jit {

/// Whether the code can stop before any block and leave the call to the interpreter (vm::call_until), which costs it a
/// comparison at each block's head.
enum class Stops : bool { no, yes };

/// Null where the processor lacks what the code uses (x86-64 with BMI2, LZCNT and SSE4.1), or the system forbids
/// executable memory: then the interpreter runs everything. `arena_bytes` bounds all code made; beyond it functions are
/// left to the interpreter. Without a warmth each function is compiled at its first call; with one, it can't stop.
[[nodiscard]] std::shared_ptr<vm::Compiler> make_baseline_compiler(std::size_t arena_bytes = 64U << 20U,
                                                                   Stops stops = Stops::no,
                                                                   std::optional<vm::Warmth> warmth = std::nullopt);

}  // namespace troupe::jit
