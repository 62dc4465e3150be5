// Memory that is paid for by the chunk, in the interpreter and in compiled code.
#include <doctest/doctest.h>

#include "jit/baseline/baseline.hpp"
#include "vm/engine/store.hpp"

namespace troupe::vm {
namespace {

/// f(at): i64.store of 1 at `at`, in a memory of one page; g(at, n): memory.fill of n zeros.
const Bytes writes{0,    'a',  's',  'm', 1,   0,    0, 0,    1,  10,   2, 0x60, 1,    0x7F, 0,    0x60, 2,
                   0x7F, 0x7F, 0,    3,   3,   2,    0, 1,    5,  3,    1, 0,    1,    7,    9,    2,    1,
                   'f',  0,    0,    1,   'g', 0,    1, 10,   23, 2,    9, 0,    0x20, 0,    0x42, 1,    0x37,
                   0,    0,    0x0B, 11,  0,   0x20, 0, 0x41, 0,  0x20, 1, 0xFC, 0x0B, 0,    0x0B};

constexpr std::int64_t fuel = 100'000'000;
constexpr std::uint32_t chunk_fuel = 100'000;

struct Bench {
    Store store;
    ModuleInstance* instance = nullptr;

    [[nodiscard]] static Profile profile() {
        auto out = deterministic_profile();
        out.machine.fuel_per_dirty_chunk = chunk_fuel;
        return out;
    }
    explicit Bench(const std::shared_ptr<Compiler>& compiler) : store(profile()) {
        const auto module = wasm::load(writes);
        REQUIRE_MESSAGE(module.ok(), module.error().message);
        const auto made = store.instantiate(std::make_shared<CompiledModule>(*module, compiler, Passes::none, true),
                                            [](const wasm::Import&) { return std::nullopt; });
        REQUIRE(made.ok());
        instance = made->instance;
    }
    /// Chunks paid for, beside a fuel of less than one chunk.
    [[nodiscard]] std::int64_t chunks(std::string_view name, std::vector<std::uint32_t> arguments) {
        store.machine().fuel = fuel;
        CHECK(call(name, std::move(arguments)) == Trap::none);
        return (fuel - store.machine().fuel) / chunk_fuel;
    }
    [[nodiscard]] Trap call(std::string_view name, std::vector<std::uint32_t> arguments) {
        std::vector<Value> values;
        for (auto a : arguments) values.push_back({wasm::ValueType::i32, a, 0});
        return store.call(*instance->find_export(name), values).trap;
    }
};

void check(const std::shared_ptr<Compiler>& compiler) {
    Bench bench(compiler);
    CHECK(bench.chunks("f", {0}) == 1);
    // Each call begins with clean chunks.
    CHECK(bench.chunks("f", {0}) == 1);
    CHECK(bench.chunks("f", {4088}) == 1);
    CHECK(bench.chunks("f", {4089}) == 2);
    CHECK(bench.chunks("f", {65'528}) == 1);
    CHECK(bench.chunks("g", {100, 0}) == 0);
    CHECK(bench.chunks("g", {4000, 8192}) == 3);
    CHECK(bench.chunks("g", {0, 65'536}) == 16);

    // What does not fit writes nothing and pays for nothing.
    auto& machine = bench.store.machine();
    machine.fuel = fuel;
    CHECK(bench.call("f", {65'529}) == Trap::memory_out_of_bounds);
    CHECK(machine.fuel > fuel - chunk_fuel);

    machine.fuel = chunk_fuel;
    CHECK(bench.call("f", {0}) == Trap::out_of_fuel);
    CHECK(machine.fuel < 0);
}

TEST_CASE("a call pays for each chunk of memory that it writes to, once") {
    check(nullptr);
    check(jit::make_baseline_compiler());
}

TEST_CASE("code made for other charges is refused") {
    const auto module = wasm::load(writes);
    REQUIRE(module.ok());
    Store store(Bench::profile());
    CHECK_FALSE(
        store.link(std::make_shared<CompiledModule>(*module), [](const wasm::Import&) { return std::nullopt; }).ok());
}

}  // namespace
}  // namespace troupe::vm
