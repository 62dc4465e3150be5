// Which clusters this user has launched, wherever their directories are: ~/.troupe/clusters.json. A hint for finding
// them without --data, never the truth about them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "runtime/base/result.hpp"

namespace troupe {

struct KnownCluster {
    std::string name;
    std::filesystem::path directory;
};

/// ~/.troupe
[[nodiscard]] std::filesystem::path troupe_home();

void remember_cluster(const std::filesystem::path& home, const std::filesystem::path& directory);
/// By name; those in `home` too, remembered or not. Directories without a cluster are left out.
[[nodiscard]] std::vector<KnownCluster> known_clusters(const std::filesystem::path& home);
/// The only one of them that runs, else the only one there is; with `name`, of those called so. Nothing if there is
/// none; ErrorCode::invalid, listing them, if it can't be told which is meant.
[[nodiscard]] Result<std::vector<KnownCluster>> choose_cluster(const std::filesystem::path& home,
                                                               const std::string& name);

}  // namespace troupe
