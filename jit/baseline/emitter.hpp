// Machine code for one function, and the stubs that all share.
//
// Registers: rbp the frame, rbx the memory's base, r13 the fuel left, r14 the steps, r15 the instance; rax, rdx, xmm0
// to xmm2 scratch; all others are homes of slots. A call keeps none of the homes: what is alive goes to the frame. A
// function is entered with rax its FunctionObject and rbp its frame, and returns its only result, or garbage, in rax.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "vm/interp/runtime.hpp"

namespace troupe::jit {

struct StubOffsets {
    std::size_t enter = 0;
    std::size_t lazy = 0;
    std::size_t any = 0;
    std::size_t trap_exit = 0;
};
struct Stubs {
    /// uint32_t trap(FunctionObject*, Slot* frame, Instance*, Machine*, uint8_t* stack or null).
    const void* enter = nullptr;
    /// Prepares rax's function and goes on in what was made.
    const void* lazy = nullptr;
    /// Calls rax's function wherever it runs.
    const void* any = nullptr;
    /// Leaves compiled code with the trap in eax.
    const void* trap_exit = nullptr;
};

[[nodiscard]] std::vector<std::uint8_t> emit_stubs(StubOffsets& offsets);

/// Counts a function's calls and its loops' rounds down; once it is negative, the next call asks `on_hot`.
struct HotCounter {
    std::int32_t left = 0;
};
/// What to run instead of the function, its frame as it is; null to go on.
using OnHot = const void* (*)(HotCounter* counter, vm::FunctionObject* function);

/// Position-independent. Empty if the function is left to the interpreter. The counter, if there is one, outlives the
/// code.
[[nodiscard]] std::vector<std::uint8_t> emit_function(const vm::Code& code, std::uint32_t imported, const Stubs& stubs,
                                                      HotCounter* counter = nullptr, OnHot on_hot = nullptr);

/// Scalar operations without inline code.
[[nodiscard]] vm::Trap run_rare(const vm::Instruction& instruction, vm::Slot* frame);

}  // namespace troupe::jit
