// Between instruction selection and the final code: machine instructions over values, and their assignment to slots.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "vm/interp/code.hpp"

namespace troupe::vm {

struct MachineInstruction {
    std::uint16_t op = 0;
    std::uint32_t destination_count = 1;
    dmir::Value destination = dmir::no_value;
    std::array<dmir::Value, 3> sources{dmir::no_value, dmir::no_value, dmir::no_value};
    std::uint64_t immediate = 0;
    std::uint64_t immediate_high = 0;
    /// Of calls and returns: a slice of MachineFunction::lists.
    dmir::List list;
};

struct MachineEdge {
    dmir::BlockIndex block = 0;
    dmir::List arguments;
};

/// Slices of MachineFunction::instructions, of which the last is the terminator, and of MachineFunction::edges.
struct MachineBlock {
    std::uint32_t first_instruction = 0;
    std::uint32_t instruction_count = 0;
    std::uint32_t first_edge = 0;
    std::uint32_t edge_count = 0;
};

struct MachineFunction {
    std::vector<dmir::Type> types;
    std::vector<MachineBlock> blocks;
    std::vector<MachineInstruction> instructions;
    std::vector<MachineEdge> edges;
    std::vector<dmir::Value> lists;
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
    [[nodiscard]] std::span<const MachineInstruction> instructions_of(const MachineBlock& block) const {
        return {instructions.data() + block.first_instruction, block.instruction_count};
    }
    [[nodiscard]] std::span<const MachineEdge> edges_of(const MachineBlock& block) const {
        return {edges.data() + block.first_edge, block.edge_count};
    }
    [[nodiscard]] std::span<const dmir::Value> values(dmir::List list) const {
        return {lists.data() + list.begin, list.count};
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
/// `placement` may be null.
[[nodiscard]] Result<Code> encode(const dmir::Function& function, const MachineFunction& machine, Placement* placement);

}  // namespace troupe::vm
