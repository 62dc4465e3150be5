#include "jit/baseline/coded_trap.hpp"

#include <doctest/doctest.h>

namespace troupe::jit {
namespace {

TEST_CASE("a trap in code is read as it was written, with as much fuel as a block may cost") {
    for (auto fuel : {0U, 1U, 127U, 128U, 16'384U, 1U << 30U, 0xFFFFFFFFU}) {
        const CodedTrap trap{dmir::Trap::out_of_fuel, fuel};
        const auto bytes = encode(trap);
        CHECK(bytes[0] == trap_instruction);
        CHECK(read_trap(bytes.data()) == trap);
    }
    const auto bytes = encode({dmir::Trap::integer_overflow, 0});
    CHECK(bytes.size() == 2);
    CHECK(read_trap(bytes.data()) == CodedTrap{dmir::Trap::integer_overflow, 0});
}

}  // namespace
}  // namespace troupe::jit
