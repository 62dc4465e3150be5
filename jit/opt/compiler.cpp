#include <algorithm>

#include "jit/opt/opt.hpp"

#ifdef __x86_64__

#include <xbyak/xbyak_util.h>

#include "jit/opt/optimizing_compiler.hpp"
#include "jit/opt/order.hpp"
#include "jit/opt/select.hpp"
#include "vm/dmir/passes/enter_at.hpp"
#include "vm/wasm/optimize.hpp"

namespace troupe::jit {
namespace {

using opt::CallShape;

[[nodiscard]] CallShape shape_of(const wasm::FunctionType& type) {
    CallShape out;
    for (auto t : type.parameters) out.parameters.push_back(wasm::to_dmir(t));
    for (auto t : type.results) out.results.push_back(wasm::to_dmir(t));
    return out;
}
[[nodiscard]] CallShape shape_of(const dmir::Function& function) {
    return {function.signature.parameters, function.signature.results};
}

}  // namespace

vm::CompiledFunction OptimizingCompiler::compile(const vm::FunctionSource& source) {
    auto out = kept(source.module, source.index, source.charges_chunks);
    if (out.entry == nullptr) out = optimized(source.module, source.index, source.charges_chunks);
    return out.entry != nullptr ? out : NativeCompiler::compile(source);
}

vm::TypeStubs OptimizingCompiler::type_stubs(const wasm::FunctionType& type) {
    const auto* adapter = shared(Shared::adapter, shape_of(type));
    if (adapter == nullptr) return {};
    return {.direct = adapter, .fast = static_cast<const std::uint8_t*>(adapter) + opt::adapter_fast_offset};
}

const void* OptimizingCompiler::indirect_stub(const wasm::FunctionType& type) {
    return opt::has_indirect_stub(type.parameters.size()) ? shared(Shared::indirect, shape_of(type)) : nullptr;
}

vm::CompiledFunction OptimizingCompiler::kept(const Module& module, std::uint32_t index, bool charges_chunks) {
    if (cache_ == nullptr) return {};
    auto code = cache_->find(module, charges_chunks, index);
    if (!code) return {};
    opt::relocate(*code, surroundings(*module, index));
    return add(*code, shape_of(module->types[module->functions[index].type_index]));
}

vm::CompiledFunction OptimizingCompiler::optimized(const Module& module, std::uint32_t index, bool charges_chunks) {
    auto function = wasm::lower_optimized(*module, index);
    if (!function) return {};
    auto code = emit(*function, charges_chunks, surroundings(*module, index));
    const auto out = add(code, shape_of(*function));
    if (out.entry != nullptr && cache_ != nullptr) cache_->keep(module, charges_chunks, index, std::move(code));
    return out;
}

vm::CompiledFunction OptimizingCompiler::optimized_in_loop(const Module& module, std::uint32_t index, vm::Passes passes,
                                                           bool charges_chunks, std::uint32_t at) {
    const auto function = vm::lower(*module, index, passes);
    if (!function) return {};
    const auto placement = vm::place_code(*function);
    if (!placement) return {};
    const auto& starts = placement->block_starts;
    // A block without a charge of its own may begin where the one after it does.
    const auto head = std::upper_bound(starts.begin(), starts.end(), at);
    if (head == starts.begin()) return {};
    auto entered = dmir::enter_at(*function, static_cast<dmir::BlockIndex>(head - starts.begin() - 1));
    if (!entered) return {};
    std::vector<std::uint16_t> slots;
    for (auto v : entered->values) {
        slots.push_back(placement->slot_of_value[v]);
        if (slots.back() == vm::no_slot) return {};
    }
    wasm::optimize(*module, index, entered->function);
    auto around = surroundings(*module, index);
    // Calls of itself begin at its beginning.
    around.self = 0xFFFFFFFF;
    auto code = emit(entered->function, charges_chunks, around);
    if (code.bytes.empty() || exhausted_) return {};
    const auto entry = opt::emit_entry_in_loop(shape_of(entered->function), slots, code.bytes.size());
    const auto entry_offset = code.bytes.size();
    code.bytes.insert(code.bytes.end(), entry.begin(), entry.end());
    const auto* made = add_code(code.bytes);
    if (made == nullptr) return {};
    return {.entry = made, .size_bytes = code.bytes.size(), .at_block = made + entry_offset};
}

opt::Emitted OptimizingCompiler::emit(dmir::Function& function, bool charges_chunks, const opt::Surroundings& around) {
    opt::order_blocks(function);
    const auto machine = opt::select(function, charges_chunks);
    if (!machine) return {};
    const auto allocation = opt::allocate(*machine);
    if (!allocation) return {};
    return opt::emit(*machine, *allocation, shape_of(function), around);
}

opt::Surroundings OptimizingCompiler::surroundings(const wasm::Module& module, std::uint32_t index) {
    return {stubs(),
            module.imported_functions,
            static_cast<std::uint32_t>(module.functions.size()),
            module.imported_functions + index,
            [this](const CallShape& of) { return shared(Shared::any_adapter, of); },
            slow_helper_,
            rare_helper_};
}

vm::CompiledFunction OptimizingCompiler::add(const opt::Emitted& code, const CallShape& shape) {
    const auto* entry = code.bytes.empty() ? nullptr : shared(Shared::entry, shape);
    // Without an adapter some callee might have no entry.
    if (entry == nullptr || exhausted_) return {};
    const auto* at = add_code(code.bytes);
    if (at == nullptr) return {};
    return {.entry = entry, .fast = at, .size_bytes = code.bytes.size()};
}

const void* OptimizingCompiler::shared(Shared what, const CallShape& shape) {
    const auto* any = what == Shared::indirect ? shared(Shared::any_adapter, shape) : nullptr;
    const std::lock_guard lock(shared_mutex_);
    auto& at = shared_[{shape, what}];
    if (at == nullptr) at = add_code(emit_shared(what, shape, any));
    if (at == nullptr) exhausted_ = true;
    return at;
}

std::vector<std::uint8_t> OptimizingCompiler::emit_shared(Shared what, const CallShape& shape, const void* any) const {
    switch (what) {
        case Shared::entry: return opt::emit_entry(shape);
        case Shared::adapter: return opt::emit_adapter(shape);
        case Shared::any_adapter: return opt::emit_any_adapter(shape, stubs());
        case Shared::indirect: break;
    }
    return opt::emit_indirect_stub(any);
}

bool can_run_optimized() {
    using Xbyak::util::Cpu;
    const Cpu cpu;
    return cpu.has(Cpu::tBMI2) && cpu.has(Cpu::tBMI1) && cpu.has(Cpu::tLZCNT) && cpu.has(Cpu::tAVX);
}

std::shared_ptr<vm::Compiler> make_optimizing_compiler(std::size_t arena_bytes, std::shared_ptr<CodeCache> cache) {
    if (!can_run_optimized()) return nullptr;
    auto out = std::make_shared<OptimizingCompiler>(arena_bytes, std::move(cache));
    if (!out->ready()) return nullptr;
    return out;
}

}  // namespace troupe::jit

#else

namespace troupe::jit {
std::shared_ptr<vm::Compiler> make_optimizing_compiler(std::size_t, std::shared_ptr<CodeCache>) { return nullptr; }
}  // namespace troupe::jit

#endif
