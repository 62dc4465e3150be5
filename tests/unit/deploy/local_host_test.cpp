#include "deploy/host/local_host.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace troupe;

namespace {

struct Directory {
    std::filesystem::path path =
        std::filesystem::temp_directory_path() / ("troupe-host-test-" + std::to_string(::getpid()));
    Directory() { std::filesystem::create_directories(path); }
    ~Directory() { std::filesystem::remove_all(path); }
};

[[nodiscard]] NodePackage package() {
    NodePackage package;
    package.config.name = "n";
    package.config.roles = {"executor"};
    package.genesis = "{}";
    package.identity = std::string(64, 'a');
    return package;
}

/// As if `start` had run this command.
[[nodiscard]] ProcessIdentity run_as_node(const LocalHost& host, const std::string& command) {
    const auto log = host.node_directory("n") / "node.log";
    const auto process = start_process({"/bin/sh", "-c", command}, log);
    REQUIRE(process.ok());
    REQUIRE(write_text_file(host.node_directory("n") / "process.json", to_json_value(*process).dump()).ok());
    for (int i = 0; i < 2000 && (!std::filesystem::exists(log) || std::filesystem::file_size(log) == 0); ++i)
        ::usleep(2000);
    return *process;
}

}  // namespace

TEST_CASE("a shipped node's key is readable by its user only, and its files are where its configuration says") {
    const Directory directory;
    LocalHost host{directory.path};
    REQUIRE(host.install(package()).ok());
    struct stat facts {};
    REQUIRE(::stat((host.node_directory("n") / "identity").c_str(), &facts) == 0);
    CHECK((facts.st_mode & 0777) == 0600);
    const auto config = read_node_config(host.node_directory("n") / "node.json");
    REQUIRE(config.ok());
    CHECK(config->identity_path == (host.node_directory("n") / "identity").string());
    CHECK(config->genesis_path == (directory.path / "genesis.json").string());
    CHECK(std::filesystem::is_directory(config->data_directory));
}

TEST_CASE("a node that ignores SIGTERM is gone when stop returns") {
    const Directory directory;
    LocalHost host{directory.path};
    REQUIRE(host.install(package()).ok());
    const auto process = run_as_node(host, "trap '' TERM; echo ready; while :; do sleep 1; done");
    CHECK(host.wanted() == std::vector<std::string>{"n"});
    CHECK(*host.stop({"n"}) == 1);
    CHECK_FALSE(is_alive(process));
    CHECK(host.wanted().empty());
    CHECK((*host.states({"n"}))[0].state == "stopped");
}

TEST_CASE("a node that ended by itself is dead, one without a word is starting, one that fell silent is silent") {
    const Directory directory;
    LocalHost host{directory.path};
    REQUIRE(host.install(package()).ok());
    const auto process = run_as_node(host, "echo ready; sleep 100");
    CHECK((*host.states({"n"}))[0].state == "starting");
    const auto status = [&](std::uint64_t pid, std::uint64_t time) {
        REQUIRE(
            write_text_file(host.node_directory("n") / "status.json",
                            Json{{"pid", pid},
                                 {"state", "ready"},
                                 {"height", 7},
                                 {"peers", {1, 2}},
                                 {"time_ms", time},
                                 {"configuration", configuration_fingerprint(host.node_directory("n") / "node.json")}}
                                .dump())
                .ok());
    };
    status(process.pid, 1);
    CHECK((*host.states({"n"}))[0].state == "silent");
    status(process.pid, ~std::uint64_t{0} / 2);
    auto state = (*host.states({"n"}))[0];
    CHECK(state.state == "ready");
    CHECK(state.height == 7);
    CHECK(state.peers == std::vector<std::uint32_t>{1, 2});
    CHECK(state.is_current);
    auto changed = package();
    changed.config.vm_workers = 5;
    REQUIRE(host.install(changed).ok());
    CHECK_FALSE((*host.states({"n"}))[0].is_current);
    // What a predecessor left behind says nothing.
    status(process.pid + 1, ~std::uint64_t{0} / 2);
    CHECK((*host.states({"n"}))[0].state == "starting");
    REQUIRE(send_signal(process, SIGKILL));
    for (int i = 0; i < 2000 && is_alive(process); ++i) ::usleep(2000);
    CHECK((*host.states({"n"}))[0].state == "dead");
    CHECK(*host.stop({"n"}) == 0);
}

TEST_CASE("a node's data moves in parts, only while it is stopped, and never out of its directory") {
    const Directory directory;
    LocalHost host{directory.path};
    REQUIRE(host.install(package()).ok());
    const Bytes part(1000, 7);
    REQUIRE(host.write_data("n", "chain.db", 0, part).ok());
    REQUIRE(host.write_data("n", "chain.db", 1000, part).ok());
    CHECK_FALSE(host.write_data("n", "chain.db", 500, part).ok());
    CHECK(*host.data_files("n") == std::vector<std::string>{"chain.db"});
    const auto read = host.read_data("n", "chain.db", 500);
    REQUIRE(read.ok());
    CHECK(read->size == 2000);
    CHECK(read->bytes.size() == 1500);
    REQUIRE(host.write_data("n", "chain.db", 0, {}).ok());
    CHECK(host.read_data("n", "chain.db", 0)->size == 0);
    for (const char* name : {"", ".", "..", "../node.json", "a/b"}) {
        CHECK_FALSE(host.write_data("n", name, 0, part).ok());
        CHECK_FALSE(host.read_data("n", name, 0).ok());
    }
    const auto process = run_as_node(host, "echo ready; sleep 100");
    CHECK_FALSE(host.data_files("n").ok());
    CHECK_FALSE(host.write_data("n", "chain.db", 0, part).ok());
    CHECK_FALSE(host.remove("n").ok());
    REQUIRE(host.stop({"n"}).ok());
    CHECK(host.remove("n").ok());
    CHECK_FALSE(std::filesystem::exists(host.node_directory("n")));
    CHECK_FALSE(is_alive(process));
}
