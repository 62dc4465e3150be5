// Which troupe this is.
#pragma once

namespace troupe {

inline constexpr const char* node_version = "0.1.0";

}  // namespace troupe
