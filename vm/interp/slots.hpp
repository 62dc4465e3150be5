// Between instruction selection and the final code: machine instructions over values, and their assignment to slots.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "vm/interp/code.hpp"

namespace troupe::vm {

struct MachineInstruction {
    std::uint16_t op = 0;
    dmir::Value destination = dmir::no_value;
    std::uint32_t destination_count = 1;
    std::array<dmir::Value, 3> sources{dmir::no_value, dmir::no_value, dmir::no_value};
    std::uint64_t immediate = 0;
    std::uint64_t immediate_high = 0;
    /// Of calls and returns.
    std::vector<dmir::Value> list;
};

struct MachineEdge {
    dmir::BlockIndex block = 0;
    std::vector<dmir::Value> arguments;
};

struct MachineBlock {
    /// The last is the terminator.
    std::vector<MachineInstruction> instructions;
    std::vector<MachineEdge> edges;
};

struct MachineFunction {
    std::vector<dmir::Type> types;
    std::vector<MachineBlock> blocks;
    /// Of each block: one past the last block of the loop that it heads (0: heads none), the innermost loop's head, the
    /// head of the loop around the loop that it heads, and how many loops are around it.
    std::vector<dmir::BlockIndex> loop_end;
    std::vector<dmir::BlockIndex> loop_of;
    std::vector<dmir::BlockIndex> loop_parent;
    std::vector<std::uint32_t> loop_depth;

    [[nodiscard]] dmir::Value new_value(dmir::Type type) {
        types.push_back(type);
        return static_cast<dmir::Value>(types.size() - 1);
    }
};

struct SlotAssignment {
    std::vector<std::uint16_t> slot_of_value;
    std::vector<SlotKind> slots;
};

[[nodiscard]] constexpr SlotKind kind_of(dmir::Type type) noexcept {
    if (type == dmir::Type::v128) return SlotKind::vector;
    return type == dmir::Type::f32 || type == dmir::Type::f64 ? SlotKind::floating : SlotKind::integer;
}

[[nodiscard]] Result<SlotAssignment> assign_slots(const dmir::Function& function, const MachineFunction& machine);
[[nodiscard]] Result<Code> encode(const dmir::Function& function, const MachineFunction& machine);

}  // namespace troupe::vm
