// The compilers' shell: stubs, the arena, entering and leaving compiled code, and faults turned to traps. By itself it
// is the baseline tier.
#pragma once

#include <memory>
#include <mutex>

#include "jit/baseline/code_arena.hpp"
#include "jit/baseline/emitter.hpp"
#include "vm/engine/store.hpp"

namespace troupe::jit {

class NativeCompiler : public vm::Compiler {
public:
    explicit NativeCompiler(std::size_t arena_bytes);
    ~NativeCompiler() override;
    NativeCompiler(const NativeCompiler&) = delete;
    NativeCompiler& operator=(const NativeCompiler&) = delete;

    [[nodiscard]] bool ready() const;
    [[nodiscard]] vm::CompiledFunction compile(const vm::FunctionSource& source) override;
    void release(const vm::CompiledFunction& made) noexcept override;
    [[nodiscard]] vm::Trap call(vm::Machine& machine, vm::FunctionObject& function, vm::Slot* frame) override;
    [[nodiscard]] const void* lazy_stub() const noexcept override { return stubs_.lazy; }
    [[nodiscard]] const void* any_stub() const noexcept override { return stubs_.any; }

protected:
    [[nodiscard]] const Stubs& stubs() const noexcept { return stubs_; }
    /// The address to execute it at; null if there is no room or nothing to add.
    [[nodiscard]] const std::uint8_t* add_code(std::span<const std::uint8_t> bytes);

private:
    struct Registration;
    CodeArena arena_;
    Stubs stubs_;
    std::unique_ptr<Registration> registration_;
    std::mutex mutex_;
};

}  // namespace troupe::jit
