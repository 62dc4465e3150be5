// Compiled code that stops between two blocks, and goes on in the interpreter.
#include <doctest/doctest.h>

#include "jit/baseline/baseline.hpp"
#include "vm/engine/store.hpp"

namespace troupe::vm {
namespace {

/// f(n): n == 0 ? 0 : n + f(n - 1), by recursion.
const Bytes recursion{0,    'a',  's', 'm',  1,    0, 0,    0, 1,    6,  1,    0x60, 1,  0x7F, 1,    0x7F, 3,    2,
                      1,    0,    7,   5,    1,    1, 'f',  0, 0,    10, 23,   1,    21, 0,    0x20, 0,    0x45, 0x04,
                      0x7F, 0x41, 0,   0x05, 0x20, 0, 0x20, 0, 0x41, 1,  0x6B, 0x10, 0,  0x6A, 0x0B, 0x0B};

/// The same with a function of vectors, left to the interpreter, before each recursion:
/// f(n): n == 0 ? 0 : n + f(g(n) - 1), g(n): lane 0 of splat(n).
const Bytes with_vectors{0, 'a',  's',  'm',  1,    0, 0,    0,    1,    6,    1,    0x60, 1,  0x7F, 1,  0x7F, 3,
                         3, 2,    0,    0,    7,    5, 1,    1,    'f',  0,    0,    10,   35, 2,    23, 0,    0x20,
                         0, 0x45, 0x04, 0x7F, 0x41, 0, 0x05, 0x20, 0,    0x20, 0,    0x10, 1,  0x41, 1,  0x6B, 0x10,
                         0, 0x6A, 0x0B, 0x0B, 9,    0, 0x20, 0,    0xFD, 0x11, 0xFD, 0x1B, 0,  0x0B};

struct Bench {
    Store store{deterministic_profile()};
    Extern function;

    Bench(const Bytes& bytes, const std::shared_ptr<Compiler>& compiler) {
        const auto module = wasm::load(bytes);
        REQUIRE_MESSAGE(module.ok(), module.error().message);
        const auto made = store.instantiate(std::make_shared<CompiledModule>(*module, compiler),
                                            [](const wasm::Import&) { return std::nullopt; });
        REQUIRE(made.ok());
        function = *made->instance->find_export("f");
        store.machine().fuel = 100'000;
    }
};

const std::vector<Value> twenty{{wasm::ValueType::i32, 20, 0}};
const std::vector<Value> sum_to_twenty{{wasm::ValueType::i32, 210, 0}};

void check_every_stop(const Bytes& bytes) {
    const auto compiler = jit::make_baseline_compiler(64U << 20U, jit::Stops::yes);
    if (compiler == nullptr) return;
    Bench whole(bytes, nullptr);
    REQUIRE(whole.store.call(whole.function, twenty).values == sum_to_twenty);
    const auto& expected = whole.store.machine();
    for (std::uint64_t stop = 0; stop <= expected.steps; ++stop) {
        Bench bench(bytes, compiler);
        Bench reference(bytes, nullptr);
        auto& machine = bench.store.machine();
        auto result = bench.store.call_until(bench.function, twenty, stop);
        CHECK(reference.store.call_until(reference.function, twenty, stop).values == result.values);
        const auto& interpreted = reference.store.machine();
        REQUIRE(machine.is_paused() == interpreted.is_paused());
        CHECK(machine.steps == interpreted.steps);
        CHECK(machine.fuel == interpreted.fuel);
        CHECK(machine.stack_units_left == interpreted.stack_units_left);
        REQUIRE(machine.frame_count == interpreted.frame_count);
        for (std::size_t k = 1; k < machine.frame_count; ++k) {
            const auto& frame = machine.frames[k];
            const auto& same = interpreted.frames[k];
            CHECK(frame.next - frame.start == same.next - same.start);
            CHECK(frame.slots - machine.stack == same.slots - interpreted.stack);
            CHECK(frame.slots[0] == same.slots[0]);
            CHECK(frame.stack_units == same.stack_units);
            CHECK(frame.result == same.result);
        }
        if (machine.is_paused()) {
            CHECK(machine.paused.slots[0] == interpreted.paused.slots[0]);
            result = bench.store.resume(bench.function, UINT64_MAX);
        }
        CHECK(result.values == sum_to_twenty);
        CHECK(machine.steps == expected.steps);
        CHECK(machine.fuel == expected.fuel);
        CHECK(machine.frame_count == 0);
        CHECK(machine.stack_units_left == machine.limits.stack_units);
    }
}

TEST_CASE("compiled code stopped at any instruction count shows the interpreter's frames and goes on to the same end") {
    check_every_stop(recursion);
}

TEST_CASE("a call of a function that is not compiled is where the interpreter takes over") {
    check_every_stop(with_vectors);
}

TEST_CASE("compiled code that is out of fuel waits for more, or traps where it was not to stop") {
    const auto compiler = jit::make_baseline_compiler(64U << 20U, jit::Stops::yes);
    if (compiler == nullptr) return;
    Bench bench(recursion, compiler);
    auto& machine = bench.store.machine();
    machine.fuel = 50;
    REQUIRE(bench.store.call_until(bench.function, twenty, UINT64_MAX).trap == Trap::none);
    REQUIRE(machine.is_paused());
    CHECK(machine.fuel < machine.paused.next->low());
    CHECK(machine.paused.next->a != 0);
    machine.fuel += 100'000;
    CHECK(bench.store.resume(bench.function, UINT64_MAX).values == sum_to_twenty);

    machine.fuel = 50;
    REQUIRE(bench.store.call_until(bench.function, twenty, UINT64_MAX).trap == Trap::none);
    machine.abandon();
    CHECK_FALSE(machine.is_paused());
    CHECK(machine.stack_units_left == machine.limits.stack_units);

    machine.fuel = 50;
    CHECK(bench.store.call(bench.function, twenty).trap == Trap::out_of_fuel);
}

}  // namespace
}  // namespace troupe::vm
