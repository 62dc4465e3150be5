// One node process: which actors it spawns and how they are joined.
#pragma once

#include <filesystem>

namespace troupe {

/// Runs the node whose node.json is in `directory` until SIGTERM or SIGINT; gives the process's exit code.
/// Writes status.json beside node.json twice a second.
int run_node(const std::filesystem::path& directory);

}  // namespace troupe
