// Memory that is paid for by the chunk: the same in every tier, wherever the fuel ends.
#include <doctest/doctest.h>

#include "jit/baseline/baseline.hpp"
#include "jit/opt/opt.hpp"
#include "vm/engine/store.hpp"

namespace troupe::vm {
namespace {

void append_number(Bytes& out, std::size_t n) {
    for (; n > 0x7F; n >>= 7) out.push_back(static_cast<std::uint8_t>(n | 0x80));
    out.push_back(static_cast<std::uint8_t>(n));
}
void append_section(Bytes& out, std::uint8_t id, const Bytes& content) {
    out.push_back(id);
    append_number(out, content.size());
    append(out, content);
}

/// Functions of type (at i32, n i32) -> (), exported as "a", "b", ... in this order, with a memory of three pages and a
/// passive segment of 9,000 bytes.
enum Body : std::uint8_t { store64, fill, copy, init, store_each_kilobyte, store_call_store, fields, fixed };
const std::vector<Bytes> bodies{
    // at: i64 = 1
    {0x20, 0, 0x42, 1, 0x37, 0, 0},
    {0x20, 0, 0x41, 5, 0x20, 1, 0xFC, 0x0B, 0},
    {0x20, 0, 0x41, 0, 0x20, 1, 0xFC, 0x0A, 0, 0},
    {0x20, 0, 0x41, 0, 0x20, 1, 0xFC, 0x08, 0, 0},
    // do { at: i32 = n; at += 1000; } while (--n)
    {0x03, 0x40, 0x20, 0,    0x20, 1,    0x36, 0,    0,    0x20, 0,    0x41, 0xE8, 0x07,
     0x6A, 0x21, 0,    0x20, 1,    0x41, 0x7F, 0x6A, 0x22, 1,    0x0D, 0,    0x0B},
    // at: i16 = n; a(at + 4096, n); at + 6: i8 = n; at + 4100: i32 = n
    {0x20, 0,    0x20, 1,    0x3B, 0,    0, 0x20, 0,    0x41, 0x80, 0x20, 0x6A, 0x20, 1,    0x10,
     0,    0x20, 0,    0x20, 1,    0x3A, 0, 6,    0x20, 0,    0x20, 1,    0x36, 0,    0x84, 0x20},
    // With base = at & -16: i64 at base + 8, base, at + 4092, at + 24, at + 2048; i32 at (at - 8) + 12
    {0x20, 0,    0x41, 0x70, 0x71, 0x42, 2,    0x37, 0,    8,    0x20, 0,    0x41, 0x70, 0x71, 0x42, 3,  0x37,
     0,    0,    0x20, 0,    0x42, 4,    0x37, 0,    0xFC, 0x1F, 0x20, 0,    0x42, 5,    0x37, 0,    24, 0x20,
     0,    0x42, 6,    0x37, 0,    0x80, 0x10, 0x20, 0,    0x41, 8,    0x6B, 0x20, 1,    0x36, 0,    12},
    // i64 at 100, 4092 (into the next chunk), 8; f32 at 8192
    {0x41, 0, 0x42, 7, 0x37, 0,    0xE4, 0,    0x41, 0xFC, 0x1F, 0x42, 8,    0x37, 0,    0,    0x41, 8,
     0x42, 9, 0x37, 0, 0,    0x41, 0,    0x43, 0,    0,    0x80, 0x3F, 0x38, 0,    0x80, 0xC0, 0},
};

[[nodiscard]] Bytes make_module() {
    Bytes out{0, 'a', 's', 'm', 1, 0, 0, 0};
    const auto count = static_cast<std::uint8_t>(bodies.size());
    append_section(out, 1, {1, 0x60, 2, 0x7F, 0x7F, 0});
    Bytes types{count};
    Bytes exports{count};
    Bytes code{count};
    for (std::uint8_t k = 0; k < count; ++k) {
        types.push_back(0);
        append(exports, Bytes{1, static_cast<std::uint8_t>('a' + k), 0, k});
        append_number(code, bodies[k].size() + 2);
        code.push_back(0);
        append(code, bodies[k]);
        code.push_back(0x0B);
    }
    append_section(out, 3, types);
    append_section(out, 5, {1, 0, 3});
    append_section(out, 7, exports);
    append_section(out, 12, {1});
    append_section(out, 10, code);
    Bytes data{1, 1};
    append_number(data, 9000);
    data.resize(data.size() + 9000, 0xAB);
    append_section(out, 11, data);
    return out;
}

struct Outcome {
    Trap trap = Trap::none;
    std::int64_t fuel = 0;
    std::uint64_t steps = 0;
    Bytes memory;
    bool operator==(const Outcome&) const = default;
};

struct Bench {
    Store store;
    ModuleInstance* instance = nullptr;

    [[nodiscard]] static Profile profile(std::uint32_t chunk_fuel) {
        auto out = deterministic_profile();
        out.machine.fuel_per_dirty_chunk = chunk_fuel;
        return out;
    }
    Bench(const std::shared_ptr<Compiler>& compiler, std::uint32_t chunk_fuel) : store(profile(chunk_fuel)) {
        static const auto module = wasm::load(make_module());
        REQUIRE_MESSAGE(module.ok(), module.error().message);
        const auto made = store.instantiate(std::make_shared<CompiledModule>(*module, compiler, Passes::none, true),
                                            [](const wasm::Import&) { return std::nullopt; });
        REQUIRE(made.ok());
        instance = made->instance;
    }
    [[nodiscard]] Outcome call(Body body, std::uint32_t at, std::uint32_t n, std::int64_t fuel) {
        auto& memory = *instance->instance.memory;
        std::fill_n(memory.base, memory.size_bytes, std::uint8_t{0});
        store.machine().fuel = fuel;
        store.machine().steps = 0;
        const auto result = store.call(*instance->find_export(std::string(1, static_cast<char>('a' + body))),
                                       {{wasm::ValueType::i32, at, 0}, {wasm::ValueType::i32, n, 0}});
        return {result.trap, store.machine().fuel, store.machine().steps,
                Bytes(memory.base, memory.base + memory.size_bytes)};
    }
    /// Chunks paid for, beside a fuel of less than one chunk.
    [[nodiscard]] std::int64_t chunks(Body body, std::uint32_t at, std::uint32_t n) {
        constexpr std::int64_t fuel = 100'000'000;
        const auto outcome = call(body, at, n, fuel);
        CHECK(outcome.trap == Trap::none);
        return (fuel - outcome.fuel) / store.machine().limits.fuel_per_dirty_chunk;
    }
};

[[nodiscard]] std::vector<std::shared_ptr<Compiler>> compilers() {
    constexpr std::size_t arena_bytes = 1U << 20U;
    return {nullptr,
            jit::make_baseline_compiler(arena_bytes),
            jit::make_baseline_compiler(arena_bytes, jit::Stops::yes),
            jit::make_baseline_compiler(arena_bytes, jit::Stops::no, Warmth{0, 1}),
            jit::make_optimizing_compiler(arena_bytes),
            jit::make_adaptive_compiler(arena_bytes)};
}

TEST_CASE("a call pays for each chunk of memory that it writes to, once") {
    for (const auto& compiler : compilers()) {
        Bench bench(compiler, 100'000);
        CHECK(bench.chunks(store64, 0, 0) == 1);
        // Each call begins with clean chunks.
        CHECK(bench.chunks(store64, 0, 0) == 1);
        CHECK(bench.chunks(store64, 4088, 0) == 1);
        CHECK(bench.chunks(store64, 4089, 0) == 2);
        CHECK(bench.chunks(store64, 3 * 65'536 - 8, 0) == 1);
        CHECK(bench.chunks(fill, 100, 0) == 0);
        CHECK(bench.chunks(fill, 4000, 8192) == 3);
        CHECK(bench.chunks(fill, 0, 65'536) == 16);
        CHECK(bench.chunks(copy, 4095, 2) == 2);
        CHECK(bench.chunks(init, 8191, 4098) == 3);
        CHECK(bench.chunks(store_each_kilobyte, 0, 50) == 12);
        CHECK(bench.chunks(store_call_store, 0, 1) == 2);
        CHECK(bench.chunks(store_call_store, 4095, 1) == 3);
        CHECK(bench.chunks(fields, 16, 1) == 2);
        CHECK(bench.chunks(fields, 4088, 1) == 2);
        CHECK(bench.chunks(fixed, 0, 0) == 3);
    }
}

TEST_CASE("what does not fit writes nothing and pays for nothing") {
    constexpr std::int64_t fuel = 100'000'000;
    constexpr std::uint32_t chunk_fuel = 1'000'000;
    for (const auto& compiler : compilers()) {
        Bench bench(compiler, chunk_fuel);
        for (const auto& [body, at, n] : {std::tuple{store64, 3U * 65'536 - 7, 0U},
                                          {store64, 0xFFFFFFFF, 0U},
                                          {fill, 3U * 65'536, 1U},
                                          {copy, 3U * 65'536 - 1, 2U},
                                          {init, 0U, 9001U}}) {
            const auto outcome = bench.call(body, at, n, fuel);
            CHECK(outcome.trap == Trap::memory_out_of_bounds);
            CHECK(outcome.fuel > fuel - chunk_fuel);
            CHECK(std::ranges::all_of(outcome.memory, [](auto byte) { return byte == 0; }));
        }
    }
}

TEST_CASE("what a bulk operation can't pay for is not written, what a store can't pay for is") {
    for (const auto& compiler : compilers()) {
        Bench bench(compiler, 1000);
        const auto filled = bench.call(fill, 0, 4096 * 3, 3000);
        CHECK(filled.trap == Trap::out_of_fuel);
        CHECK(filled.fuel < 0);
        CHECK(filled.memory[0] == 0);
        const auto stored = bench.call(store64, 0, 0, 1000);
        CHECK(stored.trap == Trap::out_of_fuel);
        CHECK(stored.fuel < 0);
        CHECK(stored.memory[0] == 1);
    }
}

TEST_CASE("wherever the fuel ends, all tiers end in the same state") {
    const auto all = compilers();
    constexpr std::uint32_t chunk_fuel = 11;
    Bench interpreter(nullptr, chunk_fuel);
    for (std::size_t k = 1; k < all.size(); ++k) {
        Bench bench(all[k], chunk_fuel);
        for (std::uint8_t body = 0; body < bodies.size(); ++body)
            for (const auto at : {0U, 8U, 3000U, 4088U, 4090U, 4095U, 8180U, 190'000U, 3U * 65'536 - 12}) {
                const std::uint32_t n = body == store_each_kilobyte ? 9 : 5000;
                constexpr std::int64_t fuel_max = 1000;
                const auto used = fuel_max - interpreter.call(Body{body}, at, n, fuel_max).fuel;
                for (std::int64_t fuel = 0; fuel <= used + 1; fuel += body == fill || body == copy ? 3 : 1) {
                    const auto expected = interpreter.call(Body{body}, at, n, fuel);
                    const auto seen = bench.call(Body{body}, at, n, fuel);
                    REQUIRE_MESSAGE(seen == expected, "compiler ", k, ", function ", int{body}, ", at ", at, ", fuel ",
                                    fuel, ": left ", seen.fuel, " for ", expected.fuel);
                }
            }
    }
}

TEST_CASE("code that pays for chunks is optimized") {
    const auto compiler = jit::make_optimizing_compiler(1U << 20U);
    if (compiler == nullptr) return;
    CompiledModule module(*wasm::load(make_module()), compiler, Passes::none, true);
    for (std::uint8_t body = 0; body < bodies.size(); ++body) {
        const auto* made = module.made(body);
        REQUIRE(made != nullptr);
        // Only this tier has such entries.
        CHECK(made->compiled.fast != nullptr);
    }
}

TEST_CASE("code made for other charges is refused") {
    const auto module = wasm::load(make_module());
    REQUIRE(module.ok());
    Store store(Bench::profile(1));
    CHECK_FALSE(
        store.link(std::make_shared<CompiledModule>(*module), [](const wasm::Import&) { return std::nullopt; }).ok());
}

}  // namespace
}  // namespace troupe::vm
