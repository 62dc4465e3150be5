// The optimizing tier: machine code for x86-64 from dMIR, with the middle passes, instruction selection and registers
// allocated over the whole function. Functions that it does not compile are the baseline tier's.
#pragma once

#include <atomic>
#include <memory>

#include "vm/engine/store.hpp"

namespace troupe::jit {

class CodeCache;

/// Null where the processor lacks what the code uses (the baseline tier's needs and AVX), or the system forbids
/// executable memory. `arena_bytes` bounds all code made. With a cache, code that an earlier run kept there is not made
/// again, and what is made is kept.
[[nodiscard]] std::shared_ptr<vm::Compiler> make_optimizing_compiler(std::size_t arena_bytes = 64U << 20U,
                                                                     std::shared_ptr<CodeCache> cache = nullptr);
struct AdaptiveCounts {
    /// Calls that went on in optimized code between two rounds of a loop.
    std::atomic<std::uint64_t> switched_rounds{0};
};
/// When code is made again.
struct AdaptiveOptions {
    vm::Warmth warmth;
    /// Calls and rounds of loops before a function is optimized, and between looks whether that is done.
    std::int32_t rounds_until_hot = 5'000;
    std::int32_t calls_between_looks = 100;
    std::int32_t rounds_between_looks = 1'000;
    /// On a thread of the compiler's own; else on that of the call that finds it hot.
    bool in_background = true;
    /// Kept up to date if it is not null.
    std::shared_ptr<AdaptiveCounts> counts;
};
/// The interpreter first; baseline code of what is warm, which counts its calls and its loops' rounds; what is hot is
/// compiled again, and called by its next caller. A call that is in one of its loops then gets code for the rest of it,
/// and goes on there between two rounds.
[[nodiscard]] std::shared_ptr<vm::Compiler> make_adaptive_compiler(std::size_t arena_bytes = 64U << 20U,
                                                                   std::shared_ptr<CodeCache> cache = nullptr,
                                                                   const AdaptiveOptions& options = {});

}  // namespace troupe::jit
