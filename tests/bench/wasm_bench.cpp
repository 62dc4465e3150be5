// Kernels of tests/bench/wasm on our own tiers, as lowered or after all passes (interp+passes, baseline+passes), with
// code that can stop (baseline+stops) or that pays for chunks of memory (any+chunks): wasm_bench TIER FILE.wasm (KERNEL
// SIZE)... prints each one's checksum and best CPU time in milliseconds, and its fuel and instruction counts.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>
#include <string>

#include "jit/baseline/baseline.hpp"
#include "jit/opt/opt.hpp"
#include "vm/engine/store.hpp"

namespace {

double now_ms() {
    timespec t{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) / 1e6;
}

std::shared_ptr<troupe::vm::Compiler> compiler_of(const std::string& tier) {
    if (tier == "baseline+stops") return troupe::jit::make_baseline_compiler(64U << 20U, troupe::jit::Stops::yes);
    if (tier.starts_with("baseline")) return troupe::jit::make_baseline_compiler();
    if (tier.starts_with("auto")) return troupe::jit::make_adaptive_compiler();
    return tier.starts_with("opt") ? troupe::jit::make_optimizing_compiler() : nullptr;
}

}  // namespace

int main(int argc, char** argv) {
    using namespace troupe;
    if (argc < 3) return 2;
    std::ifstream stream{argv[2], std::ios::binary};
    auto module = wasm::load(Bytes{std::istreambuf_iterator<char>{stream}, {}});
    if (!module) {
        std::fprintf(stderr, "%s\n", module.error().message.c_str());
        return 1;
    }
    const std::string tier = argv[1];
    const auto passes = tier.ends_with("+passes") ? vm::Passes::all : vm::Passes::none;
    const bool charges_chunks = tier.ends_with("+chunks");
    auto profile = vm::spec_profile();
    profile.machine.fuel_per_dirty_chunk = charges_chunks ? 2048 : 0;
    vm::Store store(profile);
    const auto made =
        store.instantiate(std::make_shared<vm::CompiledModule>(*module, compiler_of(tier), passes, charges_chunks),
                          [](const wasm::Import&) { return std::nullopt; });
    if (!made) return 1;
    for (int i = 3; i + 1 < argc; i += 2) {
        const auto function = made->instance->find_export(argv[i]);
        if (!function) continue;
        double best = 1e300;
        vm::CallResult result;
        std::uint64_t steps = 0;
        std::int64_t fuel = 0;
        for (int run = 0; run < 3; ++run) {
            auto& machine = store.machine();
            machine.fuel = INT64_MAX;
            machine.steps = 0;
            const auto start = now_ms();
            result = store.call(*function, {{wasm::ValueType::i64, std::strtoull(argv[i + 1], nullptr, 10), 0}});
            best = std::min(best, now_ms() - start);
            steps = machine.steps;
            fuel = INT64_MAX - machine.fuel;
        }
        if (result.trap != vm::Trap::none) {
            std::printf("%s trap:%s %.3f\n", argv[i], std::string(message(result.trap)).c_str(), best);
            continue;
        }
        std::printf("%s %lld %.3f %llu %lld\n", argv[i], static_cast<long long>(result.values[0].low), best,
                    static_cast<unsigned long long>(steps), static_cast<long long>(fuel));
    }
    return 0;
}
