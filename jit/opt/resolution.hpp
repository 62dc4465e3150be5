// From pieces of intervals with registers to locations and the moves between them.
#pragma once

#include "jit/opt/allocation.hpp"
#include "jit/opt/intervals.hpp"

namespace troupe::jit::opt {

/// What the scan decided: pieces, the first ones by register number; the next piece of the same register, or
/// 0xFFFFFFFF.
struct Assignment {
    std::vector<Interval> pieces;
    std::vector<std::uint32_t> next;
};

[[nodiscard]] Allocation resolve(const Function& function, const Intervals& intervals, const Assignment& assignment);

}  // namespace troupe::jit::opt
