// The WebAssembly 2.0 specification's test suite.
#include <cstdio>

#include "jit/baseline/baseline.hpp"
#include "jit/opt/opt.hpp"
#include "tests/conformance/data.hpp"
#include "vm/spectest/spectest.hpp"

namespace {

using troupe::vm::Passes;

bool run_suite(const char* name, const char* tier, const std::shared_ptr<troupe::vm::Compiler>& compiler,
               Passes passes = Passes::none) {
    const auto suite = troupe::conformance::find_suite(name);
    if (!suite) return true;
    troupe::vm::SpecReport report;
    for (const auto& script : troupe::vm::find_spec_scripts(*suite))
        report.add(troupe::vm::run_spec_script(script, compiler, passes));
    for (const auto& failure : report.failures) std::printf("%s\n", failure.c_str());
    std::printf("%s, %s: %llu passed, %llu failed, %llu skipped\n", name, tier,
                static_cast<unsigned long long>(report.passed), static_cast<unsigned long long>(report.failed),
                static_cast<unsigned long long>(report.skipped));
    return report.failed == 0 && report.passed > 0;
}

}  // namespace

int main() {
    bool good = run_suite("wasm/core", "interp", nullptr);
    good &= run_suite("wasm/simd", "interp", nullptr);
    good &= run_suite("wasm/core", "interp after all passes", nullptr, Passes::all);
    good &= run_suite("wasm/simd", "interp after all passes", nullptr, Passes::all);
    if (const auto baseline = troupe::jit::make_baseline_compiler()) {
        good &= run_suite("wasm/core", "baseline", baseline);
        good &= run_suite("wasm/simd", "baseline", baseline);
    } else {
        std::printf("baseline: not on this processor\n");
    }
    constexpr std::size_t arena_bytes = 64U << 20U;
    if (const auto warm = troupe::jit::make_adaptive_compiler(arena_bytes, nullptr, {.warmth = {0, 1}}))
        good &= run_suite("wasm/core", "auto, compiled at once", warm);
    if (const auto hot = troupe::jit::make_adaptive_compiler(arena_bytes, nullptr,
                                                             {.warmth = {0, 1},
                                                              .rounds_until_hot = 1,
                                                              .calls_between_looks = 0,
                                                              .rounds_between_looks = 0,
                                                              .in_background = false}))
        good &= run_suite("wasm/core", "auto, optimized at once", hot);
    if (const auto optimizing = troupe::jit::make_optimizing_compiler())
        good &= run_suite("wasm/core", "opt", optimizing);
    else
        std::printf("opt: not on this processor\n");
    return good ? 0 : 1;
}
