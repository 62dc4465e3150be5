// Which stores of the optimizing tier look up their chunks.
#include "jit/opt/chunk_tests.hpp"

#include <doctest/doctest.h>

#include "vm/dmir/text.hpp"

namespace troupe::jit::opt {
namespace {

/// A letter for each store: - none, 1 one chunk, 2 perhaps two.
[[nodiscard]] std::string tests_of(const std::string& blocks) {
    const auto function = dmir::parse("func @0 (i32, i32) -> () stack 16 {\n" + blocks + "}\n");
    REQUIRE_MESSAGE(function.ok(), function.error().message);
    const auto tests = find_chunk_tests(*function);
    REQUIRE(tests.size() == function->instructions.size());
    std::string out;
    for (std::size_t i = 0; i < tests.size(); ++i)
        if (dmir::info(function->instructions[i].op).kind == dmir::OpKind::store)
            out += "-12"[static_cast<std::size_t>(tests[i])];
    return out;
}

TEST_CASE("a byte that was written before needs no test, what is beside it does") {
    CHECK(tests_of(R"(block0(v0: i32, v1: i32): fuel 1 steps 1
  i32.store 0x8 v0, v1
  i32.store 0x8 v0, v1
  i32.store8 0xb v0, v1
  i32.store8 0xc v0, v1
  i32.store 0x6 v0, v1
  i32.store 0x8 v1, v0
  return ()
)") == "2--122");
}

TEST_CASE("what lies between two written bytes that are no chunk apart needs no test") {
    CHECK(tests_of(R"(block0(v0: i32, v1: i32): fuel 1 steps 1
  i32.store8 0x0 v0, v1
  i32.store8 0x1000 v0, v1
  i32.store 0x700 v0, v1
  i32.store8 0x2001 v0, v1
  i32.store8 0x1800 v0, v1
  i32.store8 0x2000 v0, v1
  return ()
)") == "11-11-");
}

TEST_CASE("sums with constants are the same address, modulo 2^32") {
    CHECK(tests_of(R"(block0(v0: i32, v1: i32): fuel 1 steps 1
  v2: i32 = i32.const 0xfffffff0
  v3: i32 = i32.add v0, v2
  v4: i32 = i32.const 0x10
  v5: i32 = i32.sub v0, v4
  i32.store 0x18 v3, v1
  i32.store 0x8 v5, v1
  i32.store 0x8 v0, v1
  i32.store 0x18 v5, v1
  return ()
)") == "22--");
}

TEST_CASE(
    "addresses that are multiples of what a store writes are in one chunk, and so is all up to the next multiple") {
    CHECK(tests_of(R"(block0(v0: i32, v1: i32): fuel 1 steps 1
  v2: i32 = i32.const 0xfffffff0
  v3: i32 = i32.and v0, v2
  i32.store 0x4 v3, v1
  i32.store 0x0 v3, v1
  i32.store 0xc v3, v1
  i32.store 0x10 v3, v1
  i32.store 0x1e v3, v1
  return ()
)") == "1--12");
}

TEST_CASE("what a loop adds to an address decides which multiples it stays at") {
    const auto loop = [](const char* step) {
        return tests_of(std::string(R"(block0(v0: i32, v1: i32): fuel 1 steps 1
  v2: i32 = i32.const 0x400
  v3: i32 = i32.const )") +
                        step +
                        R"(
  br block1(v2)
block1(v4: i32): fuel 1 steps 1
  i32.store 0x8 v4, v1
  v5: i32 = i32.add v4, v3
  br_if v1, block1(v5), block2()
block2(): fuel 1 steps 1
  return ()
)");
    };
    CHECK(loop("0x38") == "1");
    CHECK(loop("0x2") == "2");
}

TEST_CASE("chunks of constant addresses are known") {
    CHECK(tests_of(R"(block0(v0: i32, v1: i32): fuel 1 steps 1
  v2: i32 = i32.const 0x1000
  v3: i32 = i32.const 0x2100
  i32.store 0x800 v2, v1
  i32.store 0x0 v2, v1
  i32.store 0xffe v2, v1
  i32.store 0x0 v3, v1
  return ()
)") == "1-2-");
}

TEST_CASE("only what every way to a store has executed counts") {
    CHECK(tests_of(R"(block0(v0: i32, v1: i32): fuel 1 steps 1
  i32.store8 0x0 v0, v1
  br_if v1, block1(), block2()
block1(): fuel 1 steps 1
  i32.store8 0x0 v0, v1
  i32.store8 0x0 v1, v0
  br block3()
block2(): fuel 1 steps 1
  i32.store8 0x0 v1, v0
  br block3()
block3(): fuel 1 steps 1
  i32.store8 0x0 v0, v1
  i32.store8 0x0 v1, v0
  return ()
)") == "1-11-1");
}

}  // namespace
}  // namespace troupe::jit::opt
