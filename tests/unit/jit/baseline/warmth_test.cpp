// Functions that are interpreted until they are warm, and calls that go on in machine code.
#include <doctest/doctest.h>

#include "jit/baseline/baseline.hpp"
#include "vm/engine/store.hpp"

namespace troupe::vm {
namespace {

/// f(n): the sum of 1 to n, by a loop of nine steps and ten fuel a round.
const Bytes sum_module{0,  'a',  's', 'm',  1, 0,    0,    0,    1,    6, 1,    0x60, 1,    0x7F,
                       1,  0x7F, 3,   2,    1, 0,    7,    5,    1,    1, 'f',  0,    0,    10,
                       27, 1,    25,  1,    1, 0x7F, 0x03, 0x40, 0x20, 1, 0x20, 0,    0x6A, 0x21,
                       1,  0x20, 0,   0x41, 1, 0x6B, 0x22, 0,    0x0D, 0, 0x0B, 0x20, 1,    0x0B};

struct Bench {
    Store store{deterministic_profile()};
    Extern function;

    explicit Bench(const std::shared_ptr<Compiler>& compiler) {
        const auto module = wasm::load(sum_module);
        REQUIRE_MESSAGE(module.ok(), module.error().message);
        const auto made = store.instantiate(std::make_shared<CompiledModule>(*module, compiler),
                                            [](const wasm::Import&) { return std::nullopt; });
        REQUIRE(made.ok());
        function = *made->instance->find_export("f");
    }
    [[nodiscard]] CallResult sum_to(std::uint32_t n) { return store.call(function, {{wasm::ValueType::i32, n, 0}}); }
};

[[nodiscard]] std::shared_ptr<Compiler> warming(const Warmth& warmth) {
    return jit::make_baseline_compiler(1U << 20U, jit::Stops::no, warmth);
}

TEST_CASE("a function that runs a few instructions is not compiled") {
    const auto compiler = warming({});
    if (compiler == nullptr) return;
    Bench bench(compiler);
    CHECK(bench.sum_to(10).values[0].low == 55);
    CHECK(bench.function.function->entry == nullptr);
}

TEST_CASE("many short calls make a function warm") {
    const auto compiler = warming({});
    if (compiler == nullptr) return;
    Bench bench(compiler);
    for (int k = 0; k < 1000 && bench.function.function->entry == nullptr; ++k)
        CHECK(bench.sum_to(10).values[0].low == 55);
    CHECK(bench.function.function->entry != nullptr);
}

TEST_CASE("a long call goes on in machine code from any of its rounds, with all counts kept") {
    for (const std::uint32_t between : {1U, 2U, 5U, 9U, 10U, 100U, 1000U, 5000U}) {
        const auto compiler = warming({0, between});
        if (compiler == nullptr) return;
        Bench bench(compiler);
        Bench reference(nullptr);
        for (const std::uint32_t n : {1000U, 1U}) {
            CHECK(bench.sum_to(n).values == reference.sum_to(n).values);
            CHECK(bench.store.machine().steps == reference.store.machine().steps);
            CHECK(bench.store.machine().fuel == reference.store.machine().fuel);
            CHECK(bench.store.machine().stack_units_left == bench.store.machine().limits.stack_units);
            CHECK(bench.store.machine().frame_count == 0);
        }
        CHECK(bench.function.function->entry != nullptr);
    }
}

TEST_CASE("fuel runs out at the same block, wherever the call went over to machine code") {
    const auto compiler = warming({0, 30});
    if (compiler == nullptr) return;
    for (std::int64_t fuel = 0; fuel < 200; ++fuel) {
        Bench bench(compiler);
        Bench reference(nullptr);
        bench.store.machine().fuel = reference.store.machine().fuel = fuel;
        CHECK(bench.sum_to(15).trap == reference.sum_to(15).trap);
        CHECK(bench.store.machine().fuel == reference.store.machine().fuel);
        CHECK(bench.store.machine().steps == reference.store.machine().steps);
    }
}

}  // namespace
}  // namespace troupe::vm
