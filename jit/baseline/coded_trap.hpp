// A trap as two bytes or a few more of code, which jumps reach over a short distance: an instruction that faults, the
// trap's kind, and for `out_of_fuel` the fuel (LEB128) that the block has taken, whose steps don't happen.
#pragma once

#include <cstdint>
#include <vector>

#include "vm/dmir/opcodes.hpp"

namespace troupe::jit {

/// hlt: privileged, so that it ends in the same signal as an access outside of memory.
inline constexpr std::uint8_t trap_instruction = 0xF4;

struct CodedTrap {
    dmir::Trap kind{};
    std::uint32_t fuel = 0;
    auto operator<=>(const CodedTrap&) const = default;
};

[[nodiscard]] inline std::vector<std::uint8_t> encode(const CodedTrap& trap) {
    std::vector<std::uint8_t> out{trap_instruction, static_cast<std::uint8_t>(trap.kind)};
    if (trap.kind != dmir::Trap::out_of_fuel) return out;
    auto rest = trap.fuel;
    for (; rest >= 0x80; rest >>= 7U) out.push_back(static_cast<std::uint8_t>(rest | 0x80));
    out.push_back(static_cast<std::uint8_t>(rest));
    return out;
}

/// What encode() wrote. For signal handlers.
[[nodiscard]] inline CodedTrap read_trap(const std::uint8_t* at) noexcept {
    CodedTrap out{static_cast<dmir::Trap>(at[1]), 0};
    if (out.kind != dmir::Trap::out_of_fuel) return out;
    at += 2;
    for (unsigned shift = 0;; shift += 7, ++at) {
        out.fuel |= static_cast<std::uint32_t>(*at & 0x7F) << shift;
        if ((*at & 0x80) == 0) return out;
    }
}

}  // namespace troupe::jit
