// What passes know of a function's control flow: predecessors, dominators, loops.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "vm/dmir/function.hpp"

namespace troupe::dmir {

inline constexpr BlockIndex no_block = 0xFFFFFFFF;

struct Cfg {
    struct Predecessor {
        BlockIndex block;
        /// Into Function::edges.
        std::uint32_t edge;
    };

    explicit Cfg(const Function& function);

    [[nodiscard]] std::span<const Predecessor> predecessors(BlockIndex block) const {
        return {predecessors_.data() + first_[block], first_[block + 1] - first_[block]};
    }
    [[nodiscard]] bool reachable(BlockIndex block) const { return block == 0 || dominator[block] != no_block; }
    /// A block dominates itself. Both must be reachable.
    [[nodiscard]] bool dominates(BlockIndex a, BlockIndex b) const {
        return enter_[a] <= enter_[b] && leave_[b] <= leave_[a];
    }
    [[nodiscard]] bool heads_loop(BlockIndex block) const { return loop_end[block] != 0; }

    /// The immediate one; no_block for the entry and for what nothing reaches.
    std::vector<BlockIndex> dominator;
    /// Of each block: one past the last block of the loop that it heads (0: heads none), the innermost loop's head, the
    /// head of the loop around the one that it heads.
    std::vector<BlockIndex> loop_end;
    std::vector<BlockIndex> loop_of;
    std::vector<BlockIndex> loop_parent;

private:
    void find_predecessors(const Function& function);
    void find_dominators();
    void number_dominator_tree();
    void find_loops(const Function& function);

    std::vector<std::uint32_t> first_;
    std::vector<Predecessor> predecessors_;
    std::vector<std::uint32_t> enter_;
    std::vector<std::uint32_t> leave_;
};

/// Where each value comes from.
struct Definition {
    /// Into Function::instructions; no_value for a block's parameter.
    std::uint32_t instruction = no_value;
    BlockIndex block = no_block;
};
[[nodiscard]] std::vector<Definition> find_definitions(const Function& function);

}  // namespace troupe::dmir
