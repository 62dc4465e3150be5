#include "deploy/manifest/hint.hpp"

#include <algorithm>

#include "deploy/manifest/manifest.hpp"

namespace troupe {

std::string suggestion(std::string_view word, const std::vector<std::string>& candidates) {
    const auto near = nearest(word, candidates);
    return near.empty() ? "" : "; did you mean \"" + near + "\"?";
}

std::string hint_for(std::string_view word, std::vector<std::string> known) {
    constexpr std::size_t shown_max = 24;
    if (auto near = suggestion(word, known); !near.empty()) return near;
    if (known.empty()) return "";
    std::ranges::sort(known);
    known.erase(std::unique(known.begin(), known.end()), known.end());
    std::string out = "; there are:";
    for (std::size_t i = 0; i < known.size() && i < shown_max; ++i) out += (i == 0 ? " " : ", ") + known[i];
    if (known.size() > shown_max) out += " and " + std::to_string(known.size() - shown_max) + " more";
    return out;
}

}  // namespace troupe
