// The optimizing tier: machine code for x86-64 from dMIR, with the middle passes, instruction selection and registers
// allocated over the whole function. Functions that it does not compile are the baseline tier's.
#pragma once

#include <memory>

#include "vm/engine/store.hpp"

namespace troupe::jit {

class CodeCache;

/// Null where the processor lacks what the code uses (the baseline tier's needs and AVX), or the system forbids
/// executable memory. `arena_bytes` bounds all code made. With a cache, code that an earlier run kept there is not made
/// again, and what is made is kept. Code that charges for chunks of memory is the baseline
/// tier's.
[[nodiscard]] std::shared_ptr<vm::Compiler> make_optimizing_compiler(std::size_t arena_bytes = 64U << 20U,
                                                                     std::shared_ptr<CodeCache> cache = nullptr);
/// The interpreter first; baseline code of what is warm, which counts its calls and its loops' rounds; what is hot is
/// compiled again on a thread of its own, and called by its next caller.
[[nodiscard]] std::shared_ptr<vm::Compiler> make_adaptive_compiler(std::size_t arena_bytes = 64U << 20U,
                                                                   std::shared_ptr<CodeCache> cache = nullptr,
                                                                   const vm::Warmth& warmth = {});

}  // namespace troupe::jit
