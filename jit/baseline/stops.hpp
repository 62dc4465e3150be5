// Leaving compiled code between two blocks, so that the interpreter can go on: the frames of all calls in progress, as
// the native stack and the return addresses on it tell, become the machine's frames.
#pragma once

#include <cstdint>
#include <vector>

#include "jit/baseline/emitter.hpp"
#include "vm/interp/runtime.hpp"

namespace troupe::jit {

/// Compiled code and where it can be while another function runs, or stop.
struct StopFunction {
    const vm::Code* code = nullptr;
    std::uint64_t begin = 0;
    std::vector<StopSite> sites;
};
/// Instruction `at` of `code`: the call in progress, or the head of the block that comes next.
struct StopPlace {
    const vm::Code* code = nullptr;
    std::uint32_t at = 0;
};

/// Not a trap: compiled code was left with the machine paused.
inline constexpr auto taken_over = static_cast<vm::Trap>(0xFF);

/// At a block's head: `stack` begins with the return address into the innermost function, whose slots are `frame`.
[[nodiscard]] vm::Trap stop_at_block(vm::Instance& instance, vm::Slot* frame, const std::uint64_t* stack);
/// Before `function`, which has no code that stops, begins in `frame`: the second word of `stack` is the return address
/// into its caller.
[[nodiscard]] vm::Trap stop_at_call(vm::FunctionObject& function, vm::Instance& caller, vm::Slot* frame,
                                    const std::uint64_t* stack);

}  // namespace troupe::jit
