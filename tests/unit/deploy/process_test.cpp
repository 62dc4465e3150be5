#include "deploy/cluster/process.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "deploy/keys/keys.hpp"
#include "deploy/node/node_config.hpp"

using namespace troupe;

namespace {
[[nodiscard]] std::filesystem::path temporary() {
    auto path = std::filesystem::temp_directory_path() / ("troupe-test-" + std::to_string(::getpid()));
    std::filesystem::create_directories(path);
    return path;
}
}  // namespace

TEST_CASE("a process is known by pid and start time, so that a recycled pid is not taken for it") {
    const auto self = identify(static_cast<std::uint32_t>(::getpid()));
    REQUIRE(self.has_value());
    CHECK(is_alive(*self));
    CHECK_FALSE(is_alive({self->pid, self->start_time + 1}));
    CHECK_FALSE(send_signal({self->pid, self->start_time + 1}, SIGKILL));
}

TEST_CASE("a process runs only once it is recorded: neither without a record nor after who starts it has died") {
    const auto directory = temporary();
    const auto mark = directory / "ran";
    const std::vector<std::string> touch{"/bin/sh", "-c", ": > " + mark.string() + "; exec sleep 100"};
    ProcessIdentity unrecorded;
    const auto started = start_process(touch, directory / "log", [&](const ProcessIdentity& process) -> Status {
        unrecorded = process;
        CHECK(is_alive(process));
        return make_error(ErrorCode::io, "no room");
    });
    CHECK_FALSE(started.ok());
    for (int i = 0; i < 5000 && is_alive(unrecorded); ++i) ::usleep(1000);
    CHECK_FALSE(is_alive(unrecorded));
    // The starter is killed while it records.
    const pid_t starter = ::fork();
    if (starter == 0) {
        static_cast<void>(start_process(touch, directory / "log", [&](const ProcessIdentity& process) {
            static_cast<void>(write_text_file(directory / "pid", std::to_string(process.pid)));
            ::raise(SIGKILL);
            return Status{Done{}};
        }));
        ::_exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(starter, &status, 0) == starter);
    CHECK(WIFSIGNALED(status));
    const auto pid = static_cast<std::uint32_t>(std::stoul(*read_text_file(directory / "pid")));
    for (int i = 0; i < 5000 && identify(pid); ++i) ::usleep(1000);
    CHECK_FALSE(identify(pid));
    CHECK_FALSE(std::filesystem::exists(mark));
}

TEST_CASE("a started process runs on its own, logs to its file and ends on a signal") {
    const auto log = temporary() / "log";
    const auto started = start_process({"/bin/sh", "-c", "echo hello; exec sleep 100"}, log);
    REQUIRE(started.ok());
    for (int i = 0; i < 1000 && (!std::filesystem::exists(log) || std::filesystem::file_size(log) == 0); ++i)
        ::usleep(2000);
    CHECK(*read_text_file(log) == "hello\n");
    CHECK(is_alive(*started));
    CHECK(send_signal(*started, SIGTERM));
    for (int i = 0; i < 1000 && is_alive(*started); ++i) ::usleep(2000);
    CHECK_FALSE(is_alive(*started));
    std::filesystem::remove_all(temporary());
}

TEST_CASE("a lock is held by one at a time") {
    const auto file = temporary() / "lock";
    {
        const auto first = FileLock::take(file);
        CHECK(first.ok());
        CHECK_FALSE(FileLock::take(file).ok());
    }
    CHECK(FileLock::take(file).ok());
    std::filesystem::remove_all(temporary());
}

TEST_CASE("identities are made once, with mode 0600") {
    const auto file = temporary() / "a.identity";
    const auto made = load_or_create_identity(file);
    const auto again = load_or_create_identity(file);
    REQUIRE(made.ok());
    REQUIRE(again.ok());
    CHECK(made->public_key() == again->public_key());
    struct stat facts {};
    REQUIRE(::stat(file.c_str(), &facts) == 0);
    CHECK((facts.st_mode & 0777) == 0600);
    std::filesystem::remove_all(temporary());
}

TEST_CASE("a node's configuration survives its file, and a wrong one is refused by field") {
    NodeConfig config;
    config.name = "n";
    config.roles = {"executor"};
    config.peers.push_back({1, "m", {}, "127.0.0.1", 5});
    const auto file = temporary() / "node.json";
    REQUIRE(write_node_config(file, config).ok());
    const auto read = read_node_config(file);
    REQUIRE(read.ok());
    CHECK(*read == config);
    REQUIRE(write_text_file(file, "{\"name\": 5}").ok());
    CHECK_FALSE(read_node_config(file).ok());
    std::filesystem::remove_all(temporary());
}
