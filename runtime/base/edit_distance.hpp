// How far a word is from another, for telling what was probably meant.
#pragma once

#include <cstddef>
#include <string_view>

namespace troupe {

/// Levenshtein's: letters inserted, left out or replaced.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace troupe
