// What to answer to a word that means nothing here.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace troupe {

/// "; did you mean "x"?", or nothing if no candidate is near.
[[nodiscard]] std::string suggestion(std::string_view word, const std::vector<std::string>& candidates);
/// For a word that is none of `known`: "; did you mean "x"?", or "; there are: a, b, c".
[[nodiscard]] std::string hint_for(std::string_view word, std::vector<std::string> known);

}  // namespace troupe
