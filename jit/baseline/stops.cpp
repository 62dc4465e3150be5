#include "jit/baseline/stops.hpp"

#include <algorithm>

#include "jit/baseline/native_compiler.hpp"

namespace troupe::jit {
namespace {

using vm::Frame;
using vm::Instance;
using vm::Slot;

[[nodiscard]] NativeCompiler& compiler_of(const Instance& instance) {
    const auto& owner = *static_cast<const vm::ModuleInstance*>(instance.owner);
    return static_cast<NativeCompiler&>(*owner.module->compiler());
}

/// Fills the machine's frames from the innermost call's: `slots` are its callee's, which takes `stack_units`. Every
/// compiled function keeps one word between its frames' return addresses.
void take_frames(Instance& instance, const std::uint64_t* stack, Slot* slots, std::uint32_t stack_units) {
    auto& compiler = compiler_of(instance);
    std::vector<Frame> frames;
    for (; stack[1] != compiler.entered_address(); stack += 2) {
        const auto place = compiler.stop_place(stack[1]);
        const auto* call = &place.code->instructions[place.at];
        slots -= place.code->slots.size();
        frames.push_back(
            {call + vm::places_after(*call), place.code->instructions.data(), slots, &instance, stack_units, call->a});
        stack_units = place.code->stack_units;
    }
    frames.push_back({nullptr, nullptr, slots, nullptr, 0, vm::no_slot});
    std::ranges::reverse(frames);
    auto& machine = *instance.machine;
    machine.frame_count = frames.size();
    machine.frames = std::move(frames);
}

}  // namespace

vm::Trap stop_at_block(Instance& instance, Slot* frame, const std::uint64_t* stack) {
    const auto place = compiler_of(instance).stop_place(stack[0]);
    take_frames(instance, stack + 1, frame, place.code->stack_units);
    const auto* start = place.code->instructions.data();
    instance.machine->paused = {start + place.at, start, frame, &instance, 0};
    return taken_over;
}

vm::Trap stop_at_call(vm::FunctionObject& function, Instance& caller, Slot* frame, const std::uint64_t* stack) {
    auto& machine = *caller.machine;
    if (function.code == nullptr)
        if (const auto trap = machine.prepare(machine, function); trap != vm::Trap::none) return trap;
    const auto& code = *function.code;
    machine.stack_units_left -= code.stack_units;
    if (machine.stack_units_left < 0) return vm::Trap::call_stack_exhausted;
    take_frames(caller, stack, frame, code.stack_units);
    const auto* start = code.instructions.data();
    machine.paused = {start, start, frame, function.instance, 0};
    return taken_over;
}

}  // namespace troupe::jit
