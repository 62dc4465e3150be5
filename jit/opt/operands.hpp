// How the emitted form of each machine instruction reads and writes its operands: what allocation must respect.
#pragma once

#include "jit/opt/machine.hpp"

namespace troupe::jit::opt {

// Physical registers, by their x86-64 numbers. Of the integer ones rsp, rbx (the memory's base), r13 (fuel), r14
// (fuel and steps) and r15 (the instance) are not allocated, of the floating ones xmm14 and xmm15 (scratch).
inline constexpr int rax_number = 0;
inline constexpr int rcx_number = 1;
inline constexpr int rdx_number = 2;
// Those that calls leave as they are come last, so that others serve first; the first six need no prefix.
inline constexpr std::array<int, 11> integer_registers{0, 2, 1, 6, 8, 11, 7, 5, 9, 10, 12};
inline constexpr std::array<int, 5> preserved_registers{7, 5, 9, 10, 12};
/// Of these, what C++ does not leave as it is.
inline constexpr std::array<int, 3> preserved_here_only{7, 9, 10};
inline constexpr std::array<int, 14> float_registers{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13};
/// Of a call's arguments, each bank counted on its own; further ones go to the stack. A single result is in rax or
/// xmm0, several are in the machine's frame (vm::Machine::native_frame).
inline constexpr std::array<int, 4> integer_arguments{6, 2, 1, 8};
/// For what a helper does; up to three operands come before it.
inline constexpr int helper_record = integer_arguments[3];
/// Neither an argument nor preserved: for what a call needs beside rax.
inline constexpr int call_scratch = 11;
inline constexpr std::array<int, 8> float_arguments{0, 1, 2, 3, 4, 5, 6, 7};

enum class UseKind : std::uint8_t {
    /// In a register when the instruction begins.
    early,
    /// In a register until the instruction has written its result.
    late,
    /// In a register or in memory when the instruction begins.
    any,
    /// The same, better in a register if it is used again.
    either,
};

[[nodiscard]] constexpr bool is_variable_rotation(const Instruction& i) noexcept {
    return (i.code == Code::rotate_left || i.code == Code::rotate_right) && !i.immediate;
}
/// The result appears after the instruction, in a register of its own or wherever it is wanted.
[[nodiscard]] constexpr bool has_late_result(const Instruction& i) noexcept {
    return is_call(i.code) || i.code == Code::divide;
}
/// Registers that the instruction overwrites beside its result (bits by number); of calls see `Intervals::calls`.
[[nodiscard]] constexpr std::uint32_t clobbers(const Instruction& i) noexcept {
    if (i.code == Code::divide) return 1U << rax_number | 1U << rdx_number;
    if (i.code == Code::multiply_high) return 1U << rdx_number;
    if (is_variable_rotation(i)) return 1U << rcx_number;
    return 0;
}

/// Whether the instruction can read the operand from its slot.
[[nodiscard]] constexpr bool takes_slot(const Function& f, const Instruction& i, std::size_t k) {
    if (i.memory || f.registers[i.operands[k]].constant) return false;
    const auto fits = [&](bool wide) { return !wide || is_wide(f.registers[i.operands[k]].type); };
    switch (i.code) {
        case Code::add:
        case Code::sub:
        case Code::bit_and:
        case Code::bit_or:
        case Code::bit_xor:
        case Code::multiply: return k == 1 && fits(i.wide);
        case Code::branch:
        case Code::set:
        case Code::select: return i.compare != Compare::floats && k == (i.immediate ? 0U : 1U) && fits(i.compare_wide);
        default: return false;
    }
}

template <class Visit>
void for_each_use(const Function& f, const Instruction& i, Visit&& visit) {
    const bool call = is_call(i.code);
    for (std::size_t k = 0; k < i.operands.size(); ++k) {
        const auto r = i.operands[k];
        if (r == no_register) continue;
        auto kind = call ? UseKind::any : takes_slot(f, i, k) ? UseKind::either : UseKind::early;
        switch (i.code) {
            case Code::divide:
            case Code::multiply_high:
                if (k == 1) kind = UseKind::late;
                break;
            case Code::rotate_left:
            case Code::rotate_right:
                if (k == 0 && !i.immediate) kind = UseKind::late;
                break;
            case Code::select:
                if (k == 2 ||
                    (k == 3 && (f.registers[i.result].bank == Bank::floating || i.compare == Compare::floats)))
                    kind = UseKind::late;
                break;
            default:
                // The result's register takes the first operand before the memory is read.
                if (i.memory && k == 1) kind = UseKind::late;
                break;
        }
        visit(r, kind);
    }
    for (auto r : f.values(i.list)) visit(r, UseKind::any);
}

}  // namespace troupe::jit::opt
