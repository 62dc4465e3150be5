// Machine code for one function, and the stubs that all share.
//
// Registers: rbp the frame, rbx the memory's base, r13 the fuel left, r14 that and the steps, r15 the instance; rax,
// rdx, xmm0 to xmm2 scratch; all others are homes of slots. A call keeps none of the homes: what is alive goes to the
// frame. A function is entered with rax its FunctionObject and rbp its frame, and returns its only result, or garbage,
// in rax.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "vm/interp/runtime.hpp"

namespace troupe::jit {

struct StubOffsets {
    std::size_t enter = 0;
    std::size_t lazy = 0;
    std::size_t any = 0;
    std::size_t trap_exit = 0;
    std::size_t entered = 0;
    std::size_t stop = 0;
};
struct Stubs {
    /// uint32_t trap(FunctionObject*, Slot* frame, Instance*, Machine*, uint8_t* stack or null, const void* code).
    const void* enter = nullptr;
    /// Prepares rax's function and goes on in what was made.
    const void* lazy = nullptr;
    /// Calls rax's function wherever it runs.
    const void* any = nullptr;
    /// Leaves compiled code with the trap in eax.
    const void* trap_exit = nullptr;
    /// Where the outermost compiled function returns to.
    const void* entered = nullptr;
    /// Called at a block's head, homes in the frame, to leave compiled code with the machine paused there.
    const void* stop = nullptr;
};

[[nodiscard]] std::vector<std::uint8_t> emit_stubs(StubOffsets& offsets);

/// Counts a function's calls and its loops' rounds down; once it is negative, the next call asks `on_hot`, and the next
/// round `on_hot_round`.
struct HotCounter {
    /// Threads share it. Code counts without care: a few more or less are all the same.
    std::atomic<std::int32_t> left{0};
};
/// What to run instead of the function, its frame as it is; null to go on.
using OnHot = const void* (*)(HotCounter* counter, vm::FunctionObject* function);
/// What to run instead of the rest of the call, from the head of the loop's block at `at` on, which is not charged yet:
/// all slots are in the frame, and the call's stack units are given back. Null to go on.
using OnHotRound = const void* (*)(HotCounter* counter, std::uint32_t at, vm::Instance* instance);

/// A return address in a function's code: of the call, or of the stop before the block, that is instruction `at`.
struct StopSite {
    std::uint32_t offset = 0;
    std::uint32_t at = 0;
};
struct EmitOptions {
    /// Functions below this number may be of other instances.
    std::uint32_t imported = 0;
    /// Null, or outlives the code.
    HotCounter* counter = nullptr;
    OnHot on_hot = nullptr;
    OnHotRound on_hot_round = nullptr;
    /// Stops before the block that would bring the machine's steps above its steps_max, or whose check finds its fuel
    /// below zero, if the machine can stop.
    bool stops = false;
    /// Chunks of memory are paid for when they are first written to: see vm::MachineLimits::fuel_per_dirty_chunk.
    bool charges_chunks = false;
    /// The head of a block at which a call that has run elsewhere comes in, its slots in the frame.
    std::optional<std::uint32_t> enter_at;
};
struct EmittedFunction {
    /// Position-independent. Empty if the function is left to the interpreter.
    std::vector<std::uint8_t> bytes;
    /// Of a function that stops, ascending.
    std::vector<StopSite> sites;
    /// Where to come in at EmitOptions::enter_at.
    std::size_t enter_offset = 0;
};
[[nodiscard]] EmittedFunction emit_function(const vm::Code& code, const Stubs& stubs, const EmitOptions& options);

/// Scalar operations without inline code.
[[nodiscard]] vm::Trap run_rare(const vm::Instruction& instruction, vm::Slot* frame);

}  // namespace troupe::jit
