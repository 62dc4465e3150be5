// The compilers' shell: stubs, the arena, entering and leaving compiled code, and faults turned to traps. By itself it
// is the baseline tier.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "jit/baseline/code_arena.hpp"
#include "jit/baseline/emitter.hpp"
#include "jit/baseline/stops.hpp"
#include "vm/engine/store.hpp"

namespace troupe::jit {

class NativeCompiler : public vm::Compiler {
public:
    /// The baseline tier's code stops if `stops`: see vm::Compiler.
    explicit NativeCompiler(std::size_t arena_bytes, bool stops = false, std::optional<vm::Warmth> warmth = {});
    ~NativeCompiler() override;
    NativeCompiler(const NativeCompiler&) = delete;
    NativeCompiler& operator=(const NativeCompiler&) = delete;

    [[nodiscard]] bool ready() const;
    [[nodiscard]] vm::CompiledFunction compile(const vm::FunctionSource& source) override;
    void release(const vm::CompiledFunction& made) noexcept override;
    [[nodiscard]] vm::Trap call(vm::Machine& machine, vm::FunctionObject& function, vm::Slot* frame) override;
    [[nodiscard]] vm::Trap call_at(vm::Machine& machine, vm::Instance& instance, const void* at_block,
                                   vm::Slot* frame) override {
        return enter(machine, nullptr, instance, at_block, frame);
    }
    [[nodiscard]] std::optional<vm::Warmth> warmth() const noexcept override { return warmth_; }
    [[nodiscard]] const void* lazy_stub() const noexcept override { return stubs_.lazy; }
    [[nodiscard]] const void* any_stub() const noexcept override { return stubs_.any; }
    [[nodiscard]] bool stops() const noexcept override { return stops_; }
    /// What a return address in code that stops belongs to: it must be one.
    [[nodiscard]] StopPlace stop_place(std::uint64_t return_address);
    [[nodiscard]] std::uint64_t entered_address() const noexcept {
        return reinterpret_cast<std::uint64_t>(stubs_.entered);
    }

protected:
    [[nodiscard]] const Stubs& stubs() const noexcept { return stubs_; }
    /// The address to execute it at; null if there is no room or nothing to add.
    [[nodiscard]] const std::uint8_t* add_code(std::span<const std::uint8_t> bytes);

private:
    struct Registration;
    [[nodiscard]] vm::Trap enter(vm::Machine& machine, vm::FunctionObject* function, vm::Instance& instance,
                                 const void* code, vm::Slot* frame);

    CodeArena arena_;
    Stubs stubs_;
    std::unique_ptr<Registration> registration_;
    bool stops_ = false;
    std::optional<vm::Warmth> warmth_;
    /// By the code's end.
    std::map<std::uint64_t, StopFunction> stop_functions_;
    std::mutex mutex_;
};

}  // namespace troupe::jit
