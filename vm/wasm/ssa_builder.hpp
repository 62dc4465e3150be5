// Appends blocks and instructions to a dMIR function while the front end reads a body.
#pragma once

#include <span>

#include "vm/dmir/function.hpp"

namespace troupe::wasm {

class SsaBuilder {
public:
    dmir::Function function;

    [[nodiscard]] bool reachable() const noexcept { return open_; }

    /// Opens the next block.
    dmir::BlockIndex start_block() {
        dmir::Block block;
        block.first_instruction = static_cast<std::uint32_t>(function.instructions.size());
        function.blocks.push_back(std::move(block));
        open_ = true;
        return static_cast<dmir::BlockIndex>(function.blocks.size() - 1);
    }
    [[nodiscard]] dmir::Block& block() { return function.blocks.back(); }
    void charge(std::uint32_t fuel) {
        block().fuel += fuel;
        ++block().steps;
    }

    dmir::Instruction& append(dmir::Op op) {
        function.instructions.push_back({.op = op});
        return function.instructions.back();
    }
    /// One result.
    [[nodiscard]] dmir::Value result(dmir::Instruction& instruction, dmir::Type type) {
        instruction.first_result = function.new_value(type);
        instruction.result_count = 1;
        return instruction.first_result;
    }

    [[nodiscard]] dmir::List list(std::span<const dmir::Value> values) {
        const dmir::List out{static_cast<std::uint32_t>(function.lists.size()),
                             static_cast<std::uint32_t>(values.size())};
        function.lists.insert(function.lists.end(), values.begin(), values.end());
        return out;
    }
    /// An edge of the open block's terminator, to a block that may be given later.
    std::uint32_t edge(dmir::List arguments, dmir::BlockIndex target = 0) {
        if (!has_edges_) block().terminator.first_edge = static_cast<std::uint32_t>(function.edges.size());
        has_edges_ = true;
        function.edges.push_back({target, arguments});
        return static_cast<std::uint32_t>(function.edges.size() - 1);
    }
    void terminate(dmir::Terminator::Kind kind, dmir::Value condition = dmir::no_value, dmir::List values = {}) {
        auto& b = block();
        b.instruction_count = static_cast<std::uint32_t>(function.instructions.size()) - b.first_instruction;
        b.terminator.kind = kind;
        b.terminator.condition = condition;
        b.terminator.values = values;
        if (has_edges_)
            b.terminator.edge_count = static_cast<std::uint32_t>(function.edges.size()) - b.terminator.first_edge;
        has_edges_ = false;
        open_ = false;
    }

private:
    bool open_ = false;
    bool has_edges_ = false;
};

}  // namespace troupe::wasm
