#include "deploy/cluster/process.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace troupe {

std::optional<ProcessIdentity> identify(std::uint32_t pid) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
    std::string line;
    if (!std::getline(in, line)) return std::nullopt;
    // The command may contain spaces and parentheses: fields start after the last ')'.
    const auto after = line.rfind(')');
    if (after == std::string::npos) return std::nullopt;
    std::istringstream rest(line.substr(after + 1));
    std::string field;
    ProcessIdentity identity{pid, 0};
    for (int i = 3; i <= 22 && rest >> field; ++i) {
        if (i == 3 && (field == "Z" || field == "X")) return std::nullopt;
        if (i == 22) identity.start_time = std::strtoull(field.c_str(), nullptr, 10);
    }
    return identity;
}

namespace {

[[nodiscard]] bool open_pipe(FileDescriptor& out, FileDescriptor& in) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return false;
    out.value = ends[0];
    in.value = ends[1];
    return true;
}

}  // namespace

bool is_alive(const ProcessIdentity& process) { return process.pid != 0 && identify(process.pid) == process; }

Result<ProcessIdentity> start_process(const std::vector<std::string>& arguments, const std::filesystem::path& log_file,
                                      const std::function<Status(const ProcessIdentity&)>& record) {
    const FileDescriptor log{::open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)};
    if (!log.is_open()) return make_error(ErrorCode::io, log_file.string() + ": " + std::strerror(errno));
    std::vector<char*> argv;
    for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    // Its pid comes back; leave to run goes there.
    FileDescriptor pid_out, pid_in, leave_out, leave_in;
    if (!open_pipe(pid_out, pid_in) || !open_pipe(leave_out, leave_in))
        return make_error(ErrorCode::io, std::string{"pipe: "} + std::strerror(errno));
    // The child of a child, so that it is init's to reap whenever it ends.
    const pid_t child = ::fork();
    if (child < 0) return make_error(ErrorCode::io, std::string{"fork: "} + std::strerror(errno));
    if (child == 0) {
        ::setsid();
        const pid_t grandchild = ::fork();
        if (grandchild != 0) {
            const auto written = ::write(pid_in.value, &grandchild, sizeof grandchild);
            ::_exit(written == sizeof grandchild ? 0 : 1);
        }
        // Ends with the last other holder: without leave if the parent is gone.
        ::close(leave_in.value);
        char leave = 0;
        if (::read(leave_out.value, &leave, 1) != 1) ::_exit(126);
        const int null = ::open("/dev/null", O_RDONLY);
        ::dup2(null, STDIN_FILENO);
        ::dup2(log.value, STDOUT_FILENO);
        ::dup2(log.value, STDERR_FILENO);
        ::execv(argv[0], argv.data());
        ::_exit(127);
    }
    pid_in.close();
    pid_t pid = -1;
    const auto got = ::read(pid_out.value, &pid, sizeof pid);
    int status = 0;
    ::waitpid(child, &status, 0);
    if (got != sizeof pid || pid <= 0) return make_error(ErrorCode::io, "the process could not be started");
    const auto found = identify(static_cast<std::uint32_t>(pid));
    const auto identity = found ? *found : ProcessIdentity{static_cast<std::uint32_t>(pid), 0};
    if (record)
        if (auto recorded = record(identity); !recorded) return recorded.error();
    if (::write(leave_in.value, "", 1) != 1) return make_error(ErrorCode::io, "the process ended before it began");
    return identity;
}

bool send_signal(const ProcessIdentity& process, int signal) {
    return is_alive(process) && ::kill(static_cast<pid_t>(process.pid), signal) == 0;
}

namespace {

/// The inode of the socket that listens on a TCP port, as /proc/net/tcp or tcp6 writes it.
[[nodiscard]] std::string listening_inode(const char* table_file, std::uint16_t port) {
    std::ifstream table(table_file);
    std::string line;
    while (std::getline(table, line)) {
        std::istringstream in(line);
        std::string slot, local, remote, state, skip, inode;
        in >> slot >> local >> remote >> state;
        const auto colon = local.rfind(':');
        if (state != "0A" || colon == std::string::npos) continue;
        if (std::strtoul(local.substr(colon + 1).c_str(), nullptr, 16) != port) continue;
        for (int i = 0; i < 5; ++i) in >> skip;
        in >> inode;
        return inode;
    }
    return "";
}

/// Paths in a directory; empty if it can't be read (a process that ends meanwhile, or another user's).
[[nodiscard]] std::vector<std::filesystem::path> entries_of(const std::filesystem::path& directory) {
    std::vector<std::filesystem::path> out;
    std::error_code error;
    for (std::filesystem::directory_iterator it{directory, error}, end; !error && it != end; it.increment(error))
        out.push_back(it->path());
    return out;
}

/// "NAME (pid N)" of who listens on a TCP port, if this user may see it.
[[nodiscard]] std::string listener_of(std::uint16_t port) {
    auto inode = listening_inode("/proc/net/tcp", port);
    if (inode.empty()) inode = listening_inode("/proc/net/tcp6", port);
    if (inode.empty()) return "";
    for (const auto& process : entries_of("/proc")) {
        const auto name = process.filename().string();
        if (name.find_first_not_of("0123456789") != std::string::npos) continue;
        for (const auto& fd : entries_of(process / "fd")) {
            std::error_code error;
            if (std::filesystem::read_symlink(fd, error).string() != "socket:[" + inode + "]") continue;
            std::ifstream comm(process / "comm");
            std::string command;
            std::getline(comm, command);
            return command + " (pid " + name + ")";
        }
    }
    return "";
}

}  // namespace

Status check_port_free(const std::string& host, std::uint16_t port) {
    const FileDescriptor socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const int on = 1;
    ::setsockopt(socket.value, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    if (::inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1)
        return make_error(ErrorCode::invalid, host + " is not an IPv4 address");
    if (::bind(socket.value, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
        ::listen(socket.value, 1) == 0)
        return Done{};
    const int failure = errno;
    const auto owner = listener_of(port);
    return make_error(ErrorCode::already_exists,
                      "port " + std::to_string(port) + " on " + host +
                          " can't be used: " + (owner.empty() ? std::strerror(failure) : "it is taken by " + owner));
}

Result<FileLock> FileLock::take(const std::filesystem::path& file) {
    FileDescriptor opened{::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)};
    if (!opened.is_open()) return make_error(ErrorCode::io, file.string() + ": " + std::strerror(errno));
    if (::flock(opened.value, LOCK_EX | LOCK_NB) != 0)
        return make_error(ErrorCode::already_exists,
                          "another troupe command is changing this cluster; try again when it is done");
    return FileLock{std::move(opened)};
}

}  // namespace troupe
