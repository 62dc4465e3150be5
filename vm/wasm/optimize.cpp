#include "vm/wasm/optimize.hpp"

#include <map>

namespace troupe::wasm {
namespace {

/// Bodies longer than this are not looked at for inlining.
constexpr std::uint32_t inlined_body_bytes_max = 100;

}  // namespace

dmir::OptimizeOptions optimize_options(const Module& module) {
    constexpr std::uint64_t page_bytes = 65'536;
    dmir::OptimizeOptions out;
    out.imported_globals = module.imported_globals;
    if (!module.memories.empty()) out.memory_bytes_min = module.memories[0].limits.min * page_bytes;
    return out;
}

void optimize(const Module& module, std::uint32_t index, dmir::Function& function, const Limits& limits) {
    auto options = optimize_options(module);
    std::map<std::uint32_t, dmir::Function> callees;
    options.callee = [&](std::uint32_t callee) -> const dmir::Function* {
        if (callee < module.imported_functions) return nullptr;
        const auto defined = callee - module.imported_functions;
        if (defined == index || module.functions[defined].body_size > inlined_body_bytes_max) return nullptr;
        const auto found = callees.find(defined);
        if (found != callees.end()) return &found->second;
        auto lowered = lower(module, defined, limits);
        return lowered ? &callees.emplace(defined, std::move(*lowered)).first->second : nullptr;
    };
    static_cast<void>(dmir::optimize(function, options));
}

Result<dmir::Function> lower_optimized(const Module& module, std::uint32_t index, const Limits& limits) {
    auto function = lower(module, index, limits);
    if (function) optimize(module, index, *function, limits);
    return function;
}

}  // namespace troupe::wasm
