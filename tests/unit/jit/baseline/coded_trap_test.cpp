#include "jit/baseline/coded_trap.hpp"

#include <doctest/doctest.h>

#include "jit/baseline/assembler.hpp"

#ifdef __x86_64__

namespace troupe::jit {
namespace {

TEST_CASE("a charge in code is read as it was written, with as much fuel as a block may cost") {
    for (auto fuel : {0U, 1U, 127U, 128U, 255U, 256U, 16'384U, 0x83U << 23U, 1U << 30U, 0x7FFFFFFFU}) {
        Assembler assembler;
        assembler.charge(fuel, true);
        const auto bytes = assembler.bytes();
        // The jump's distance counts from its end.
        const auto* target = bytes.data() + bytes.size() + static_cast<std::int8_t>(bytes.back());
        CHECK(*target == charge_instruction);
        CHECK(read_charge(target) == fuel);
    }
}

TEST_CASE("a block that costs and checks nothing has no charge") {
    Assembler assembler;
    assembler.charge(0, false);
    CHECK(assembler.bytes().empty());
}

}  // namespace
}  // namespace troupe::jit

#endif
