// Runs the file tests beside it: a function, the passes to run on it, and what must come out, in one file.
//
//   ; what the pass does here
//   ; pass: simplify, number_values
//   func @f ...
//   ; gives
//   func @f ...
//
// With TROUPE_WRITE_FILETESTS=1 the files get what comes out instead.
#include "vm/dmir/passes/passes.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include <doctest/doctest.h>

#include "vm/dmir/dead_code.hpp"
#include "vm/dmir/passes/enter_at.hpp"
#include "vm/dmir/passes/evaluate.hpp"
#include "vm/dmir/place_charges.hpp"
#include "vm/dmir/text.hpp"
#include "vm/dmir/verifier.hpp"

namespace troupe::dmir {
namespace {

constexpr std::string_view pass_mark = "; pass: ";
constexpr std::string_view gives_mark = "; gives";
constexpr std::string_view enter_at_mark = "enter_at block";

struct Case {
    std::string comment;
    std::string passes;
    std::string input;
    std::string expected;
};

[[nodiscard]] std::vector<Case> read_cases(const std::filesystem::path& path) {
    std::ifstream stream{path};
    REQUIRE(stream.good());
    std::vector<Case> out;
    std::string comment;
    std::string* text = nullptr;
    for (std::string line; std::getline(stream, line);) {
        if (line.starts_with(pass_mark)) {
            out.push_back({comment, line.substr(pass_mark.size()), "", ""});
            comment.clear();
            text = &out.back().input;
        } else if (line == gives_mark) {
            REQUIRE(!out.empty());
            text = &out.back().expected;
        } else if (line.starts_with(";")) {
            comment += line + "\n";
        } else if (text != nullptr && !line.empty()) {
            *text += line + "\n";
        }
    }
    return out;
}

void run_pass(const std::string& name, Function& function) {
    OptimizeOptions options;
    options.memory_bytes_min = 65'536;
    options.imported_globals = 1;
    // Function 3 is x if x < y, else y, of five fuel and four steps and a charge in one way.
    static const auto least = parse(R"(func @3 (i32, i32) -> (i32) stack 10 {
block0(v0: i32, v1: i32): fuel 5 steps 4
  v2: i32 = i32.lt_s v0, v1
  br_if v2, block1, block2
block1(): fuel 3 steps 1
  return (v0)
block2(): fuel 0 steps 0
  return (v1)
}
)");
    options.callee = [](std::uint32_t index) { return index == 3 ? &*least : nullptr; };
    if (name == "simplify") return simplify(function, options);
    if (name == "simplify_control_flow") return simplify_control_flow(function);
    if (name == "number_values") return number_values(function, options);
    if (name == "hoist_invariants") return hoist_invariants(function, options);
    if (name == "inline_calls") return inline_calls(function, options);
    if (name == "place_charges") return place_charges(function);
    if (name == "place_checks") return place_checks(function);
    if (name == "remove_dead_code") return remove_dead_code(function);
    if (name.starts_with(enter_at_mark)) {
        auto entered = enter_at(function, static_cast<BlockIndex>(std::stoul(name.substr(enter_at_mark.size()))));
        REQUIRE(entered.has_value());
        CHECK(entered->values.size() == entered->function.signature.parameters.size());
        function = std::move(entered->function);
        return;
    }
    if (name == "optimize") {
        CHECK(optimize(function, options));
        return;
    }
    FAIL("unknown pass ", name);
}

struct Charged {
    std::uint64_t fuel = 0;
    std::uint64_t steps = 0;
    bool operator==(const Charged&) const = default;
};
/// Along a way that `seed` chooses, to a return; nothing if it is too long.
[[nodiscard]] std::optional<Charged> charged_along(const Function& function, std::uint64_t seed) {
    Charged out;
    BlockIndex at = 0;
    for (int n = 0; n < 100; ++n) {
        const auto& block = function.blocks[at];
        out.fuel += block.fuel;
        out.steps += block.steps;
        if (block.terminator.kind == Terminator::Kind::return_values) return out;
        const auto edges = function.edges_of(block);
        if (edges.empty()) return std::nullopt;
        seed = seed * 6364136223846793005 + 1442695040888963407;
        at = edges[(seed >> 33U) % edges.size()].block;
    }
    return std::nullopt;
}

[[nodiscard]] std::string result_of(const Case& test) {
    auto function = parse(test.input);
    REQUIRE_MESSAGE(function.ok(), function.error().message);
    const auto before = verify(*function);
    REQUIRE_MESSAGE(before.ok(), before.error().message);
    std::stringstream names{test.passes};
    for (std::string name; std::getline(names, name, ',');) {
        name.erase(0, name.find_first_not_of(' '));
        const auto unplaced = *function;
        run_pass(name, *function);
        if (name == "place_charges")
            for (std::uint64_t seed = 0; seed < 200; ++seed)
                CHECK(charged_along(*function, seed) == charged_along(unplaced, seed));
        const auto after = verify(*function);
        CHECK_MESSAGE(after.ok(), after.error().message, "\n", print(*function));
    }
    return print(*function);
}

TEST_CASE("each pass gives what its file test says, and what it gives keeps dMIR's rules") {
    const std::filesystem::path folder = std::filesystem::path{__FILE__}.parent_path() / "filetests";
    const bool write = std::getenv("TROUPE_WRITE_FILETESTS") != nullptr;
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator{folder}) paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    REQUIRE(!paths.empty());
    for (const auto& path : paths) {
        CAPTURE(path.filename().string());
        auto cases = read_cases(path);
        CHECK(!cases.empty());
        for (auto& test : cases) {
            CAPTURE(test.comment);
            const auto got = result_of(test);
            if (write) test.expected = got;
            CHECK(got == test.expected);
        }
        if (!write) continue;
        std::ofstream out{path};
        for (const auto& test : cases)
            out << (&test == cases.data() ? "" : "\n") << test.comment << pass_mark << test.passes << "\n"
                << test.input << gives_mark << "\n"
                << test.expected;
    }
}

TEST_CASE("what would trap is not folded") {
    CHECK(evaluate(Op::i32_div_s, 7, 2) == 3);
    CHECK_FALSE(evaluate(Op::i32_div_s, 7, 0));
    CHECK_FALSE(evaluate(Op::i32_div_s, 0x80000000, 0xFFFFFFFF));
    CHECK(evaluate(Op::i32_rem_s, 0x80000000, 0xFFFFFFFF) == 0);
    CHECK_FALSE(evaluate(Op::i32_trunc_f32_s, 0x7FC00000, 0));
    CHECK(evaluate(Op::i32_trunc_sat_f32_s, 0x7FC00000, 0) == 0);
}

TEST_CASE("a folded NaN is the canonical one, and operations on bits keep its payload") {
    CHECK(evaluate(Op::f32_div, 0, 0) == 0x7FC00000);
    CHECK(evaluate(Op::f64_sqrt, 0xBFF0000000000000, 0) == 0x7FF8000000000000);
    CHECK(evaluate(Op::f32_neg, 0x7FA00001, 0) == 0xFFA00001);
    CHECK(evaluate(Op::f32_add, 0xFFA00001, 0) == 0x7FC00000);
}

TEST_CASE("a function beyond the limits stays as it is") {
    auto function = parse(
        "func @f () -> (i32) stack 1 {\nblock0(): fuel 0 steps 0\n  v0: i32 = i32.const 0x2\n"
        "  v1: i32 = i32.add v0, v0\n  return (v1)\n}\n");
    REQUIRE(function.ok());
    const auto before = print(*function);
    OptimizeLimits limits;
    limits.instructions = 1;
    CHECK_FALSE(optimize(*function, {}, limits));
    CHECK(print(*function) == before);
    CHECK(optimize(*function));
    CHECK(print(*function) != before);
}

}  // namespace
}  // namespace troupe::dmir
