// The tiers side by side: results, traps, fuel and steps are the same.
#include <chrono>

#include <doctest/doctest.h>

#include "jit/baseline/baseline.hpp"
#include "jit/opt/opt.hpp"
#include "vm/engine/store.hpp"
#include "vm/wasm/function_body.hpp"

namespace troupe::vm {
namespace {

/// A module of one exported function "f" of type (i32) -> (i32) with a memory of one page, growing to two.
[[nodiscard]] Bytes module_with(const Bytes& body) {
    Bytes out{0, 'a', 's', 'm', 1, 0, 0, 0, 1, 6, 1, 0x60, 1, 0x7F, 1, 0x7F, 3,
              2, 1,   0,   5,   4, 1, 1, 1, 2, 7, 5, 1,    1, 'f',  0, 0};
    const auto size = [](std::size_t n) {
        return Bytes{static_cast<std::uint8_t>((n & 0x7F) | 0x80), static_cast<std::uint8_t>(n >> 7)};
    };
    append(out, Bytes{10});
    append(out, size(body.size() + 3));
    append(out, Bytes{1});
    append(out, size(body.size()));
    append(out, body);
    return out;
}

struct Outcome {
    Trap trap = Trap::none;
    std::vector<Value> values;
    std::int64_t fuel = 0;
    std::uint64_t steps = 0;
    bool operator==(const Outcome&) const = default;
};

/// `fuel` is what there is beside the price of entering the function.
[[nodiscard]] Outcome run(const Bytes& bytes, std::uint32_t argument, std::int64_t fuel,
                          const std::shared_ptr<Compiler>& compiler) {
    const auto module = wasm::load(bytes);
    REQUIRE_MESSAGE(module.ok(), module.error().message);
    Store store(deterministic_profile());
    store.machine().fuel = fuel + wasm::fuel::entry;
    const auto made = store.instantiate(std::make_shared<CompiledModule>(*module, compiler),
                                        [](const wasm::Import&) { return std::nullopt; });
    REQUIRE(made.ok());
    const auto f = made->instance->find_export("f");
    REQUIRE(f.has_value());
    auto result = store.call(*f, {{wasm::ValueType::i32, argument, 0}});
    CHECK(store.machine().frame_count == 0);
    CHECK(store.machine().stack_units_left == store.machine().limits.stack_units);
    return {result.trap, std::move(result.values), store.machine().fuel, store.machine().steps};
}

void check_tiers(const Bytes& bytes, std::uint32_t argument, std::int64_t fuel, const Outcome& expected) {
    CHECK(run(bytes, argument, fuel, nullptr) == expected);
    constexpr std::size_t arena_bytes = 1U << 20U;
    for (const auto& compiler :
         {jit::make_baseline_compiler(), jit::make_baseline_compiler(arena_bytes, jit::Stops::no, Warmth{0, 1}),
          jit::make_optimizing_compiler(), jit::make_adaptive_compiler()})
        if (compiler != nullptr) CHECK(run(bytes, argument, fuel, compiler) == expected);
}

[[nodiscard]] std::vector<Value> one(std::uint32_t value) { return {{wasm::ValueType::i32, value, 0}}; }

// (local i32) loop: local1 += local0; br_if (local0 -= 1) end; local1. Nine steps and as much fuel a round.
const Bytes sum_body{1, 1,    0x7F, 0x03, 0x40, 0x20, 1,    0x20, 0,    0x6A, 0x21, 1,   0x20,
                     0, 0x41, 1,    0x6B, 0x22, 0,    0x0D, 0,    0x0B, 0x20, 1,    0x0B};

TEST_CASE("fuel and steps are counted by blocks, the same in all tiers") {
    check_tiers(module_with(sum_body), 10, 1000, {Trap::none, one(55), 1000 - 92, 92});
    check_tiers(module_with(sum_body), 1, 11, {Trap::none, one(1), 0, 11});
}

TEST_CASE("a branch table finds its target while every register is taken") {
    constexpr std::uint8_t locals = 16;
    constexpr std::uint8_t cases = 12;
    // Fills local 1 and up from memory, adds a power of two for each case from the argument's on, and sums all up.
    Bytes body{1, locals, 0x7F};
    for (std::uint8_t k = 1; k <= locals; ++k) append(body, Bytes{0x20, 0, 0x2D, 0, k, 0x21, k});
    for (int k = 0; k < cases; ++k) append(body, Bytes{0x02, 0x40});
    append(body, Bytes{0x20, 0, 0x0E, cases - 1});
    for (std::uint8_t k = 0; k < cases; ++k) append(body, Bytes{k});
    for (std::uint8_t k = 0; k < cases; ++k)
        append(body, Bytes{0x0B, 0x20, 1, 0x41, static_cast<std::uint8_t>(1U << (k % 6U)), 0x6A, 0x21, 1});
    append(body, Bytes{0x20, 0});
    for (std::uint8_t k = 1; k <= locals; ++k) append(body, Bytes{0x20, k, 0x6A});
    append(body, Bytes{0x0B});
    for (std::uint32_t argument = 0; argument <= cases; ++argument) {
        const auto expected = run(module_with(body), argument, 10'000, nullptr);
        CHECK(expected.trap == Trap::none);
        check_tiers(module_with(body), argument, 10'000, expected);
    }
}

TEST_CASE("a hot function goes over to optimized code between two calls and counts on the same") {
    const auto compiler = jit::make_adaptive_compiler();
    if (compiler == nullptr) return;
    const auto module = wasm::load(module_with(sum_body));
    REQUIRE(module.ok());
    Store store(deterministic_profile());
    const auto made = store.instantiate(std::make_shared<CompiledModule>(*module, compiler),
                                        [](const wasm::Import&) { return std::nullopt; });
    REQUIRE(made.ok());
    const auto f = made->instance->find_export("f");
    REQUIRE(f.has_value());
    const void* first = nullptr;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    int calls_after = 0;
    while (calls_after < 10 && std::chrono::steady_clock::now() < deadline) {
        store.machine().fuel = 1000 + wasm::fuel::entry;
        store.machine().steps = 0;
        const auto result = store.call(*f, {{wasm::ValueType::i32, 10, 0}});
        const Outcome seen{result.trap, result.values, store.machine().fuel, store.machine().steps};
        if (!(seen == Outcome{Trap::none, one(55), 1000 - 92, 92})) FAIL("the tiers differ");
        if (first == nullptr) first = f->function->entry;
        if (f->function->entry != first) ++calls_after;
    }
    CHECK(calls_after == 10);
}

TEST_CASE("execution stops before the round that fuel does not suffice for, and fails if it ends with less than none") {
    check_tiers(module_with(sum_body), 10, 25, {Trap::out_of_fuel, {}, -2, 18});
    check_tiers(module_with(sum_body), 10, 91, {Trap::out_of_fuel, {}, -1, 92});
}

TEST_CASE("a load at the memory's last byte works and one byte further traps") {
    // i32.load8_u offset=65530 local0
    const auto bytes = module_with({0, 0x20, 0, 0x2D, 0, 0xFA, 0xFF, 0x03, 0x0B});
    check_tiers(bytes, 5, 100, {Trap::none, one(0), 97, 3});
    check_tiers(bytes, 6, 100, {Trap::memory_out_of_bounds, {}, 97, 3});
    check_tiers(bytes, 0xFFFFFFFF, 100, {Trap::memory_out_of_bounds, {}, 97, 3});
}

TEST_CASE("unbounded recursion ends at the declared stack limit at the same depth in all tiers") {
    // f(x) = f(x + 1)
    const auto bytes = module_with({0, 0x20, 0, 0x41, 1, 0x6A, 0x10, 0, 0x0B});
    const auto interpreted = run(bytes, 0, 1'000'000'000, nullptr);
    CHECK(interpreted.trap == Trap::call_stack_exhausted);
    CHECK(interpreted.steps > 10'000);
    constexpr std::size_t arena_bytes = 1U << 20U;
    for (const auto& compiler :
         {jit::make_baseline_compiler(), jit::make_baseline_compiler(arena_bytes, jit::Stops::no, Warmth{0, 1}),
          jit::make_optimizing_compiler(), jit::make_adaptive_compiler()})
        if (compiler != nullptr) CHECK(run(bytes, 0, 1'000'000'000, compiler) == interpreted);
}

TEST_CASE("growing memory charges by the page and fails beyond the declared maximum") {
    const auto bytes = module_with({0, 0x20, 0, 0x40, 0, 0x0B});
    check_tiers(bytes, 1, 10'000, {Trap::none, one(1), 10'000 - 66 - 1024, 3});
    check_tiers(bytes, 2, 10'000, {Trap::none, one(0xFFFFFFFF), 10'000 - 66, 3});
    check_tiers(bytes, 1, 100, {Trap::out_of_fuel, {}, 100 - 66 - 1024, 3});
}

TEST_CASE("divisions trap by zero and by overflow") {
    // local0 / (local0 - 5), and the least number / local0
    const auto by_zero = module_with({0, 0x20, 0, 0x20, 0, 0x41, 5, 0x6B, 0x6D, 0x0B});
    check_tiers(by_zero, 5, 100, {Trap::integer_divide_by_zero, {}, 100 - 21, 6});
    check_tiers(by_zero, 7, 100, {Trap::none, one(3), 100 - 21, 6});
    const auto overflow = module_with({0, 0x41, 0x80, 0x80, 0x80, 0x80, 0x78, 0x20, 0, 0x6D, 0x0B});
    check_tiers(overflow, 0xFFFFFFFF, 100, {Trap::integer_overflow, {}, 100 - 19, 4});
}

TEST_CASE("an f32 leaves nothing of a wider number beside it") {
    // A mutable global of f32, "g", set to local0 / 1.5 as f64, demoted.
    const Bytes bytes{0, 'a', 's', 'm', 1, 0,   0,    0,    1,    6,    1,    0x60, 1,    0x7F, 1,   0x7F, 3,
                      2, 1,   0,   6,   9, 1,   0x7D, 1,    0x43, 0,    0,    0,    0,    0x0B, 7,   9,    2,
                      1, 'f', 0,   0,   1, 'g', 3,    0,    10,   22,   1,    20,   0,    0x20, 0,   0xB8, 0x44,
                      0, 0,   0,   0,   0, 0,   0xF8, 0x3F, 0xA3, 0xB6, 0x24, 0,    0x41, 0,    0x0B};
    const auto module = wasm::load(bytes);
    REQUIRE_MESSAGE(module.ok(), module.error().message);
    for (const auto& compiler : {std::shared_ptr<Compiler>{}, jit::make_baseline_compiler()}) {
        Store store(deterministic_profile());
        const auto made = store.instantiate(std::make_shared<CompiledModule>(*module, compiler),
                                            [](const wasm::Import&) { return std::nullopt; });
        REQUIRE(made.ok());
        CHECK(store.call(*made->instance->find_export("f"), {{wasm::ValueType::i32, 3, 0}}).trap == Trap::none);
        CHECK(made->instance->find_export("g")->global->value[0] == 0x40000000);
    }
}

TEST_CASE("a branch table of one target may lead to the next block, charged or not") {
    // block: local.get 0, br_table 0 (no cases) end; local0. All is charged at the start.
    check_tiers(module_with({0, 0x02, 0x40, 0x20, 0, 0x0E, 0, 0, 0x0B, 0x20, 0, 0x0B}), 7, 100,
                {Trap::none, one(7), 100 - 7, 4});
}

TEST_CASE("a NaN made by arithmetic is the canonical one in all tiers") {
    // reinterpret(0.0 / 0.0 as f32)
    const auto bytes = module_with({0, 0x43, 0, 0, 0, 0, 0x43, 0, 0, 0, 0, 0x95, 0xBC, 0x0B});
    CHECK(run(bytes, 0, 100, nullptr).values == one(0x7FC00000));
    constexpr std::size_t arena_bytes = 1U << 20U;
    for (const auto& compiler :
         {jit::make_baseline_compiler(), jit::make_baseline_compiler(arena_bytes, jit::Stops::no, Warmth{0, 1}),
          jit::make_optimizing_compiler(), jit::make_adaptive_compiler()})
        if (compiler != nullptr) CHECK(run(bytes, 0, 100, compiler).values == one(0x7FC00000));
}

TEST_CASE("a NaN that is stored, and used after that, is the canonical one in all tiers") {
    // f64.store or f32.store offset at 0 of (0 / 0) * local0, then the stored upper or only word.
    const Bytes wide{0, 0x41, 0, 0x44, 0,    0, 0,    0,    0,    0, 0, 0,    0x44, 0,    0, 0,  0,   0,
                     0, 0,    0, 0xA3, 0x20, 0, 0xB7, 0xA2, 0x39, 3, 8, 0x41, 0,    0x28, 2, 12, 0x0B};
    const Bytes narrow{0,    0x41, 0,    0x43, 0,    0, 0, 0,    0x43, 0,    0, 0, 0,   0x95,
                       0x20, 0,    0xB2, 0x94, 0x38, 2, 8, 0x41, 0,    0x28, 2, 8, 0x0B};
    for (std::uint32_t argument : {0U, 5U}) {
        check_tiers(module_with(wide), argument, 100, {Trap::none, one(0x7FF80000), 100 - 22, 11});
        check_tiers(module_with(narrow), argument, 100, {Trap::none, one(0x7FC00000), 100 - 22, 11});
    }
    // An infinity takes the same way and stays: 1 / 0.
    const Bytes infinite{0, 0x41, 0,    0x43, 0, 0,    0x80, 0x3F, 0x43, 0, 0,   0,
                         0, 0x95, 0x38, 2,    8, 0x41, 0,    0x28, 2,    8, 0x0B};
    check_tiers(module_with(infinite), 0, 100, {Trap::none, one(0x7F800000), 100 - 19, 8});
}

TEST_CASE("the bits of one number without those of another") {
    // (local0 ^ -1) & (local0 * 3)
    const Bytes body{0, 0x20, 0, 0x41, 0x7F, 0x73, 0x20, 0, 0x41, 3, 0x6C, 0x71, 0x0B};
    for (std::uint32_t argument : {0U, 1U, 0x12345678U, 0xFFFFFFFFU})
        check_tiers(module_with(body), argument, 100, {Trap::none, one(~argument & (argument * 3)), 92, 8});
}

TEST_CASE("a block that costs much more fuel than it has steps stops exactly where the fuel ends") {
    // Sixteen divisions by local0 + 1: more fuel than one byte tells.
    Bytes body{0, 0x20, 0};
    for (int k = 0; k < 16; ++k) append(body, Bytes{0x20, 0, 0x41, 1, 0x6A, 0x6E});
    append(body, Bytes{0x0B});
    constexpr std::int64_t cost = 2 + 16 * 19;
    check_tiers(module_with(body), 6, cost, {Trap::none, one(0), 0, 66});
    check_tiers(module_with(body), 6, cost - 1, {Trap::out_of_fuel, {}, -1, 0});
}

}  // namespace
}  // namespace troupe::vm
