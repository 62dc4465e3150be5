// Register allocation: linear scan over live intervals with holes, on SSA form, with splitting (Wimmer and Franz:
// Linear Scan Register Allocation on SSA Form; Wimmer and Mössenböck: Optimized Interval Splitting in a Linear Scan
// Register Allocator). Values stay where they are until a register is needed for another one; constants are made again
// rather than saved.
#pragma once

#include <optional>

#include "jit/opt/machine.hpp"

namespace troupe::jit::opt {

struct Location {
    /// Half a slot holds values of 32 bits.
    enum class Kind : std::uint8_t { none, integer, floating, slot, half_slot, constant, stack_argument };
    Kind kind = Kind::none;
    /// A register's number, an argument's, or a slot's place in units of 4 bytes.
    std::uint32_t index = 0;
    std::uint64_t bits = 0;
    /// Of a constant: what it is loaded into or stored as.
    bool operator==(const Location&) const = default;
    [[nodiscard]] bool is_register() const noexcept { return kind == Kind::integer || kind == Kind::floating; }
    [[nodiscard]] bool is_slot() const noexcept { return kind == Kind::slot || kind == Kind::half_slot; }
};

struct Move {
    Location to;
    Location from;
    /// The upper half may be other than zero.
    bool wide = true;
    bool operator==(const Move&) const = default;
};

/// Positions: the head of block b is position 2 * heads[b], its k-th instruction reads at 2 * (heads[b] + 1 + k) and
/// writes one later.
struct Allocation {
    struct Piece {
        std::uint32_t begin;
        std::uint32_t end;
        Location location;
    };
    std::vector<std::uint32_t> heads;
    /// Of each register, in order.
    std::vector<std::vector<Piece>> pieces;
    /// Moves to be done all at once before each instruction (by position / 2; a block's head counts), sorted.
    struct Inserted {
        std::uint32_t index;
        Move move;
    };
    std::vector<Inserted> inserted;
    /// Registers whose value is stored to its slot where it is defined, and that slot; no_slot for others.
    static constexpr std::uint32_t no_slot = 0xFFFFFFFF;
    std::vector<std::uint32_t> stored_at_definition;
    /// Of each edge, block by block.
    std::vector<std::vector<std::vector<Move>>> edge_moves;
    std::uint32_t slot_bytes = 0;
    /// Integer registers that are used, a bit for each number.
    std::uint32_t used = 0;

    [[nodiscard]] Location at(Register r, std::uint32_t position) const;
};

/// Nothing if the function is too large, or can't be allocated.
[[nodiscard]] std::optional<Allocation> allocate(const Function& function);

}  // namespace troupe::jit::opt
