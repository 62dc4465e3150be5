// How long it takes to get going: wasm_latency_bench SMALL.wasm [LARGE.wasm] (tests/bench/wasm/latency builds them and
// runs V8 beside).
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "jit/baseline/baseline.hpp"
#include "jit/opt/opt.hpp"
#include "vm/engine/sandbox.hpp"

namespace {

using namespace troupe;
using vm::CompiledModule;

template <class F>
[[nodiscard]] double best_ns(int rounds, F&& f) {
    double best = 1e300;
    for (int i = 0; i < rounds; ++i) {
        const auto start = std::chrono::steady_clock::now();
        f();
        const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
        best = std::min(best, took.count());
    }
    return best;
}

void print(const char* name, double value, const char* unit) { std::printf("%-36s%12.3f %s\n", name, value, unit); }

[[nodiscard]] Bytes read(const char* file) {
    std::ifstream stream{file, std::ios::binary};
    return {std::istreambuf_iterator<char>{stream}, {}};
}

vm::Trap nop(void*, vm::Machine&, vm::Instance*, vm::Slot*) { return vm::Trap::none; }

[[nodiscard]] vm::ModuleInstance& start(vm::Store& store, const std::shared_ptr<CompiledModule>& module) {
    const auto made = store.instantiate(
        module, [&](const wasm::Import&) { return std::optional{store.make_host_function({}, nop, nullptr)}; });
    if (!made || made->trap != vm::Trap::none) std::abort();
    return *made->instance;
}

void first_result(const char* name, const Bytes& bytes, const std::shared_ptr<vm::Compiler>& compiler, int rounds) {
    const auto took = best_ns(rounds, [&] {
        auto module = wasm::load(bytes);
        if (!module) std::abort();
        vm::Store store(vm::deterministic_profile({"host.nop"}));
        auto& instance = start(store, std::make_shared<CompiledModule>(*module, compiler));
        if (store.call(*instance.find_export("first"), {{wasm::ValueType::i64, 10, 0}}).trap != vm::Trap::none)
            std::abort();
    });
    print(name, took / 1e6, "ms");
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) return 2;
    const auto small = read(argv[1]);
    const auto adaptive = jit::make_adaptive_compiler(256U << 20U);
    const auto baseline = jit::make_baseline_compiler(256U << 20U);
    first_result("small: bytes to first result", small, adaptive, 200);
    first_result("  all compiled at first call", small, baseline, 200);
    first_result("  interpreted", small, nullptr, 200);
    if (argc > 2) {
        const auto large = read(argv[2]);
        first_result("large: bytes to first result", large, adaptive, 10);
        first_result("  all compiled at first call", large, baseline, 10);
        first_result("  interpreted", large, nullptr, 10);
    }

    const auto loaded = *wasm::load(small);
    const auto module = std::make_shared<CompiledModule>(loaded, baseline);
    vm::Store store(vm::deterministic_profile({"host.nop"}));
    auto& instance = start(store, module);
    auto& machine = store.machine();
    const auto function = [&](std::string_view name) { return instance.find_export(name)->function; };
    auto* const empty = function("empty");
    auto* const imports = function("imports");
    constexpr int calls = 10'000'000;
    print("call into WebAssembly",
          best_ns(5,
                  [&] {
                      for (int i = 0; i < calls; ++i)
                          if (vm::call(machine, *empty, nullptr, machine.stack) != vm::Trap::none) std::abort();
                  }) /
              calls,
          "ns");
    print("call of an import",
          best_ns(5,
                  [&] {
                      machine.stack[0] = calls;
                      if (vm::call(machine, *imports, nullptr, machine.stack) != vm::Trap::none) std::abort();
                  }) /
              calls,
          "ns");

    const std::vector<vm::SandboxPool::HostFunction> hosts{{"host", "nop", {}, nop}};
    // As contracts are.
    auto profile = vm::deterministic_profile({"host.nop"});
    profile.machine.fuel_per_dirty_chunk = 2048;
    const auto pool = vm::SandboxPool::make(std::make_shared<CompiledModule>(loaded, baseline, vm::Passes::none, true),
                                            profile, hosts);
    if (!pool) return 1;
    std::uint32_t write = 0;
    for (const auto& entry : loaded->exports)
        if (entry.name == "write") write = entry.index;
    constexpr int instances = 20'000;
    print("instantiate, call, destroy",
          best_ns(5,
                  [&] {
                      for (int i = 0; i < instances; ++i) {
                          const auto sandbox = (*pool)->acquire();
                          if (sandbox->run(write) != vm::Trap::none) std::abort();
                      }
                  }) /
              instances / 1e3,
          "us");
    constexpr std::size_t many = 2000;
    std::vector<vm::SandboxPool::Lease> alive;
    const auto made = best_ns(1, [&] {
        for (std::size_t i = 0; i < many; ++i) alive.push_back((*pool)->acquire());
    });
    print("  a new one, of 2000 alive at once", made / many / 1e3, "us");
    return 0;
}
