// The WebAssembly 2.0 specification's test suite.
#include <cstdio>

#include "tests/conformance/data.hpp"
#include "vm/spectest/spectest.hpp"

namespace {

bool run_suite(const char* name) {
    const auto suite = troupe::conformance::find_suite(name);
    if (!suite) return true;
    troupe::vm::SpecReport report;
    for (const auto& script : troupe::vm::find_spec_scripts(*suite)) report.add(troupe::vm::run_spec_script(script));
    for (const auto& failure : report.failures) std::printf("%s\n", failure.c_str());
    std::printf("%s: %llu passed, %llu failed, %llu skipped\n", name, static_cast<unsigned long long>(report.passed),
                static_cast<unsigned long long>(report.failed), static_cast<unsigned long long>(report.skipped));
    return report.failed == 0 && report.passed > 0;
}

}  // namespace

int main() {
    const bool core = run_suite("wasm/core");
    const bool simd = run_suite("wasm/simd");
    return core && simd ? 0 : 1;
}
