// xbyak's assembler with what all compiled code shares. The fuel left is in r13, the sum of fuel left and steps in r14,
// the instance in r15: most blocks cost as much fuel as they have steps, and leave the sum alone.
#pragma once

#include <cstdint>
#include <vector>

#include <xbyak/xbyak.h>

#include "jit/baseline/coded_trap.hpp"
#include "jit/baseline/layout.hpp"
#include "vm/dmir/opcodes.hpp"

namespace troupe::jit {

/// The one NaN, as bits.
inline constexpr std::uint64_t canonical_nan64 = 0x7FF8000000000000;
inline constexpr std::uint32_t canonical_nan32 = 0x7FC00000;

class Assembler : public Xbyak::CodeGenerator {
public:
    Assembler() : CodeGenerator(4096, Xbyak::AutoGrow) {}

    template <class F>
    void call_function(F* function) {
        mov(rax, reinterpret_cast<std::uint64_t>(function));
        call(rax);
    }
    void save_counters() {
        mov(rdx, ptr[r15 + instance_machine]);
        store_counters(rdx);
    }
    /// The sum in r14 is gone.
    void store_counters(const Xbyak::Reg64& machine) {
        mov(ptr[machine + machine_fuel], r13);
        sub(r14, r13);
        mov(ptr[machine + machine_steps], r14);
    }
    void load_counters() {
        mov(rdx, ptr[r15 + instance_machine]);
        mov(r13, ptr[rdx + machine_fuel]);
        mov(r14, ptr[rdx + machine_steps]);
        add(r14, r13);
    }
    /// Takes a block's fuel and, if it is checked, traps where less than none is left.
    void charge(std::uint32_t fuel, bool checked) {
        if (fuel == 0 && !checked) return;
        sub(r13, static_cast<int>(fuel));
        if (!checked) return;
        for (auto code : charge_check(fuel <= charge_byte_max ? 2 : 5)) db(code);
    }
    void trap_here(dmir::Trap kind) {
        for (auto code : coded(kind)) db(code);
    }
    /// The distance of 32 bits at the end of the call that leads here, whose return address is on top of the stack.
    void load_call_distance(const Xbyak::Reg64& to) {
        mov(to, ptr[rsp]);
        movsxd(to, dword[to - static_cast<int>(sizeof(std::int32_t))]);
    }
    /// Adds a block's steps, after its fuel was taken.
    void count_steps(std::uint32_t steps, std::uint32_t fuel) {
        if (steps != fuel) add(r14, static_cast<int>(steps) - static_cast<int>(fuel));
    }
    /// What an integer load or store of dMIR does with a general register.
    void load_integer(dmir::Op op, const Xbyak::Reg64& to, const Xbyak::RegExp& at);
    void store_integer(dmir::Op op, const Xbyak::Reg64& value, const Xbyak::RegExp& at);
    [[nodiscard]] std::vector<std::uint8_t> bytes() {
        ready();
        const auto* begin = getCode();
        return {begin, begin + getSize()};
    }
};

}  // namespace troupe::jit
