// What the optimizing tier must not leave to the baseline.
#include "jit/opt/emitter.hpp"

#include <doctest/doctest.h>

#include "jit/opt/select.hpp"
#include "vm/dmir/text.hpp"

namespace troupe::jit::opt {
namespace {

[[nodiscard]] Emitted emitted(const char* text) {
    const auto function = dmir::parse(text);
    REQUIRE_MESSAGE(function.ok(), function.error().message);
    const auto machine = select(*function);
    REQUIRE(machine.has_value());
    const auto allocation = allocate(*machine);
    REQUIRE(allocation.has_value());
    return emit(*machine, *allocation, {function->signature.parameters, function->signature.results}, {});
}

TEST_CASE("negative 64-bit constants are stored, and kept in the frame over a call") {
    CHECK(!emitted(R"(func @0 (i32) -> () stack 16 {
block0(v0: i32): fuel 1 steps 1
  v1: i64 = i64.const 0xffffffffffffffff
  i64.store 0x8 v0, v1
  return ()
}
)")
               .bytes.empty());
    CHECK(!emitted(R"(func @0 (i32) -> (i64) stack 64 {
block0(v0: i32): fuel 1 steps 1
  v1: i64 = i64.const 0xffffffffffffffff
  br_if v0, block1(v1), block1(v1)
block1(v2: i64): fuel 1 steps 1
  v3: i32 = memory.grow v0
  return (v2)
}
)")
               .bytes.empty());
}

}  // namespace
}  // namespace troupe::jit::opt
