#include "vm/dmir/text.hpp"

#include <doctest/doctest.h>

#include "vm/dmir/dead_code.hpp"
#include "vm/dmir/verifier.hpp"

namespace troupe::dmir {
namespace {

constexpr const char* sum_text = R"(func @sum (i32) -> (i32) stack 11 {
block0(v0: i32): fuel 2 steps 2
  v1: i32 = i32.const
  br block1(v0, v1)
block1(v2: i32, v3: i32): fuel 7 steps 7
  v4: i32 = i32.add v2, v3
  v5: i32 = i32.const 0x1
  v6: i32 = i32.sub v2, v5
  br_if v6, block1(v6, v4), block2
block2(): fuel 2 steps 1
  return (v4)
}
)";

[[nodiscard]] std::string broken_rule(const std::string& text) {
    const auto function = parse(text);
    REQUIRE_MESSAGE(function.ok(), function.error().message);
    const auto status = verify(*function);
    return status ? "" : status.error().message;
}

TEST_CASE("dMIR's text form survives parsing and printing") {
    const auto function = parse(sum_text);
    REQUIRE_MESSAGE(function.ok(), function.error().message);
    CHECK(print(*function) == sum_text);
    CHECK(verify(*function).ok());
}

TEST_CASE("calls, memory operations and v128 constants survive parsing and printing") {
    const std::string text = R"(func @7 (i32, i64) -> (i64, v128) stack 20 {
block0(v0: i32, v1: i64): fuel 9 steps 6
  v2: i64 = i64.load32_u 0x10 v0
  i64.store 0x8 v0, v2
  v3: i64, v4: f32 = call 0x3 (v0, v2)
  v5: i64 = call_indirect 0x100000002 v0 (v1)
  v6: v128 = v128.const 0x1 high=0xff
  v7: v128 = i32x4.add v6, v6
  br_table v0, block1, block2
block1(): fuel 0 steps 0
  unreachable
block2(): fuel 0 steps 0
  return (v5, v7)
}
)";
    const auto function = parse(text);
    REQUIRE_MESSAGE(function.ok(), function.error().message);
    CHECK(print(*function) == text);
    CHECK(verify(*function).ok());
}

TEST_CASE("a parse error names its line") {
    const auto function = parse("func @f () -> () stack 1 {\nblock0(): fuel 0 steps 0\n  i32.frobnicate v1\n}\n");
    REQUIRE_FALSE(function.ok());
    CHECK(function.error().message == "dMIR line 3: unknown operation 'i32.frobnicate'");
}

TEST_CASE("the verifier finds a use before its definition") {
    CHECK(broken_rule(
              "func @f () -> (i32) stack 1 {\nblock0(): fuel 0 steps 0\n  v0: i32 = i32.clz v1\n  v1: i32 = i32.const\n"
              "  return (v0)\n}\n") == "dMIR func @f block0: v1 is used before its definition");
}

TEST_CASE("the verifier finds a use that its definition does not dominate") {
    CHECK(broken_rule("func @f (i32) -> (i32) stack 1 {\nblock0(v0: i32): fuel 0 steps 0\n  br_if v0, block1, block2\n"
                      "block1(): fuel 0 steps 0\n  v1: i32 = i32.const\n  br block2\n"
                      "block2(): fuel 0 steps 0\n  return (v1)\n}\n") ==
          "dMIR func @f block2: v1 does not dominate its use");
}

TEST_CASE("the verifier finds operands, results and edges of wrong types") {
    CHECK(broken_rule("func @f (i64) -> (i32) stack 1 {\nblock0(v0: i64): fuel 0 steps 0\n  v1: i32 = i32.clz v0\n"
                      "  return (v1)\n}\n") == "dMIR func @f block0: v0 is i64, not i32");
    CHECK(broken_rule("func @f (i64) -> () stack 1 {\nblock0(v0: i64): fuel 0 steps 0\n  br block1(v0)\n"
                      "block1(v1: i32): fuel 0 steps 0\n  return ()\n}\n") ==
          "dMIR func @f block0: v0 is i64, not i32");
    CHECK(broken_rule("func @f (i64) -> () stack 1 {\nblock0(v0: i64): fuel 0 steps 0\n  br block1\n"
                      "block1(v1: i32): fuel 0 steps 0\n  return ()\n}\n") ==
          "dMIR func @f block0: edge to block1 has a wrong number of arguments");
}

TEST_CASE("dead code removal drops parameters that only feed themselves, and keeps what may trap") {
    auto function = parse(R"(func @f (i32) -> (i32) stack 1 {
block0(v0: i32): fuel 1 steps 1
  v1: i32 = i32.const 0x5
  v2: i32 = i32.const 0x6
  br block1(v0, v1)
block1(v3: i32, v4: i32): fuel 1 steps 1
  v5: i32 = i32.mul v4, v4
  v6: i32 = i32.load 0x4 v3
  v7: i32 = i32.sub v3, v2
  br_if v7, block1(v7, v5), block2
block2(): fuel 1 steps 1
  return (v7)
}
)");
    REQUIRE_MESSAGE(function.ok(), function.error().message);
    remove_dead_code(*function);
    CHECK(verify(*function).ok());
    CHECK(print(*function) == R"(func @f (i32) -> (i32) stack 1 {
block0(v0: i32): fuel 1 steps 1
  v2: i32 = i32.const 0x6
  br block1(v0)
block1(v3: i32): fuel 1 steps 1
  v6: i32 = i32.load 0x4 v3
  v7: i32 = i32.sub v3, v2
  br_if v7, block1(v7), block2
block2(): fuel 1 steps 1
  return (v7)
}
)");
}

}  // namespace
}  // namespace troupe::dmir
