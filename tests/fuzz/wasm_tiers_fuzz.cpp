// A random valid module runs on every engine: results, traps, fuel, steps, memory, globals, tables and host calls
// agree. A difference is printed with the module in hexadecimal.
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <random>
#include <tuple>

#include "jit/baseline/baseline.hpp"
#include "jit/opt/opt.hpp"
#include "tests/fuzz/wasm_generator.hpp"
#include "tests/fuzz/wasm_run.hpp"

namespace {

using troupe::vm::Passes;

/// Compilers' arenas fill: after so many modules there are new ones.
constexpr int modules_per_compiler = 100;

std::vector<troupe::fuzz::Engine>& engines() {
    static std::vector<troupe::fuzz::Engine> all;
    static int modules = 0;
    if (modules++ % modules_per_compiler == 0) {
        all = {{"interp", nullptr}, {"interp after all passes", nullptr, Passes::all}};
        if (const auto baseline = troupe::jit::make_baseline_compiler()) {
            all.push_back({"baseline", baseline});
            all.push_back({"baseline after all passes", baseline, Passes::all});
        }
        // Compiled in the middle of a call: at the first block, or some way into it.
        for (const auto& [name, warmth] :
             {std::pair{"baseline at once", troupe::vm::Warmth{0, 1}}, {"baseline when warm", {1, 16}}})
            if (const auto warm = troupe::jit::make_baseline_compiler(64U << 20U, troupe::jit::Stops::no, warmth))
                all.push_back({name, warm});
        if (const auto stopping = troupe::jit::make_baseline_compiler(64U << 20U, troupe::jit::Stops::yes)) {
            all.push_back({"baseline that stops", stopping, Passes::none, true});
            all.push_back({"baseline that stops, after all passes", stopping, Passes::all, true});
        }
        if (const auto optimizing = troupe::jit::make_optimizing_compiler()) all.push_back({"opt", optimizing});
        // Optimized in the middle of a call: in its first rounds, or in later ones, from what was lowered or optimized.
        for (const auto& [name, rounds, warmth, passes] :
             {std::tuple{"auto at once", 0, troupe::vm::Warmth{0, 1}, Passes::none},
              {"auto when hot", 3, {1, 16}, Passes::none},
              {"auto at once, after all passes", 1, {0, 1}, Passes::all}}) {
            const troupe::jit::AdaptiveOptions options{.warmth = warmth,
                                                       .rounds_until_hot = rounds,
                                                       .calls_between_looks = 0,
                                                       .rounds_between_looks = rounds,
                                                       .in_background = false};
            if (const auto adaptive = troupe::jit::make_adaptive_compiler(64U << 20U, nullptr, options))
                all.push_back({name, adaptive, passes});
        }
    }
    return all;
}

[[noreturn]] void fail(const std::string& what, const troupe::Bytes& module) {
    std::fprintf(stderr, "%s\nmodule: ", what.c_str());
    for (auto byte : module) std::fprintf(stderr, "%02x", byte);
    std::fprintf(stderr, "\n");
    std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace troupe;
    fuzz::Choices choices({data, size});
    fuzz::GeneratorOptions options;
    options.simd = choices.one_in(3);
    const auto bytes = fuzz::generate_module(choices, options);
    const auto module = wasm::load(bytes);
    if (!module) fail("a generated module is refused: " + module.error().message, bytes);
    const auto plan = fuzz::plan_calls(**module, choices.word());
    std::optional<fuzz::Seen> reference;
    for (const auto& engine : engines()) {
        auto seen = fuzz::run_module(*module, engine, plan);
        if (!reference) {
            reference = std::move(seen);
            continue;
        }
        const auto difference = fuzz::difference(*reference, seen);
        if (!difference.empty()) fail("interp or " + engine.name + ": " + difference, bytes);
    }
    return 0;
}

extern "C" void troupe_fuzz_seeds(std::vector<std::vector<std::uint8_t>>& seeds) {
    std::mt19937_64 random{20};
    for (std::size_t n = 0; n < 64; ++n) {
        auto& seed = seeds.emplace_back(8 + 16 * n);
        for (auto& byte : seed) byte = static_cast<std::uint8_t>(random());
    }
}
