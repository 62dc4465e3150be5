// A function made from another one's loop: what a call in progress needs that changes engines between two rounds.
#pragma once

#include <optional>

#include "vm/dmir/function.hpp"

namespace troupe::dmir {

struct EnteredFunction {
    /// Its entry goes on at the loop's head.
    Function function;
    /// Of the function that it was made from: what each parameter stands for.
    std::vector<Value> values;
};

/// More parameters are not worth it.
inline constexpr std::size_t entered_values_max = 1000;

/// What is left of a call of `function` when the block `head`, which heads a loop, comes next. Only values that are
/// alive there are parameters; constants are made again. The rest of each round of the loops around comes first, once;
/// then these loops stand as they did, so that an inner loop's code is made for all of its nest. Nothing if `head`
/// heads no loop, or that takes more than four times the function.
[[nodiscard]] std::optional<EnteredFunction> enter_at(const Function& function, BlockIndex head);

}  // namespace troupe::dmir
