// Which slots live in registers, and which of those are needed after each instruction that loses registers.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "vm/interp/code.hpp"

namespace troupe::jit {

inline constexpr int integer_homes = 8;
inline constexpr int float_homes = 13;

struct Homes {
    /// Of each slot: its register's number among the homes of its kind, or -1.
    std::vector<std::int8_t> of_slot;
    std::array<std::uint16_t, integer_homes> integer_slot{};
    std::array<std::uint16_t, float_homes> float_slot{};
    int integers = 0;
    int floats = 0;
    /// Index of each instruction, in order.
    std::vector<std::uint32_t> starts;
    /// Bits of homes alive after each instruction (parallel to `starts`): integer home k is bit k, float home k is bit
    /// 8 + k.
    std::vector<std::uint32_t> live_after;

    [[nodiscard]] std::uint32_t bit(const vm::Code& code, std::uint16_t slot) const noexcept {
        if (slot == vm::no_slot || slot >= of_slot.size() || of_slot[slot] < 0) return 0;
        const auto first = code.slots[slot] == vm::SlotKind::floating ? integer_homes : 0;
        return 1U << (first + of_slot[slot]);
    }
};

[[nodiscard]] Homes choose_homes(const vm::Code& code);

}  // namespace troupe::jit
