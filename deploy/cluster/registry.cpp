#include "deploy/cluster/registry.hpp"

#include <algorithm>
#include <cstdlib>

#include "deploy/cluster/cluster.hpp"

namespace troupe {
namespace {

constexpr const char* file_name = "clusters.json";

[[nodiscard]] std::vector<std::filesystem::path> remembered(const std::filesystem::path& home) {
    std::vector<std::filesystem::path> out;
    const auto text = read_text_file(home / file_name, 1 << 20);
    const auto json = text ? Json::parse(*text, nullptr, false) : Json();
    if (json.is_array())
        for (const auto& item : json)
            if (item.is_string()) out.emplace_back(item.get<std::string>());
    return out;
}

/// The cluster's name, without judging the rest of the file: it may be of another version.
[[nodiscard]] std::string name_in(const std::filesystem::path& directory) {
    const auto text = read_text_file(directory / "cluster.json");
    const auto json = text ? Json::parse(*text, nullptr, false) : Json();
    return json.is_object() && json.contains("name") && json["name"].is_string() ? json["name"].get<std::string>() : "";
}

[[nodiscard]] bool runs(const KnownCluster& cluster) {
    const auto nodes = Cluster{cluster.directory}.health();
    return nodes && std::ranges::any_of(*nodes, &NodeHealth::runs);
}

}  // namespace

std::filesystem::path troupe_home() {
    const char* home = std::getenv("HOME");
    return std::filesystem::path(home != nullptr && *home != '\0' ? home : "/tmp") / ".troupe";
}

void remember_cluster(const std::filesystem::path& home, const std::filesystem::path& directory) {
    auto all = remembered(home);
    std::erase_if(all, [&](const auto& known) { return known == directory || name_in(known).empty(); });
    all.push_back(directory);
    Json json = Json::array();
    for (const auto& known : all) json.push_back(known.string());
    std::error_code ignored;
    std::filesystem::create_directories(home, ignored);
    // Only a convenience is lost if this fails.
    static_cast<void>(write_text_file(home / file_name, json.dump(1) + "\n"));
}

std::vector<KnownCluster> known_clusters(const std::filesystem::path& home) {
    auto directories = remembered(home);
    std::error_code error;
    for (std::filesystem::directory_iterator it{home, error}, end; !error && it != end; it.increment(error))
        directories.push_back(it->path());
    std::ranges::sort(directories);
    directories.erase(std::unique(directories.begin(), directories.end()), directories.end());
    std::vector<KnownCluster> out;
    for (const auto& directory : directories)
        if (auto name = name_in(directory); !name.empty()) out.push_back({std::move(name), directory});
    std::ranges::stable_sort(out, {}, &KnownCluster::name);
    return out;
}

Result<std::vector<KnownCluster>> choose_cluster(const std::filesystem::path& home, const std::string& name) {
    auto all = known_clusters(home);
    if (!name.empty()) std::erase_if(all, [&](const auto& cluster) { return cluster.name != name; });
    if (all.size() < 2) return all;
    std::vector<KnownCluster> running;
    std::ranges::copy_if(all, std::back_inserter(running), runs);
    if (running.size() == 1) return running;
    std::string list;
    for (const auto& cluster : running.empty() ? all : running)
        list += "\n  " + cluster.name + "  " + cluster.directory.string();
    return make_error(ErrorCode::invalid, std::string{running.empty() ? "no cluster is running and several are known"
                                                                      : "several clusters are running"} +
                                              "; say which with --name NAME or --data DIR:" + list);
}

}  // namespace troupe
