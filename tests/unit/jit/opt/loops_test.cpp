// Calls that go over from baseline code to optimized code between two rounds of a loop: nothing shows that they did,
// but a count.
#include <array>
#include <chrono>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include <doctest/doctest.h>

#include "jit/opt/opt.hpp"
#include "vm/engine/store.hpp"

namespace troupe::vm {
namespace {

struct Loop {
    const char* name;
    std::uint32_t size;
};
constexpr Loop loops[] = {{"single", 300},     {"nest", 12},
                          {"left_early", 60},  {"one_after_another", 50},
                          {"table", 200},      {"floating", 20},
                          {"calling", 70},     {"calling_indirectly", 90},
                          {"recursive", 8},    {"endless_recursion", 9},
                          {"many_values", 30}, {"dividing", 40},
                          {"writing_out", 50}, {"giving_up", 45}};

/// (i32) -> (i32, i64): a loop that carries an i64 and an i32 on the operand stack, with values below them, and gives
/// two results. Exported as "f".
const Bytes carrying_module = [] {
    const Bytes types{3, 0x60, 1, 0x7F, 2, 0x7F, 0x7E, 0x60, 2, 0x7E, 0x7F, 1, 0x7E, 0x60, 0, 0};
    // (local i64) i32.const 100; (loop (param i64 i32) (result i64) local.get 0; i32.add; local.tee 0 ...
    const Bytes body{1,    2,    0x7E,              // locals 1 and 2: i64
                     0x41, 0xE4, 0,                 // i32.const 100, which stays below the loop
                     0x42, 5,                       // i64.const 5
                     0x20, 0,                       // local.get 0
                     0x03, 1,                       // loop (i64, i32) -> i64
                     0x41, 1,    0x6B, 0x22, 0,     // i32.const 1, i32.sub, local.tee 0
                     0xAD, 0x7C, 0x22, 1,           // i64.extend_i32_u, i64.add, local.tee 1
                     0x42, 3,    0x7E, 0x20, 0,     // i64.const 3, i64.mul, local.get 0
                     0x20, 0,    0x0D, 0,           // local.get 0, br_if 0
                     0x1A,                          // drop
                     0x20, 1,    0x7C,              // local.get 1, i64.add
                     0x0B,                          // end
                     0x21, 2,    0x20, 0,    0x6A,  // local.set 2, local.get 0, i32.add
                     0x20, 2,    0x0B};             // local.get 2, end
    Bytes out{0, 'a', 's', 'm', 1, 0, 0, 0, 1, static_cast<std::uint8_t>(types.size())};
    append(out, types);
    append(out, Bytes{3, 2, 1, 0, 5, 3, 1, 0, 1, 7, 5, 1, 1, 'f', 0, 0, 10});
    append(out, Bytes{static_cast<std::uint8_t>(body.size() + 2), 1, static_cast<std::uint8_t>(body.size())});
    append(out, body);
    return out;
}();

[[nodiscard]] std::shared_ptr<const wasm::Module> load(Bytes bytes) {
    auto module = wasm::load(std::move(bytes));
    REQUIRE_MESSAGE(module.ok(), module.error().message);
    return *module;
}
/// Nothing where the machine has no clang for wasm32.
[[nodiscard]] std::shared_ptr<const wasm::Module> load_loops() {
#ifdef TROUPE_WASM_FIXTURES
    std::ifstream stream{TROUPE_WASM_FIXTURES "/loops.wasm", std::ios::binary};
    REQUIRE(stream);
    return load(Bytes{std::istreambuf_iterator<char>{stream}, {}});
#else
    MESSAGE("SKIPPED: clang and wasm-ld are not installed; no loops");
    return nullptr;
#endif
}

struct Seen {
    Trap trap = Trap::none;
    std::vector<Value> results;
    std::uint64_t steps = 0;
    std::int64_t fuel = 0;
    std::int64_t stack_units_left = 0;
    std::size_t frame_count = 0;
    Bytes memory;
    bool operator==(const Seen&) const = default;
};

[[nodiscard]] Seen run(const std::shared_ptr<CompiledModule>& module, const char* name, std::uint32_t size,
                       std::int64_t fuel = 10'000'000) {
    auto profile = deterministic_profile();
    profile.machine.stack_units = 5000;
    if (module->charges_chunks()) profile.machine.fuel_per_dirty_chunk = 100;
    Store store(profile);
    const auto made = store.instantiate(module, [](const wasm::Import&) { return std::nullopt; });
    REQUIRE(made.ok());
    const auto function = made->instance->find_export(name);
    REQUIRE(function.has_value());
    auto& machine = store.machine();
    machine.fuel = fuel;
    auto result = store.call(*function, {{wasm::ValueType::i32, size, 0}});
    const auto& memory = *made->instance->instance.memory;
    return {result.trap,
            std::move(result.values),
            machine.steps,
            machine.fuel,
            machine.stack_units_left,
            machine.frame_count,
            Bytes(memory.base, memory.base + memory.size_bytes)};
}

/// Switches after `rounds` calls and rounds.
struct Adaptive {
    std::shared_ptr<jit::AdaptiveCounts> counts = std::make_shared<jit::AdaptiveCounts>();
    std::shared_ptr<Compiler> compiler;

    explicit Adaptive(std::int32_t rounds, std::int32_t rounds_between = 0, std::size_t arena_bytes = 4U << 20U)
        : compiler(jit::make_adaptive_compiler(arena_bytes, nullptr,
                                               {.warmth = {0, 1},
                                                .rounds_until_hot = rounds,
                                                .calls_between_looks = 1'000'000,
                                                .rounds_between_looks = rounds_between,
                                                .in_background = false,
                                                .counts = counts})) {}
    [[nodiscard]] std::uint64_t switched() const { return counts->switched_rounds; }
};

TEST_CASE("a call goes over to optimized code in any round of loops of many shapes") {
    const auto module = load_loops();
    if (module == nullptr || Adaptive(0).compiler == nullptr) return;
    for (const bool charges_chunks : {false, true}) {
        const auto reference = std::make_shared<CompiledModule>(module, nullptr, Passes::none, charges_chunks);
        for (const auto& loop : loops) {
            CAPTURE(std::string(loop.name));
            const auto expected = run(reference, loop.name, loop.size);
            int switched = 0;
            for (const auto passes : {Passes::none, Passes::all})
                for (const std::int32_t rounds : {0, 1, 2, 3, 5, 8, 13, 21}) {
                    CAPTURE(rounds);
                    const Adaptive adaptive(rounds, rounds % 2 * 5);
                    const auto compiled =
                        std::make_shared<CompiledModule>(module, adaptive.compiler, passes, charges_chunks);
                    if (run(compiled, loop.name, loop.size) != expected) FAIL("the tiers differ");
                    if (adaptive.switched() > 0) ++switched;
                }
            CHECK(switched >= 5);
        }
    }
}

TEST_CASE("operands that a loop carries, and several results, come along") {
    const auto module = load(carrying_module);
    if (Adaptive(0).compiler == nullptr) return;
    const auto reference = std::make_shared<CompiledModule>(module);
    for (std::int32_t rounds = 0; rounds < 30; ++rounds) {
        const Adaptive adaptive(rounds);
        const auto compiled = std::make_shared<CompiledModule>(module, adaptive.compiler);
        const auto expected = run(reference, "f", 40);
        CHECK(expected.results.size() == 2);
        CHECK(run(compiled, "f", 40) == expected);
        CHECK(adaptive.switched() == 1);
    }
}

TEST_CASE("fuel runs out at the same block after the switch") {
    const auto module = load_loops();
    if (module == nullptr || Adaptive(0).compiler == nullptr) return;
    const auto reference = std::make_shared<CompiledModule>(module);
    constexpr Loop short_loops[] = {{"nest", 4}, {"table", 30}, {"calling", 12}, {"recursive", 5}, {"dividing", 12}};
    for (const auto& loop : short_loops) {
        CAPTURE(std::string(loop.name));
        constexpr std::int64_t fuel = 100'000;
        const auto used = fuel - run(reference, loop.name, loop.size, fuel).fuel;
        const Adaptive adaptive(2);
        for (std::int64_t have = 0; have < used + 2; ++have) {
            // A module of its own is cold.
            const auto compiled = std::make_shared<CompiledModule>(module, adaptive.compiler);
            if (run(compiled, loop.name, loop.size, have) != run(reference, loop.name, loop.size, have))
                FAIL("the tiers differ with fuel ", have);
        }
        CHECK(adaptive.switched() > 0);
    }
}

TEST_CASE("code for the rest of a call goes with its module") {
    const auto module = load_loops();
    // Room for some of them only.
    const Adaptive adaptive(3, 0, 64U << 10U);
    if (module == nullptr || adaptive.compiler == nullptr) return;
    const auto expected = run(std::make_shared<CompiledModule>(module), "nest", 12);
    for (std::uint64_t round = 0; round < 200; ++round) {
        if (run(std::make_shared<CompiledModule>(module, adaptive.compiler), "nest", 12) != expected)
            FAIL("the tiers differ");
        REQUIRE(adaptive.switched() == round + 1);
    }
}

TEST_CASE("a long call goes over to code that another thread has made meanwhile") {
    const auto module = load_loops();
    const auto counts = std::make_shared<jit::AdaptiveCounts>();
    const auto compiler = jit::make_adaptive_compiler(4U << 20U, nullptr, {.counts = counts});
    if (module == nullptr || compiler == nullptr) return;
    const auto reference = std::make_shared<CompiledModule>(module, jit::make_optimizing_compiler());
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    for (std::uint32_t size = 1'000'000; counts->switched_rounds == 0; size += size / 2) {
        REQUIRE(std::chrono::steady_clock::now() < deadline);
        const auto compiled = std::make_shared<CompiledModule>(module, compiler);
        CHECK(run(compiled, "single", size, INT64_MAX) == run(reference, "single", size, INT64_MAX));
    }
}

TEST_CASE("calls on several threads go over to the same code") {
    const auto module = load_loops();
    const auto counts = std::make_shared<jit::AdaptiveCounts>();
    const auto compiler = jit::make_adaptive_compiler(4U << 20U, nullptr, {.warmth = {0, 1}, .counts = counts});
    if (module == nullptr || compiler == nullptr) return;
    constexpr std::uint32_t size = 300;
    const auto expected = run(std::make_shared<CompiledModule>(module), "nest", size);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (counts->switched_rounds < 3) {
        REQUIRE(std::chrono::steady_clock::now() < deadline);
        const auto compiled = std::make_shared<CompiledModule>(module, compiler);
        std::array<Seen, 3> seen;
        {
            std::vector<std::jthread> threads;
            for (auto& of_thread : seen) threads.emplace_back([&] { of_thread = run(compiled, "nest", size); });
        }
        for (const auto& of_thread : seen) CHECK(of_thread == expected);
    }
}

}  // namespace
}  // namespace troupe::vm
