#include "deploy/host/local_host.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <thread>

#include <signal.h>
#include <sys/stat.h>

#include "deploy/inspect/http_get.hpp"
#include "runtime/base/clock.hpp"

namespace troupe {
namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr auto stop_grace = std::chrono::seconds(10);
/// The kernel ends a killed process at once unless it is stuck in the disk.
constexpr auto kill_grace = std::chrono::seconds(10);
constexpr auto poll = std::chrono::milliseconds(20);
/// A node writes its status twice a second.
constexpr std::uint64_t silence_ms = 5000;
constexpr std::uint64_t free_bytes_min = 16 << 20;

[[nodiscard]] Status make_directory(const std::filesystem::path& directory) {
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error) return make_error(ErrorCode::io, directory.string() + ": " + error.message());
    return Done{};
}

/// Waits until all are gone or the time is over; what is left stays in `alive`.
void await_end(std::vector<ProcessIdentity>& alive, std::chrono::milliseconds patience) {
    const auto deadline = SteadyClock::now() + patience;
    for (;;) {
        std::erase_if(alive, [](const auto& process) { return !is_alive(process); });
        if (alive.empty() || SteadyClock::now() > deadline) return;
        std::this_thread::sleep_for(poll);
    }
}

[[nodiscard]] bool is_plain_name(const std::string& name) {
    return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos;
}

[[nodiscard]] Result<FilePart> read_part(const std::filesystem::path& file, std::uint64_t offset) {
    FilePart part;
    std::error_code error;
    part.size = std::filesystem::file_size(file, error);
    if (error) return make_error(ErrorCode::not_found, file.string() + ": " + error.message());
    if (offset >= part.size) return part;
    std::ifstream in(file, std::ios::binary);
    in.seekg(static_cast<std::streamoff>(offset));
    part.bytes.resize(static_cast<std::size_t>(std::min<std::uint64_t>(part.size - offset, file_part_bytes_max)));
    in.read(reinterpret_cast<char*>(part.bytes.data()), static_cast<std::streamsize>(part.bytes.size()));
    part.bytes.resize(static_cast<std::size_t>(std::max<std::streamsize>(in.gcount(), 0)));
    return part;
}

/// What the node's status file adds.
void read_status(NodeState& out, const std::filesystem::path& directory) {
    const auto text = read_text_file(directory / "status.json", 1 << 20);
    const auto json = text ? Json::parse(*text, nullptr, false) : Json();
    if (!json.is_object()) return;
    const auto number = [&](const char* key) {
        const auto it = json.find(key);
        return it != json.end() && it->is_number_unsigned() ? it->get<std::uint64_t>() : std::uint64_t{0};
    };
    const auto text_of = [&](const char* key) {
        const auto it = json.find(key);
        return it != json.end() && it->is_string() ? it->get<std::string>() : std::string{};
    };
    // Of a predecessor that ended without removing it.
    if (number("pid") != out.pid) return;
    out.state = text_of("state");
    out.height = number("height");
    out.view = number("view");
    out.role = text_of("role");
    if (const auto peers = json.find("peers"); peers != json.end() && peers->is_array())
        for (const auto& peer : *peers)
            if (peer.is_number_unsigned()) out.peers.push_back(peer.get<std::uint32_t>());
    out.is_current = text_of("configuration") == configuration_fingerprint(directory / "node.json");
    if (wall_clock_now().value > number("time_ms") + silence_ms) out.state = "silent";
}

}  // namespace

std::optional<ProcessIdentity> LocalHost::process(const std::string& node) const {
    const auto text = read_text_file(node_directory(node) / "process.json", 1 << 12);
    const auto json = text ? parse_json(*text) : Result<Json>{text.error()};
    ProcessIdentity identity;
    if (!json || !from_json_value(*json, identity, "")) return std::nullopt;
    return identity;
}

std::vector<std::string> LocalHost::wanted() const {
    std::vector<std::string> out;
    std::error_code error;
    for (std::filesystem::directory_iterator it{directory_ / "nodes", error}, end; !error && it != end;
         it.increment(error))
        if (std::filesystem::exists(it->path() / "process.json")) out.push_back(it->path().filename().string());
    std::ranges::sort(out);
    return out;
}

Status LocalHost::install(const NodePackage& package) {
    auto config = package.config;
    const auto directory = node_directory(config.name);
    if (auto status = make_directory(directory / "data"); !status) return status;
    config.data_directory = (directory / "data").string();
    if (!package.genesis.empty()) {
        config.genesis_path = (directory_ / "genesis.json").string();
        const auto present = read_text_file(config.genesis_path);
        if (!present || *present != package.genesis)
            if (auto status = write_text_file(config.genesis_path, package.genesis); !status) return status;
    }
    if (!package.identity.empty()) {
        config.identity_path = (directory / "identity").string();
        if (auto status = write_text_file(config.identity_path, package.identity + "\n", true); !status) return status;
    }
    if (!package.credentials.empty()) {
        config.credentials_path = (directory / "operator.pem").string();
        if (auto status = write_text_file(config.credentials_path, package.credentials, true); !status) return status;
    }
    if (!package.cluster.empty())
        if (auto status = write_text_file(directory / "cluster.json", package.cluster); !status) return status;
    return write_node_config(directory / "node.json", config);
}

Status LocalHost::check_ports(const std::vector<WantedPort>& ports) {
    for (const auto& wanted : ports)
        if (auto status = check_port_free(wanted.host, wanted.port); !status)
            return make_error(status.error().code, wanted.node + ": " + status.error().message);
    return Done{};
}

Status LocalHost::start(const std::string& node) {
    if (const auto running = process(node); running && is_alive(*running)) return Done{};
    const auto config = read_node_config(node_directory(node) / "node.json");
    if (!config) return config.error();
    std::vector<WantedPort> ports{{node, config->link_host, config->link_port}};
    if (config->rpc_port != 0) ports.push_back({node, config->rpc_host, config->rpc_port});
    if (auto status = check_ports(ports); !status) return status;
    std::error_code error;
    // A node that can't even write its log would die without a word.
    const auto space = std::filesystem::space(node_directory(node), error);
    if (!error && space.available < free_bytes_min)
        return make_error(ErrorCode::io, node + ": only " + std::to_string(space.available >> 10) +
                                             " KiB are free in " + node_directory(node).string() +
                                             ": a node is not started with less than " +
                                             std::to_string(free_bytes_min >> 20) + " MiB; free some space");
    std::filesystem::remove(node_directory(node) / "status.json", error);
    const auto executable = executable_.empty() ? std::filesystem::read_symlink("/proc/self/exe", error) : executable_;
    if (error) return make_error(ErrorCode::io, "/proc/self/exe: " + error.message());
    const auto started = start_process({executable.string(), "node", node_directory(node).string()},
                                       node_directory(node) / "node.log", [&](const ProcessIdentity& process) {
                                           return write_text_file(node_directory(node) / "process.json",
                                                                  to_json_value(process).dump() + "\n");
                                       });
    return started ? Status{Done{}} : Status{started.error()};
}

Result<std::uint64_t> LocalHost::stop(const std::vector<std::string>& nodes) {
    std::vector<ProcessIdentity> alive;
    for (const auto& name : nodes)
        if (const auto running = process(name); running && send_signal(*running, SIGTERM)) alive.push_back(*running);
    const auto count = alive.size();
    await_end(alive, stop_grace);
    for (const auto& stubborn : alive) send_signal(stubborn, SIGKILL);
    await_end(alive, kill_grace);
    if (!alive.empty())
        return make_error(ErrorCode::unavailable,
                          "pid " + std::to_string(alive.front().pid) + " does not end, not even when killed");
    std::error_code ignored;
    for (const auto& name : nodes) {
        std::filesystem::remove(node_directory(name) / "process.json", ignored);
        std::filesystem::remove(node_directory(name) / "status.json", ignored);
    }
    return count;
}

Status LocalHost::signal(const std::string& node, int number) const {
    const auto running = process(node);
    if (!running || !send_signal(*running, number)) return make_error(ErrorCode::not_found, node + " is not running");
    return Done{};
}

Status LocalHost::reload(const std::string& node) { return signal(node, SIGHUP); }

Status LocalHost::drain(const std::string& node) { return signal(node, SIGUSR1); }

Result<std::vector<NodeState>> LocalHost::states(const std::vector<std::string>& nodes) {
    std::vector<NodeState> out;
    for (const auto& name : nodes) {
        NodeState state;
        state.name = name;
        if (const auto running = process(name)) {
            const bool alive = is_alive(*running);
            state.state = alive ? "starting" : "dead";
            if (alive) {
                state.pid = running->pid;
                read_status(state, node_directory(name));
            }
        }
        out.push_back(std::move(state));
    }
    return out;
}

Result<std::vector<NodeView>> LocalHost::look(const std::vector<std::string>& nodes, const std::string& path,
                                              std::uint32_t patience_ms) {
    std::vector<NodeView> out;
    std::vector<HttpTarget> targets;
    std::vector<std::size_t> asked;
    for (const auto& name : nodes) {
        out.push_back({name, 0, ""});
        // The file is the node's own; a node that does not run has left its old one behind.
        const auto running = process(name);
        const auto text = running && is_alive(*running) ? read_text_file(node_directory(name) / "inspect.port", 16)
                                                        : Result<std::string>{std::string{}};
        std::uint16_t port = 0;
        if (text) std::from_chars(text->data(), text->data() + text->size(), port);
        if (port == 0) continue;
        targets.push_back({"127.0.0.1", port, path});
        asked.push_back(out.size() - 1);
    }
    auto replies = http_get_all(targets, patience_ms);
    for (std::size_t i = 0; i < replies.size(); ++i)
        if (replies[i]) {
            out[asked[i]].status = replies[i]->status;
            out[asked[i]].body = std::move(replies[i]->body);
        }
    return out;
}

Result<FilePart> LocalHost::read_log(const std::string& node, std::uint64_t offset) {
    const auto file = node_directory(node) / "node.log";
    if (!std::filesystem::exists(file)) return FilePart{};
    return read_part(file, offset);
}

// Moving data ---------------------------------------------------------------------------------------------------------

Status LocalHost::check_stopped(const std::string& node) const {
    const auto running = process(node);
    if (running && is_alive(*running))
        return make_error(ErrorCode::invalid, node + " is running: its data can't be moved");
    return Done{};
}

Result<std::vector<std::string>> LocalHost::data_files(const std::string& node) {
    if (auto status = check_stopped(node); !status) return status.error();
    std::vector<std::string> out;
    std::error_code error;
    for (std::filesystem::directory_iterator it{node_directory(node) / "data", error}, end; !error && it != end;
         it.increment(error))
        if (it->is_regular_file()) out.push_back(it->path().filename().string());
    if (error) return make_error(ErrorCode::io, node + ": " + error.message());
    std::ranges::sort(out);
    return out;
}

Result<FilePart> LocalHost::read_data(const std::string& node, const std::string& file, std::uint64_t offset) {
    if (auto status = check_stopped(node); !status) return status.error();
    if (!is_plain_name(file)) return make_error(ErrorCode::invalid, "not the name of a data file: " + file);
    return read_part(node_directory(node) / "data" / file, offset);
}

Status LocalHost::write_data(const std::string& node, const std::string& file, std::uint64_t offset,
                             const Bytes& bytes) {
    if (auto status = check_stopped(node); !status) return status;
    if (!is_plain_name(file)) return make_error(ErrorCode::invalid, "not the name of a data file: " + file);
    const auto path = node_directory(node) / "data" / file;
    std::error_code error;
    const auto size = std::filesystem::exists(path, error) ? std::filesystem::file_size(path, error) : 0;
    if (offset != 0 && (error || size != offset))
        return make_error(ErrorCode::invalid, path.string() + " has " + std::to_string(size) + " bytes, not " +
                                                  std::to_string(offset) + ": another transfer is under way");
    std::ofstream out(path, std::ios::binary | (offset == 0 ? std::ios::trunc : std::ios::app));
    out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    out.flush();
    if (!out) return make_error(ErrorCode::io, path.string() + ": can't be written");
    return Done{};
}

Status LocalHost::remove(const std::string& node) {
    if (auto status = check_stopped(node); !status) return status;
    std::error_code error;
    std::filesystem::remove_all(node_directory(node), error);
    if (error) return make_error(ErrorCode::io, node_directory(node).string() + ": " + error.message());
    return Done{};
}

}  // namespace troupe
