// The optimizing tier's shell around its passes: code of whole functions, kept from run to run, and of what is left of
// a call in a loop.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "jit/baseline/native_compiler.hpp"
#include "jit/opt/code_cache.hpp"
#include "jit/opt/emitter.hpp"

namespace troupe::jit {

class OptimizingCompiler : public NativeCompiler {
public:
    OptimizingCompiler(std::size_t arena_bytes, std::shared_ptr<CodeCache> cache,
                       std::optional<vm::Warmth> warmth = std::nullopt)
        : NativeCompiler(arena_bytes, false, warmth),
          cache_(std::move(cache)),
          slow_helper_(add_code(opt::emit_helper(true, stubs()))),
          rare_helper_(add_code(opt::emit_helper(false, stubs()))),
          exhausted_(slow_helper_ == nullptr || rare_helper_ == nullptr) {}

    vm::CompiledFunction compile(const vm::FunctionSource& source) override;
    vm::TypeStubs type_stubs(const wasm::FunctionType& type) override;
    const void* indirect_stub(const wasm::FunctionType& type) override;

protected:
    using Module = std::shared_ptr<const wasm::Module>;

    /// What another run made; nothing if there is none.
    [[nodiscard]] vm::CompiledFunction kept(const Module& module, std::uint32_t index, bool charges_chunks);
    [[nodiscard]] vm::CompiledFunction optimized(const Module& module, std::uint32_t index, bool charges_chunks);
    /// Code for the rest of a call of function `index`: it is entered by `at_block`, from baseline code made with
    /// `passes`, before the loop's head that stands at `at` there. See OnHotRound.
    [[nodiscard]] vm::CompiledFunction optimized_in_loop(const Module& module, std::uint32_t index, vm::Passes passes,
                                                         bool charges_chunks, std::uint32_t at);

private:
    /// Nothing for a function that is left to the baseline tier.
    [[nodiscard]] static opt::Emitted emit(dmir::Function& function, bool charges_chunks,
                                           const opt::Surroundings& around);
    [[nodiscard]] opt::Surroundings surroundings(const wasm::Module& module, std::uint32_t index);
    [[nodiscard]] vm::CompiledFunction add(const opt::Emitted& code, const opt::CallShape& shape);
    /// What all functions of a shape share: their entry for callers by frame, and adapters for calls by registers of
    /// functions of this instance that have no such entry, and of any function.
    enum class Shared : std::uint8_t { entry, adapter, any_adapter, indirect };
    [[nodiscard]] const void* shared(Shared what, const opt::CallShape& shape);
    [[nodiscard]] std::vector<std::uint8_t> emit_shared(Shared what, const opt::CallShape& shape,
                                                        const void* any_adapter) const;

    std::shared_ptr<CodeCache> cache_;
    const void* slow_helper_;
    const void* rare_helper_;
    std::atomic<bool> exhausted_;
    std::mutex shared_mutex_;
    std::map<std::pair<opt::CallShape, Shared>, const void*> shared_;
};

/// Whether the processor has what the tier's code uses.
[[nodiscard]] bool can_run_optimized();

}  // namespace troupe::jit
