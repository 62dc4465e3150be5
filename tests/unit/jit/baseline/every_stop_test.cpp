// Programs in C, stopped anywhere in compiled code and carried on in the interpreter, or the other way: nothing shows
// where that was.
#include <fstream>
#include <iterator>
#include <optional>

#include <doctest/doctest.h>

#include "jit/baseline/baseline.hpp"
#include "vm/engine/store.hpp"

namespace troupe::vm {
namespace {

struct Kernel {
    const char* name;
    std::uint32_t size;
};
constexpr Kernel kernels[] = {{"recursion", 9},  {"sieve", 300},   {"mixing", 120},
                              {"floating", 100}, {"indirect", 90}, {"machine", 60}};

/// Nothing where the machine has no clang for wasm32.
[[nodiscard]] std::shared_ptr<const wasm::Module> load_kernels() {
#ifdef TROUPE_WASM_FIXTURES
    std::ifstream stream{TROUPE_WASM_FIXTURES "/kernels.wasm", std::ios::binary};
    REQUIRE(stream);
    auto module = wasm::load(Bytes{std::istreambuf_iterator<char>{stream}, {}});
    REQUIRE_MESSAGE(module.ok(), module.error().message);
    return *module;
#else
    MESSAGE("SKIPPED: clang and wasm-ld are not installed; no kernels");
    return nullptr;
#endif
}

/// What can be seen of a machine that is at its end, or paused.
struct Seen {
    Trap trap = Trap::none;
    std::vector<Value> results;
    bool is_paused = false;
    std::uint64_t steps = 0;
    std::int64_t fuel = 0;
    std::int64_t stack_units_left = 0;
    std::size_t frame_count = 0;
    Bytes memory;
    std::vector<Slot> globals;
    bool operator==(const Seen&) const = default;
};

struct Bench {
    Store store{deterministic_profile()};
    ModuleInstance* instance = nullptr;
    Extern function;

    Bench(const std::shared_ptr<CompiledModule>& module, const char* name) {
        const auto made = store.instantiate(module, [](const wasm::Import&) { return std::nullopt; });
        REQUIRE(made.ok());
        instance = made->instance;
        function = *instance->find_export(name);
        store.machine().fuel = 10'000'000;
    }
    [[nodiscard]] Seen seen(CallResult result) {
        const auto& machine = store.machine();
        const auto& memory = *instance->instance.memory;
        Seen out{result.trap,
                 std::move(result.values),
                 machine.is_paused(),
                 machine.steps,
                 machine.fuel,
                 machine.stack_units_left,
                 machine.frame_count,
                 Bytes(memory.base, memory.base + memory.size_bytes),
                 {}};
        for (const auto* global : instance->instance.globals) out.globals.push_back(global->value[0]);
        return out;
    }
    [[nodiscard]] Seen run(std::uint32_t n) { return seen(store.call(function, {{wasm::ValueType::i32, n, 0}})); }
    [[nodiscard]] Seen run_until(std::uint32_t n, std::uint64_t stop) {
        return seen(store.call_until(function, {{wasm::ValueType::i32, n, 0}}, stop));
    }
    [[nodiscard]] Seen go_on(std::uint64_t stop) { return seen(store.resume(function, stop)); }
};

/// About so many stops of each kernel, spread over all of its instructions.
constexpr std::uint64_t stops_each = 150;

[[nodiscard]] std::uint64_t stride(const Seen& whole) { return whole.steps / stops_each | 1U; }

TEST_CASE("compiled code stopped at every k-th instruction goes on in the interpreter as if it had not been stopped") {
    const auto module = load_kernels();
    const auto compiler = jit::make_baseline_compiler(1U << 20U, jit::Stops::yes);
    if (module == nullptr || compiler == nullptr) return;
    const auto compiled = std::make_shared<CompiledModule>(module, compiler);
    const auto interpreted = std::make_shared<CompiledModule>(module);
    for (const auto& [name, size] : kernels) {
        CAPTURE(name);
        const auto whole = Bench(interpreted, name).run(size);
        REQUIRE(whole.trap == Trap::none);
        // In compiled code alone.
        CHECK(Bench(compiled, name).run(size) == whole);
        for (std::uint64_t stop = 0; stop <= whole.steps; stop += stride(whole)) {
            CAPTURE(stop);
            Bench bench(compiled, name);
            Bench reference(interpreted, name);
            const auto paused = bench.run_until(size, stop);
            REQUIRE(paused == reference.run_until(size, stop));
            if (!paused.is_paused) continue;
            // Once more on the way.
            if (bench.go_on(stop + (whole.steps - stop) / 2).is_paused) REQUIRE(bench.go_on(UINT64_MAX) == whole);
        }
    }
}

TEST_CASE("a call that goes over to compiled code at every k-th instruction ends as if it had not") {
    const auto module = load_kernels();
    if (module == nullptr) return;
    for (const auto& [name, size] : kernels) {
        CAPTURE(name);
        const auto whole = Bench(std::make_shared<CompiledModule>(module), name).run(size);
        for (std::uint32_t steps = 1; steps <= whole.steps; steps += static_cast<std::uint32_t>(stride(whole))) {
            CAPTURE(steps);
            const auto compiler = jit::make_baseline_compiler(1U << 20U, jit::Stops::no, Warmth{0, steps});
            if (compiler == nullptr) return;
            REQUIRE(Bench(std::make_shared<CompiledModule>(module, compiler), name).run(size) == whole);
        }
    }
}

TEST_CASE("compiled code that runs out of fuel anywhere has done what the interpreter has") {
    const auto module = load_kernels();
    const auto compiler = jit::make_baseline_compiler(1U << 20U);
    if (module == nullptr || compiler == nullptr) return;
    const auto compiled = std::make_shared<CompiledModule>(module, compiler);
    const auto interpreted = std::make_shared<CompiledModule>(module);
    for (const auto& [name, size] : kernels) {
        CAPTURE(name);
        const auto whole = Bench(interpreted, name).run(size);
        for (std::uint64_t fuel = 0; fuel < 10'000'000U - static_cast<std::uint64_t>(whole.fuel);
             fuel += stride(whole)) {
            CAPTURE(fuel);
            Bench bench(compiled, name);
            Bench reference(interpreted, name);
            bench.store.machine().fuel = reference.store.machine().fuel = static_cast<std::int64_t>(fuel);
            const auto seen = bench.run(size);
            CHECK(seen.trap == Trap::out_of_fuel);
            REQUIRE(seen == reference.run(size));
        }
    }
}

}  // namespace
}  // namespace troupe::vm
