#include "vm/dmir/place_charges.hpp"

#include <algorithm>

namespace troupe::dmir {
namespace {

constexpr BlockIndex nowhere = 0xFFFFFFFF;
/// What an engine's instruction can hold, and enough to be worth one.
constexpr std::uint32_t charge_max = 1U << 30U;

/// Where all ways from a block meet first, over how many of that block's edges they come.
struct Meeting {
    BlockIndex block = nowhere;
    std::uint32_t edges = 0;
};

class ChargePlacer {
public:
    explicit ChargePlacer(Function& function)
        : f_(function), edges_to_(function.blocks.size(), 0), meetings_(function.blocks.size()) {
        for (const auto& block : f_.blocks)
            for (const auto& edge : f_.edges_of(block)) ++edges_to_[edge.block];
    }

    /// From the last block to the first: what a block takes over, one before it can take over from it.
    void run() {
        for (auto b = static_cast<BlockIndex>(f_.blocks.size()); b-- > 0;) {
            take_from_successors(b);
            take_from_meeting(b);
        }
    }

private:
    void take_from_successors(BlockIndex b) {
        const auto edges = f_.edges_of(f_.blocks[b]);
        if (edges.empty()) return;
        std::uint32_t fuel = charge_max;
        std::uint32_t steps = charge_max;
        for (const auto& edge : edges) {
            if (edge.block <= b || edges_to_[edge.block] != 1) return;
            fuel = std::min(fuel, f_.blocks[edge.block].fuel);
            steps = std::min(steps, f_.blocks[edge.block].steps);
        }
        if (!add(f_.blocks[b], fuel, steps)) return;
        for (const auto& edge : edges) {
            f_.blocks[edge.block].fuel -= fuel;
            f_.blocks[edge.block].steps -= steps;
        }
    }

    void take_from_meeting(BlockIndex b) {
        auto& meeting = meetings_[b];
        for (const auto& edge : f_.edges_of(f_.blocks[b])) {
            if (edge.block <= b) {
                meeting = {};
                return;
            }
            const auto next = edges_to_[edge.block] == 1 ? meetings_[edge.block] : Meeting{edge.block, 1};
            if (next.block == nowhere || (meeting.block != nowhere && meeting.block != next.block)) {
                meeting = {};
                return;
            }
            meeting = {next.block, meeting.edges + next.edges};
        }
        if (meeting.block == nowhere || meeting.edges != edges_to_[meeting.block]) return;
        auto& met = f_.blocks[meeting.block];
        if (add(f_.blocks[b], met.fuel, met.steps)) met.fuel = met.steps = 0;
        meeting = meetings_[meeting.block];
    }

    [[nodiscard]] static bool add(Block& block, std::uint32_t fuel, std::uint32_t steps) {
        if (block.fuel + fuel > charge_max || block.steps + steps > charge_max) return false;
        block.fuel += fuel;
        block.steps += steps;
        return true;
    }

    Function& f_;
    std::vector<std::uint32_t> edges_to_;
    std::vector<Meeting> meetings_;
};

}  // namespace

bool is_small_leaf(const Function& function) {
    constexpr std::size_t instructions_max = 24;
    constexpr std::size_t blocks_max = 8;
    const auto calls = [](const Instruction& i) { return i.op == Op::call || i.op == Op::call_indirect; };
    return function.blocks.size() <= blocks_max && function.instructions.size() <= instructions_max &&
           std::none_of(function.instructions.begin(), function.instructions.end(), calls);
}

void place_checks(Function& function) {
    function.blocks[0].checked = !is_small_leaf(function);
    for (BlockIndex b = 0; b < function.blocks.size(); ++b)
        for (const auto& edge : function.edges_of(function.blocks[b]))
            if (edge.block <= b) function.blocks[edge.block].checked = true;
}

void place_charges(Function& function) { ChargePlacer(function).run(); }

}  // namespace troupe::dmir
