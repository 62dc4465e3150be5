#include "deploy/manifest/hint.hpp"

#include <algorithm>

#include "deploy/manifest/manifest.hpp"

namespace troupe {

std::string hint_for(std::string_view word, std::vector<std::string> known) {
    constexpr std::size_t shown_max = 24;
    if (const auto near = nearest(word, known); !near.empty()) return "; did you mean \"" + near + "\"?";
    if (known.empty()) return "";
    std::ranges::sort(known);
    known.erase(std::unique(known.begin(), known.end()), known.end());
    std::string out = "; there are:";
    for (std::size_t i = 0; i < known.size() && i < shown_max; ++i) out += (i == 0 ? " " : ", ") + known[i];
    if (known.size() > shown_max) out += " and " + std::to_string(known.size() - shown_max) + " more";
    return out;
}

}  // namespace troupe
