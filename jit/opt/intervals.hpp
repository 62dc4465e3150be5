// Liveness and live intervals of a machine function's registers.
#pragma once

#include "jit/opt/machine.hpp"

namespace troupe::jit::opt {

/// Half open.
struct Range {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
};
struct Use {
    std::uint32_t at = 0;
    /// A register is needed.
    bool must = false;
    /// One is better: also at the end of a loop in which there are uses, as what is used in the next round is not used
    /// late.
    bool should = false;
};

/// A register's life, or a piece of it after splitting.
struct Interval {
    Register value = no_register;
    /// Ascending.
    std::vector<Range> ranges;
    std::vector<Use> uses;
    /// The register assigned, or -1 for memory.
    int physical = -1;
    /// The range that the scan has reached.
    std::size_t cursor = 0;

    [[nodiscard]] std::uint32_t begin() const { return ranges.front().begin; }
    [[nodiscard]] std::uint32_t end() const { return ranges.back().end; }
};

struct Intervals {
    std::vector<std::uint32_t> heads;
    std::vector<Interval> of;
    /// A bit for each register alive at each block's head, parameters excluded.
    std::vector<std::uint64_t> live_in;
    std::size_t words = 0;
    /// Positions of calls, and of each physical integer register's other clobbers, ascending.
    std::vector<std::uint32_t> calls;
    std::array<std::vector<std::uint32_t>, 16> clobbers;

    [[nodiscard]] const std::uint64_t* live_at(dmir::BlockIndex b) const { return live_in.data() + b * words; }
};

/// Nothing if the function is too large to analyze in bounded memory.
[[nodiscard]] bool build_intervals(const Function& function, Intervals& out);

}  // namespace troupe::jit::opt
