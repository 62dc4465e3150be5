// Traps that code holds itself, in a byte or two, so that they cost no jump over a long distance: privileged
// instructions, which end in the same signal as an access outside of memory, and around which the signal handler reads
// what happened.
//
// A charge with its check is `sub r13, imm; jl back`: where the fuel does not suffice, the jump goes into the
// subtraction, to its third byte, which by itself is `in eax, dx`. The byte before tells how long the amount behind it
// is.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "vm/dmir/opcodes.hpp"

namespace troupe::jit {

/// hlt. The trap's kind follows it.
inline constexpr std::uint8_t trap_instruction = 0xF4;
[[nodiscard]] constexpr std::array<std::uint8_t, 2> coded(dmir::Trap kind) noexcept {
    return {trap_instruction, static_cast<std::uint8_t>(kind)};
}

inline constexpr std::uint8_t charge_instruction = 0xED;
/// Subtractions from r13 are 49 83 ED and a byte, or 49 81 ED and four.
inline constexpr std::uint8_t byte_follows = 0x83;
inline constexpr std::uint32_t charge_byte_max = 0x7F;
/// The jump behind a subtraction that ends so many bytes behind its third one.
[[nodiscard]] constexpr std::array<std::uint8_t, 2> charge_check(std::size_t distance) noexcept {
    return {0x7C, static_cast<std::uint8_t>(-static_cast<int>(distance) - 2)};
}
/// Of the charge that has faulted at `at`. For signal handlers.
[[nodiscard]] inline std::uint32_t read_charge(const std::uint8_t* at) noexcept {
    if (at[-1] == byte_follows) return at[1];
    std::uint32_t out = 0;
    std::memcpy(&out, at + 1, sizeof(out));
    return out;
}

}  // namespace troupe::jit
