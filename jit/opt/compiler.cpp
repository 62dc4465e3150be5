#include <map>

#include "jit/opt/opt.hpp"

#ifdef __x86_64__

#include <xbyak/xbyak_util.h>

#include "jit/baseline/native_compiler.hpp"
#include "jit/opt/emitter.hpp"
#include "jit/opt/order.hpp"
#include "jit/opt/select.hpp"
#include "vm/wasm/optimize.hpp"

namespace troupe::jit {
namespace {

using opt::CallShape;

class OptimizingCompiler final : public NativeCompiler {
public:
    using NativeCompiler::NativeCompiler;

    vm::CompiledFunction compile(const vm::FunctionSource& source) override {
        auto out = optimized(source);
        return out.entry != nullptr ? out : NativeCompiler::compile(source);
    }

    const void* fast_stub(const wasm::FunctionType& type) override {
        CallShape shape;
        for (auto t : type.parameters) shape.parameters.push_back(wasm::to_dmir(t));
        for (auto t : type.results) shape.results.push_back(wasm::to_dmir(t));
        return adapter(shape, false);
    }

private:
    [[nodiscard]] vm::CompiledFunction optimized(const vm::FunctionSource& source) {
        auto function = wasm::lower_optimized(source.module, source.index);
        if (!function) return {};
        opt::order_blocks(*function);
        const auto machine = opt::select(*function);
        if (!machine) return {};
        const auto allocation = opt::allocate(*machine);
        if (!allocation) return {};
        const CallShape shape{function->signature.parameters, function->signature.results};
        const opt::Surroundings around{stubs(), source.imported(), source.number(),
                                       [this](const CallShape& of) { return adapter(of, true); }};
        const auto code = opt::emit(*machine, *allocation, shape, around);
        const auto* at = add_code(code.bytes);
        if (at == nullptr) return {};
        return {.entry = at, .fast = at + code.fast_offset, .size_bytes = code.bytes.size()};
    }

    [[nodiscard]] const void* adapter(const CallShape& shape, bool any) {
        const std::lock_guard lock(adapters_mutex_);
        auto& at = adapters_[{shape, any}];
        if (at == nullptr) at = add_code(opt::emit_adapter(shape, any, stubs()));
        return at;
    }

    std::mutex adapters_mutex_;
    std::map<std::pair<CallShape, bool>, const void*> adapters_;
};

}  // namespace

std::shared_ptr<vm::Compiler> make_optimizing_compiler(std::size_t arena_bytes) {
    using Xbyak::util::Cpu;
    const Cpu cpu;
    if (!cpu.has(Cpu::tBMI2) || !cpu.has(Cpu::tBMI1) || !cpu.has(Cpu::tLZCNT) || !cpu.has(Cpu::tAVX)) return nullptr;
    auto out = std::make_shared<OptimizingCompiler>(arena_bytes);
    if (!out->ready()) return nullptr;
    return out;
}

}  // namespace troupe::jit

#else

namespace troupe::jit {
std::shared_ptr<vm::Compiler> make_optimizing_compiler(std::size_t) { return nullptr; }
}  // namespace troupe::jit

#endif
