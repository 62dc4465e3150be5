// Traps that code holds itself, in a byte or a few, so that they cost no jump over a long distance: instructions that
// fault, from whose surroundings the signal handler reads what happened.
//
// A charge is `sub r13, imm; jb -1` and the prefix 3E, which means nothing before any instruction. Where the fuel does
// not suffice, the jump goes to its own last byte, FF, which with 3E behind it is an undefined instruction (FF /7). The
// handler finds the fuel that was taken in front of it: in a byte before `jb`, in four before `js`.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "vm/dmir/opcodes.hpp"

namespace troupe::jit {

/// hlt: privileged, so that it ends in the same signal as an access outside of memory. The trap's kind follows it.
inline constexpr std::uint8_t trap_instruction = 0xF4;
[[nodiscard]] constexpr std::array<std::uint8_t, 2> coded(dmir::Trap kind) noexcept {
    return {trap_instruction, static_cast<std::uint8_t>(kind)};
}

inline constexpr std::uint8_t no_meaning_prefix = 0x3E;
inline constexpr std::uint8_t jump_if_carry = 0x72;
inline constexpr std::uint8_t jump_if_sign = 0x78;
/// Behind the subtraction of a charge, of one byte or of four.
[[nodiscard]] constexpr std::array<std::uint8_t, 3> charge_check(bool is_byte) noexcept {
    return {is_byte ? jump_if_carry : jump_if_sign, 0xFF, no_meaning_prefix};
}
/// Of the charge whose check has faulted at `at`. For signal handlers.
[[nodiscard]] inline std::uint32_t read_charge(const std::uint8_t* at) noexcept {
    if (at[-1] == jump_if_carry) return at[-2];
    std::uint32_t out = 0;
    std::memcpy(&out, at - 1 - sizeof(out), sizeof(out));
    return out;
}

}  // namespace troupe::jit
