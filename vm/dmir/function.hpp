// A function in dMIR: SSA with block parameters. Values are numbered densely; blocks stand in an order in which every
// definition precedes its uses but for uses through back edges, and each loop's blocks are contiguous.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "vm/dmir/opcodes.hpp"

namespace troupe::dmir {

using Value = std::uint32_t;
using BlockIndex = std::uint32_t;
inline constexpr Value no_value = 0xFFFFFFFF;

struct Signature {
    std::vector<Type> parameters;
    std::vector<Type> results;
    bool operator==(const Signature&) const = default;
};

/// A slice of Function::lists.
struct List {
    std::uint32_t begin = 0;
    std::uint32_t count = 0;
};

struct Instruction {
    Op op{};
    /// Results are numbered first_result, first_result + 1, ...
    Value first_result = no_value;
    std::uint32_t result_count = 0;
    /// Operands; calls keep theirs in `list` (call_indirect's table index is arguments[0]).
    std::array<Value, 3> arguments{no_value, no_value, no_value};
    List list;
    /// Constant bits, memory offset, lane, index of a function, global, table, segment or type; two indexes as
    /// first | second << 32; a lane operation on memory as offset | lane << 32.
    std::uint64_t immediate = 0;
    /// The upper half of a v128 immediate.
    std::uint64_t immediate_high = 0;
};

struct Edge {
    BlockIndex block = 0;
    List arguments;
};

struct Terminator {
    enum class Kind : std::uint8_t { none, branch, branch_if, branch_table, return_values, unreachable };
    Kind kind = Kind::none;
    /// branch_if: edge 0 if not zero, else edge 1. branch_table: edge min(condition, edges - 1).
    Value condition = no_value;
    /// return_values.
    List values;
    /// A slice of Function::edges.
    std::uint32_t first_edge = 0;
    std::uint32_t edge_count = 0;
};

struct Block {
    std::vector<Value> parameters;
    /// A slice of Function::instructions.
    std::uint32_t first_instruction = 0;
    std::uint32_t instruction_count = 0;
    Terminator terminator;
    /// Charged when the block is entered: fuel, and executed source instructions.
    std::uint32_t fuel = 0;
    std::uint32_t steps = 0;
    /// Execution stops here if the fuel is below zero then. Other blocks go on.
    bool checked = false;
};

struct Function {
    std::string name;
    Signature signature;
    /// Block 0 is the entry; its parameters are the function's.
    std::vector<Block> blocks;
    std::vector<Instruction> instructions;
    std::vector<Edge> edges;
    std::vector<Value> lists;
    /// Of each value.
    std::vector<Type> types;
    /// What a call of the function takes of the stack limit; comes from the source, not from the IR, so that it is
    /// the same in all tiers.
    std::uint32_t stack_units = 0;

    [[nodiscard]] std::span<const Value> values(List list) const { return {lists.data() + list.begin, list.count}; }
    [[nodiscard]] std::span<Value> values(List list) { return {lists.data() + list.begin, list.count}; }
    [[nodiscard]] std::span<const Instruction> instructions_of(const Block& block) const {
        return {instructions.data() + block.first_instruction, block.instruction_count};
    }
    [[nodiscard]] std::span<const Edge> edges_of(const Block& block) const {
        return {edges.data() + block.terminator.first_edge, block.terminator.edge_count};
    }
    [[nodiscard]] Value new_value(Type type) {
        types.push_back(type);
        return static_cast<Value>(types.size() - 1);
    }
};

/// Calls `visit(Value&)` for each operand of the instruction.
template <class F, class I, class Visit>
void for_each_operand(F& function, I& instruction, Visit&& visit) {
    for (auto& value : instruction.arguments)
        if (value != no_value) visit(value);
    for (auto& value : function.values(instruction.list)) visit(value);
}

}  // namespace troupe::dmir
