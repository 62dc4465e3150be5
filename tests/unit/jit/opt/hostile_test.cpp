// Modules made to cost more than they should: each is refused or made ready in time and memory that its size bounds.
#include <cstdlib>
#include <ctime>
#include <functional>

#include <doctest/doctest.h>

#include "jit/baseline/baseline.hpp"
#include "jit/opt/opt.hpp"
#include "vm/dmir/verifier.hpp"
#include "vm/engine/store.hpp"
#include "vm/wasm/optimize.hpp"

namespace troupe::vm {
namespace {

void leb(Bytes& out, std::uint64_t n) {
    do {
        out.push_back(static_cast<std::uint8_t>(n >= 0x80 ? (n & 0x7F) | 0x80 : n));
        n >>= 7U;
    } while (n != 0);
}
void add_section(Bytes& out, std::uint8_t id, const Bytes& content) {
    out.push_back(id);
    leb(out, content.size());
    append(out, content);
}
void repeat(Bytes& out, std::size_t n, const Bytes& piece) {
    for (std::size_t i = 0; i < n; ++i) append(out, piece);
}

/// A module with one page of memory, a table of ten functions, and one function "f" of type () -> () with `locals` of
/// i32. Type 1 takes and gives a thousand i32.
[[nodiscard]] Bytes module_of(std::uint32_t locals, const Bytes& body) {
    Bytes out{0, 'a', 's', 'm', 1, 0, 0, 0};
    Bytes types{2, 0x60, 0, 0, 0x60};
    for (int side = 0; side < 2; ++side) {
        leb(types, 1000);
        types.insert(types.end(), 1000, 0x7F);
    }
    add_section(out, 1, types);
    add_section(out, 3, {1, 0});
    add_section(out, 4, {1, 0x70, 0, 10});
    add_section(out, 5, {1, 0, 1});
    add_section(out, 7, {1, 1, 'f', 0, 0});
    Bytes function{1};
    leb(function, locals);
    function.push_back(0x7F);
    append(function, body);
    function.push_back(0x0B);
    Bytes code{1};
    leb(code, function.size());
    append(code, function);
    add_section(out, 10, code);
    return out;
}

/// Far above what is needed, far below what anything superlinear would take.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr double seconds_max = 100;
#else
constexpr double seconds_max = 20;
#endif

/// Of the processor, so that other work on the machine doesn't count.
[[nodiscard]] double processor_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

/// Calls "f", which goes over to optimized code as soon as it comes to a loop.
void go_on_optimized(const std::shared_ptr<const wasm::Module>& module) {
    const auto compiler = jit::make_adaptive_compiler(
        64U << 20U, nullptr,
        {.warmth = {0, 1}, .rounds_until_hot = 0, .rounds_between_looks = 0, .in_background = false});
    Store store(spec_profile());
    const auto made = store.instantiate(std::make_shared<CompiledModule>(module, compiler),
                                        [](const wasm::Import&) { return std::nullopt; });
    REQUIRE(made.ok());
    const auto function = made->instance->find_export("f");
    if (!function) return;
    store.machine().fuel = 1'000'000;
    static_cast<void>(store.call(*function, {}));
}

void check_bounded(const std::string& name, const Bytes& bytes) {
    CAPTURE(name);
    const auto start = processor_seconds();
    auto last = start;
    std::string times;
    const auto lap = [&](const char* stage) {
        const auto now = processor_seconds();
        times += std::string(" ") + stage + " " + std::to_string(now - last);
        last = now;
    };
    const auto module = wasm::load(bytes);
    lap("load");
    if (module) {
        const auto plain = wasm::lower(**module, 0);
        lap("lower");
        if (plain) {
            auto code = select_code(*plain);
            lap("select");
            if (code) {
                if (const auto baseline = jit::make_baseline_compiler()) {
                    static_cast<void>(baseline->compile({*module, 0, *code}));
                    lap("baseline");
                }
                if (const auto optimizing = jit::make_optimizing_compiler()) {
                    static_cast<void>(optimizing->compile({*module, 0, *code}));
                    lap("opt");
                }
            }
            auto optimized = *plain;
            static_cast<void>(dmir::optimize(optimized, wasm::optimize_options(**module)));
            lap("passes");
            static_cast<void>(select_code(optimized));
            lap("select again");
            go_on_optimized(*module);
            lap("rest of a call");
        }
    } else {
        times += " refused: " + module.error().message;
    }
    if (std::getenv("TROUPE_SHOW_TIMES") != nullptr) MESSAGE(name, ": ", bytes.size(), " bytes,", times);
    CHECK(processor_seconds() - start < seconds_max);
}

/// A round swaps `locals` of them by pairs, and there are `edges` ways to the next round; in the end all are stored.
[[nodiscard]] Bytes swapping(std::uint32_t locals, std::size_t edges) {
    Bytes body{0x03, 0x40};
    const auto get_or_set = [&](std::uint8_t opcode, std::uint32_t local) {
        body.push_back(opcode);
        leb(body, local);
    };
    for (std::uint32_t l = 0; l + 1 < locals; l += 2) {
        get_or_set(0x20, l);
        get_or_set(0x20, l + 1);
        get_or_set(0x21, l);
        get_or_set(0x21, l + 1);
    }
    repeat(body, edges, {0x20, 0, 0x0D, 0});
    body.push_back(0x0B);
    for (std::uint32_t l = 0; l < locals; ++l) {
        append(body, Bytes{0x41, 0});
        get_or_set(0x20, l);
        append(body, Bytes{0x36, 2, 0});
    }
    return body;
}

TEST_CASE("moves in cycles cost what their number says") {
    check_bounded("swaps of many locals", module_of(24'000, swapping(24'000, 20)));
    check_bounded("swaps on many edges", module_of(400, swapping(400, 500)));
}

/// `count` functions of 50,000 locals, and nothing else.
[[nodiscard]] Bytes functions_of_locals(std::uint8_t count) {
    Bytes out{0, 'a', 's', 'm', 1, 0, 0, 0};
    add_section(out, 1, {1, 0x60, 0, 0});
    Bytes functions{count};
    functions.insert(functions.end(), count, 0);
    add_section(out, 3, functions);
    Bytes code{count};
    repeat(code, count, {6, 1, 0xD0, 0x86, 0x03, 0x7F, 0x0B});
    add_section(out, 10, code);
    return out;
}

TEST_CASE("a module whose locals are out of proportion to its size is refused") {
    CHECK(wasm::load(functions_of_locals(10)).ok());
    const auto module = wasm::load(functions_of_locals(100));
    REQUIRE_FALSE(module.ok());
    CHECK(module.error().code == ErrorCode::too_large);
}

TEST_CASE("a module whose joins are out of proportion to its size is refused") {
    CHECK(wasm::load(module_of(400, swapping(400, 2'000))).ok());
    const auto module = wasm::load(module_of(1'000, swapping(1'000, 15'000)));
    REQUIRE_FALSE(module.ok());
    CHECK(module.error().code == ErrorCode::too_large);
}

TEST_CASE("deep nesting costs what its size says") {
    constexpr std::size_t depth = 9'990;
    Bytes blocks;
    repeat(blocks, depth, {0x02, 0x40});
    repeat(blocks, depth, {0x0B});
    check_bounded("blocks", module_of(1, blocks));

    Bytes loops;
    repeat(loops, depth, {0x03, 0x40, 0x20, 0, 0x0D, 0});
    repeat(loops, depth, {0x0B});
    check_bounded("loops", module_of(1, loops));

    Bytes assigned;
    repeat(assigned, 1'000, {0x03, 0x40, 0x20, 0, 0x41, 1, 0x6A, 0x21, 0, 0x20, 0, 0x0D, 0});
    repeat(assigned, 1'000, {0x0B});
    check_bounded("loops that assign a local", module_of(1, assigned));

    Bytes ifs;
    repeat(ifs, depth, {0x20, 0, 0x04, 0x40, 0x20, 0, 0x41, 1, 0x6A, 0x21, 0});
    repeat(ifs, depth, {0x05, 0x0B});
    check_bounded("ifs that assign a local", module_of(1, ifs));

    // Every loop uses what was made before all of them.
    Bytes uses{0x41, 5, 0x21, 1};
    for (std::size_t n = 0; n < depth; ++n) append(uses, Bytes{0x03, 0x40, 0x20, 1, 0x1A});
    for (std::size_t n = 0; n < depth; ++n) append(uses, Bytes{0x20, 1, 0x20, 0, 0x6A, 0x1A, 0x20, 0, 0x0D, 0, 0x0B});
    check_bounded("values from outside many loops", module_of(2, uses));

    Bytes stores;
    for (std::size_t n = 0; n < depth; ++n) append(stores, Bytes{0x03, 0x40});
    for (std::size_t n = 0; n < depth; ++n)
        append(stores, Bytes{0x20, 0, 0x20, 1, 0x36, 2, 0, 0x20, 2, 0x20, 3, 0x36, 2, 0, 0x20, 0, 0x0D, 0, 0x0B});
    check_bounded("stores of locals inside many loops", module_of(4, stores));

    // Values made before all loops, each used once, and invariants, in the innermost.
    Bytes inner;
    for (std::uint32_t l = 0; l < 20'000; ++l) {
        append(inner, Bytes{0x20, 0, 0x41, 0, 0x28, 2, 0, 0x6C, 0x21});
        leb(inner, l);
    }
    repeat(inner, depth, {0x03, 0x40});
    for (std::uint32_t l = 0; l < 20'000; ++l) {
        inner.push_back(0x20);
        leb(inner, l);
        // To memory, so that it isn't dead.
        append(inner, Bytes{0x20, 3, 0x6C, 0x20, 4, 0x6C, 0x20, 0, 0x36, 2, 0});
    }
    repeat(inner, depth, {0x20, 0, 0x0D, 0, 0x0B});
    check_bounded("many values used inside many loops", module_of(20'000, inner));
}

TEST_CASE("many locals that meet at many joins are refused or bounded") {
    constexpr std::uint32_t locals = 50'000;
    Bytes assign;
    for (std::uint32_t l = 0; l < locals; ++l) {
        append(assign, Bytes{0x41, 1, 0x21});
        leb(assign, l);
    }
    check_bounded("assigned once", module_of(locals, assign));
    Bytes in_loop{0x03, 0x40};
    append(in_loop, assign);
    repeat(in_loop, 100, {0x20, 0, 0x0D, 0});
    in_loop.push_back(0x0B);
    check_bounded("assigned in a loop with a hundred back edges", module_of(locals, in_loop));
    Bytes nested;
    repeat(nested, 100, {0x02, 0x40});
    append(nested, assign);
    repeat(nested, 100, {0x20, 0, 0x0D, 0, 0x0B});
    check_bounded("assigned in a hundred blocks", module_of(locals, nested));
    Bytes swapped{0x03, 0x40};
    for (std::uint32_t l = 0; l + 1 < 20'000; ++l) {
        swapped.push_back(0x20);
        leb(swapped, l + 1);
        swapped.push_back(0x21);
        leb(swapped, l);
    }
    append(swapped, Bytes{0x20, 0, 0x0D, 0, 0x0B});
    check_bounded("rotated in a loop", module_of(20'000, swapped));
}

TEST_CASE("branch tables are bounded") {
    constexpr std::uint32_t targets = 65'520;
    const auto table = [](std::uint32_t n, std::uint32_t depth) {
        Bytes out{0x20, 0, 0x0E};
        leb(out, n);
        for (std::uint32_t t = 0; t < n; ++t) leb(out, t % depth);
        out.push_back(0);
        return out;
    };
    Bytes one{0x02, 0x40};
    append(one, table(targets, 1));
    one.push_back(0x0B);
    check_bounded("one large table", module_of(1, one));
    Bytes labels;
    repeat(labels, 5'000, {0x02, 0x40});
    append(labels, table(targets, 5'000));
    repeat(labels, 5'000, {0x0B});
    check_bounded("a table to five thousand labels", module_of(1, labels));
    Bytes many;
    for (int n = 0; n < 50; ++n) append(many, one);
    check_bounded("fifty large tables", module_of(1, many));
    Bytes with_locals{0x03, 0x40, 0x41, 1, 0x21, 0, 0x41, 2, 0x21, 1, 0x41, 3, 0x21, 2};
    append(with_locals, table(targets, 1));
    with_locals.push_back(0x0B);
    check_bounded("a table back into a loop", module_of(3, with_locals));
}

TEST_CASE("long code without structure is bounded") {
    Bytes adds{0x20, 0};
    repeat(adds, 900'000, {0x20, 0, 0x6A});
    adds.push_back(0x1A);
    check_bounded("a long sum", module_of(1, adds));
    Bytes deep;
    repeat(deep, 49'000, {0x20, 0});
    repeat(deep, 48'999, {0x6A});
    deep.push_back(0x1A);
    check_bounded("a deep operand stack", module_of(1, deep));
    Bytes loads;
    repeat(loads, 300'000, {0x20, 0, 0x28, 2, 0, 0x21, 0});
    check_bounded("a chain of loads", module_of(1, loads));
    Bytes stores;
    repeat(stores, 300'000, {0x20, 0, 0x20, 1, 0x36, 2, 0});
    check_bounded("stores", module_of(2, stores));
    Bytes ifs;
    repeat(ifs, 100'000, {0x20, 0, 0x04, 0x40, 0x20, 0, 0x41, 3, 0x6A, 0x21, 0, 0x0B});
    check_bounded("a row of ifs", module_of(1, ifs));
    Bytes few_ifs;
    repeat(few_ifs, 6'000, {0x20, 0, 0x04, 0x40, 0x20, 0, 0x41, 3, 0x6A, 0x21, 0, 0x0B});
    check_bounded("a shorter row of ifs", module_of(1, few_ifs));
    Bytes loops;
    repeat(loops, 9'000, {0x03, 0x40, 0x20, 0, 0x41, 3, 0x6A, 0x21, 0, 0x20, 0, 0x0D, 0, 0x0B});
    check_bounded("a row of loops", module_of(1, loops));
    Bytes exits;
    exits.insert(exits.end(), {0x02, 0x40});
    repeat(exits, 9'000, {0x20, 0, 0x0D, 0});
    exits.push_back(0x0B);
    check_bounded("many exits from a block", module_of(1, exits));
}

TEST_CASE("blocks that pass a thousand values are bounded") {
    Bytes push;
    repeat(push, 1'000, {0x20, 0});
    Bytes row = push;
    repeat(row, 5'000, {0x02, 1, 0x0B});
    repeat(row, 1'000, {0x1A});
    check_bounded("a row of blocks", module_of(1, row));
    Bytes loops = push;
    repeat(loops, 5'000, {0x03, 1, 0x0B});
    repeat(loops, 1'000, {0x1A});
    check_bounded("a row of loops", module_of(1, loops));
    Bytes nested = push;
    repeat(nested, 3'000, {0x03, 1, 0x20, 0, 0x0D, 0});
    repeat(nested, 3'000, {0x0B});
    repeat(nested, 1'000, {0x1A});
    check_bounded("nested loops", module_of(1, nested));
}

TEST_CASE("counts far beyond the module's bytes are refused, and large tables made only as declared") {
    Bytes tables{0, 'a', 's', 'm', 1, 0, 0, 0};
    Bytes table{1, 0x70, 0};
    leb(table, 10'000'001);
    add_section(tables, 4, table);
    check_bounded("a table beyond the limit", tables);
    Bytes functions{0, 'a', 's', 'm', 1, 0, 0, 0};
    add_section(functions, 1, {1, 0x60, 0, 0});
    Bytes list;
    leb(list, 200'000);
    list.insert(list.end(), 200'000, 0);
    add_section(functions, 3, list);
    Bytes code;
    leb(code, 200'000);
    repeat(code, 200'000, {2, 0, 0x0B});
    add_section(functions, 10, code);
    check_bounded("two hundred thousand functions", functions);
}

}  // namespace
}  // namespace troupe::vm
