#include "deploy/cluster/registry.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include "deploy/cluster/process.hpp"
#include "deploy/node/node_config.hpp"
#include "runtime/base/json.hpp"

using namespace troupe;

namespace {

struct Home {
    std::filesystem::path path =
        std::filesystem::temp_directory_path() / ("troupe-registry-test-" + std::to_string(::getpid()));
    Home() { std::filesystem::create_directories(path); }
    ~Home() { std::filesystem::remove_all(path); }
};

/// A cluster of one node whose process, if it runs, is this test.
void make_cluster(const std::filesystem::path& directory, const std::string& name, bool runs) {
    std::filesystem::create_directories(directory / "nodes" / "n");
    REQUIRE(write_text_file(
                directory / "cluster.json",
                R"({"version": 3, "name": ")" + name +
                    R"(", "manifest_text": "", "hosts": [], "nodes": [{"manifest": {"name": "n", "roles": ["executor"],
                                "host": "local", "address": "127.0.0.1", "link_port": 1, "rpc_port": 0,
                                "rpc_host": "127.0.0.1", "vm_workers": 2, "log_level": "info"}, "index": 0, "moving_from": ""}]})")
                .ok());
    std::filesystem::remove(directory / "nodes" / "n" / "process.json");
    if (runs)
        REQUIRE(write_text_file(directory / "nodes" / "n" / "process.json",
                                to_json_value(*identify(static_cast<std::uint32_t>(::getpid()))).dump())
                    .ok());
}

}  // namespace

TEST_CASE("clusters are found wherever they were launched, and forgotten when they are gone") {
    const Home home;
    CHECK(known_clusters(home.path).empty());
    make_cluster(home.path / "inside", "a", false);
    make_cluster(home.path / "deep" / "elsewhere", "b", false);
    remember_cluster(home.path, home.path / "deep" / "elsewhere");
    remember_cluster(home.path, home.path / "deep" / "elsewhere");
    const auto known = known_clusters(home.path);
    REQUIRE(known.size() == 2);
    CHECK(known[0].name == "a");
    CHECK(known[1].directory == home.path / "deep" / "elsewhere");
    std::filesystem::remove_all(home.path / "deep");
    CHECK(known_clusters(home.path).size() == 1);
}

TEST_CASE("the only cluster that runs is meant; of several, which must be said") {
    const Home home;
    CHECK(choose_cluster(home.path, "")->empty());
    make_cluster(home.path / "a", "a", false);
    CHECK(choose_cluster(home.path, "")->front().name == "a");
    make_cluster(home.path / "b", "b", false);
    CHECK(choose_cluster(home.path, "").error().message.find("no cluster is running and several are known") == 0);
    CHECK(choose_cluster(home.path, "a")->front().name == "a");
    CHECK(choose_cluster(home.path, "c")->empty());
    make_cluster(home.path / "b", "b", true);
    CHECK(choose_cluster(home.path, "")->front().name == "b");
    CHECK(choose_cluster(home.path, "a")->front().name == "a");
    make_cluster(home.path / "a", "a", true);
    const auto both = choose_cluster(home.path, "");
    REQUIRE_FALSE(both.ok());
    CHECK(both.error().message.find("several clusters are running; say which with --name") == 0);
    CHECK(both.error().message.find((home.path / "b").string()) != std::string::npos);
}
