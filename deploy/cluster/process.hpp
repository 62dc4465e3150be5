// Node processes: started as sessions of their own, known by pid and start time, so that a recycled pid is never
// mistaken for one of ours.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/codec.hpp"
#include "runtime/base/file_descriptor.hpp"

namespace troupe {

struct ProcessIdentity {
    std::uint32_t pid = 0;
    /// Clock ticks after boot (field 22 of /proc/PID/stat).
    std::uint64_t start_time = 0;

    bool operator==(const ProcessIdentity&) const = default;
    static constexpr auto reflect() {
        return fields("ProcessIdentity", field("pid", &ProcessIdentity::pid),
                      field("start_time", &ProcessIdentity::start_time));
    }
};

/// Nothing if there is no such process (zombies included).
[[nodiscard]] std::optional<ProcessIdentity> identify(std::uint32_t pid);
[[nodiscard]] bool is_alive(const ProcessIdentity& process);
/// Runs `arguments` in a session of its own with output appended to `log_file` and input from /dev/null. `record` is
/// told first what will run: if it fails, or this process dies meanwhile, nothing runs.
[[nodiscard]] Result<ProcessIdentity> start_process(const std::vector<std::string>& arguments,
                                                    const std::filesystem::path& log_file,
                                                    const std::function<Status(const ProcessIdentity&)>& record = {});
/// False if it is not alive any more.
bool send_signal(const ProcessIdentity& process, int signal);

/// An error naming who listens there, if /proc tells, when `host`:`port` can't be bound.
[[nodiscard]] Status check_port_free(const std::string& host, std::uint16_t port);

/// Holds an exclusive lock on a file while it lives.
class FileLock {
public:
    [[nodiscard]] static Result<FileLock> take(const std::filesystem::path& file);

private:
    explicit FileLock(FileDescriptor file) noexcept : file_(std::move(file)) {}
    FileDescriptor file_;
};

}  // namespace troupe
