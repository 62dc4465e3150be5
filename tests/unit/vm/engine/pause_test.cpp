// Calls that stop and go on.
#include <doctest/doctest.h>

#include "vm/engine/store.hpp"

namespace troupe::vm {
namespace {

/// f(n): n == 0 ? 0 : n + f(n - 1), by recursion.
const Bytes sum_module{0,    'a',  's', 'm',  1,    0, 0,    0, 1,    6,  1,    0x60, 1,  0x7F, 1,    0x7F, 3,    2,
                       1,    0,    7,   5,    1,    1, 'f',  0, 0,    10, 23,   1,    21, 0,    0x20, 0,    0x45, 0x04,
                       0x7F, 0x41, 0,   0x05, 0x20, 0, 0x20, 0, 0x41, 1,  0x6B, 0x10, 0,  0x6A, 0x0B, 0x0B};

struct Bench {
    Store store{deterministic_profile()};
    FunctionObject* function = nullptr;

    Bench() {
        const auto module = wasm::load(sum_module);
        REQUIRE_MESSAGE(module.ok(), module.error().message);
        const auto made = store.instantiate(std::make_shared<CompiledModule>(*module),
                                            [](const wasm::Import&) { return std::nullopt; });
        REQUIRE(made.ok());
        function = made->instance->find_export("f")->function;
        store.machine().fuel = 100'000;
        store.machine().stack[0] = 20;
    }
};

TEST_CASE("a call paused at any instruction count goes on to the same end") {
    Bench whole;
    REQUIRE(call(whole.store.machine(), *whole.function, nullptr, whole.store.machine().stack) == Trap::none);
    const auto& expected = whole.store.machine();
    CHECK(expected.stack[0] == 210);
    for (std::uint64_t stop = 0; stop < expected.steps; ++stop) {
        Bench bench;
        auto& machine = bench.store.machine();
        REQUIRE(interpret_until(machine, *bench.function, machine.stack, stop) == Trap::none);
        REQUIRE(machine.is_paused());
        CHECK(machine.steps <= stop);
        // What it is about to do would go beyond.
        CHECK(machine.steps + machine.paused.next->high() > stop);
        REQUIRE(resume(machine, UINT64_MAX) == Trap::none);
        CHECK_FALSE(machine.is_paused());
        CHECK(machine.stack[0] == 210);
        CHECK(machine.steps == expected.steps);
        CHECK(machine.fuel == expected.fuel);
        CHECK(machine.frame_count == 0);
        CHECK(machine.stack_units_left == machine.limits.stack_units);
    }
}

TEST_CASE("a paused call shows its frames") {
    Bench bench;
    auto& machine = bench.store.machine();
    REQUIRE(interpret_until(machine, *bench.function, machine.stack, 40) == Trap::none);
    REQUIRE(machine.is_paused());
    REQUIRE(machine.frame_count > 2);
    // The argument of each call stands in its frame's first slot.
    CHECK(machine.stack[0] == 20);
    CHECK(machine.paused.slots[0] == 20 - (machine.frame_count - 1));
}

TEST_CASE("a call that is out of fuel goes on when it gets more") {
    Bench bench;
    auto& machine = bench.store.machine();
    machine.fuel = 50;
    REQUIRE(interpret_until(machine, *bench.function, machine.stack, UINT64_MAX) == Trap::none);
    REQUIRE(machine.is_paused());
    CHECK(machine.fuel < machine.paused.next->low());
    CHECK(machine.paused.next->a != 0);
    machine.fuel += 100'000;
    REQUIRE(resume(machine, UINT64_MAX) == Trap::none);
    CHECK(machine.stack[0] == 210);
}

}  // namespace
}  // namespace troupe::vm
