#include "vm/wasm/optimize.hpp"

namespace troupe::wasm {

dmir::OptimizeOptions optimize_options(const Module& module) {
    constexpr std::uint64_t page_bytes = 65'536;
    dmir::OptimizeOptions out;
    out.imported_globals = module.imported_globals;
    if (!module.memories.empty()) out.memory_bytes_min = module.memories[0].limits.min * page_bytes;
    return out;
}

Result<dmir::Function> lower_optimized(const Module& module, std::uint32_t index, const Limits& limits) {
    auto function = lower(module, index, limits);
    if (function) static_cast<void>(dmir::optimize(*function, optimize_options(module)));
    return function;
}

}  // namespace troupe::wasm
