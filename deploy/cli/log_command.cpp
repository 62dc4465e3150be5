// logs, and what `up` shows in front.
#include <iostream>
#include <map>
#include <thread>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <signal.h>

#include "deploy/cli/cli.hpp"

namespace troupe::cli {
namespace {

volatile sig_atomic_t interrupted = 0;
void on_interrupt(int) { interrupted = 1; }

/// How far back `-n` looks in each log.
constexpr std::uint64_t look_back_bytes = 512 << 10;
constexpr auto pace = std::chrono::milliseconds(200);
/// "2026-01-31T10:20:30.123"
constexpr std::size_t time_size = 23;

struct LogTail {
    std::string node;
    std::uint64_t at = 0;
    std::string incomplete;
};

/// The complete lines that have been written since the last time.
[[nodiscard]] std::vector<std::string> new_lines(const Cluster& cluster, LogTail& tail) {
    std::vector<std::string> out;
    for (;;) {
        const auto part = cluster.read_log(tail.node, tail.at);
        if (!part || part->bytes.empty()) return out;
        tail.at += part->bytes.size();
        tail.incomplete.append(reinterpret_cast<const char*>(part->bytes.data()), part->bytes.size());
        std::size_t begin = 0;
        for (auto end = tail.incomplete.find('\n'); end != std::string::npos; end = tail.incomplete.find('\n', begin)) {
            out.push_back(tail.incomplete.substr(begin, end - begin));
            begin = end + 1;
        }
        tail.incomplete.erase(0, begin);
    }
}

/// "TIME L NAME TEXT"; a line of another form (a crash's last words) is all text.
[[nodiscard]] Json to_json_line(const std::string& node, const std::string& line) {
    static const std::map<char, const char*> levels{{'T', "trace"},   {'D', "debug"}, {'I', "info"},
                                                    {'W', "warning"}, {'E', "error"}, {'C', "critical"}};
    const auto text_at = line.find(' ', time_size + 3);
    if (line.size() < time_size + 4 || line[10] != 'T' || line[time_size] != ' ' || text_at == std::string::npos ||
        !levels.contains(line[time_size + 1]))
        return {{"node", node}, {"text", line}};
    return {{"time", line.substr(0, time_size)},
            {"level", levels.at(line[time_size + 1])},
            {"node", node},
            {"text", line.substr(text_at + 1)}};
}

/// Prints new lines of all nodes; they start with their time, which interleaves them.
void print_new(const Context& context, const Cluster& cluster, std::vector<LogTail>& tails, std::size_t last_lines) {
    std::size_t width = 0;
    for (const auto& tail : tails) width = std::max(width, tail.node.size());
    std::multimap<std::string, std::string> lines;
    for (auto& tail : tails) {
        const auto fresh = new_lines(cluster, tail);
        const auto skip = fresh.size() > last_lines ? fresh.size() - last_lines : 0;
        for (std::size_t i = skip; i < fresh.size(); ++i)
            lines.emplace(fresh[i].substr(0, time_size),
                          context.json
                              ? to_json_line(tail.node, fresh[i]).dump(-1, ' ', false, Json::error_handler_t::replace)
                              : tail.node + std::string(width - tail.node.size(), ' ') + " | " + fresh[i]);
    }
    for (const auto& [time, line] : lines) std::cout << line << "\n";
    std::cout.flush();
}

/// From `look_back_bytes` before the end on. One that can't be read is named, and begins when it can.
[[nodiscard]] LogTail tail_of(Context& context, const Cluster& cluster, const std::string& node) {
    const auto part = cluster.read_log(node, ~std::uint64_t{0});
    if (!part) {
        std::cerr << "troupe: " << node << ": " << part.error().message << "\n";
        context.exit_code = exit_unhealthy;
    }
    const auto size = part ? part->size : 0;
    return {node, size > look_back_bytes ? size - look_back_bytes : 0, ""};
}

void follow(const Context& context, const Cluster& cluster, std::vector<LogTail>& tails) {
    ::signal(SIGINT, on_interrupt);
    ::signal(SIGTERM, on_interrupt);
    while (interrupted == 0) {
        print_new(context, cluster, tails, ~std::size_t{0});
        std::this_thread::sleep_for(pace);
    }
}

}  // namespace

void follow_logs(Context& context, const Cluster& cluster) {
    std::vector<LogTail> tails;
    for (const auto& node : cluster.names()) {
        const auto part = cluster.read_log(node, ~std::uint64_t{0});
        tails.push_back({node, part ? part->size : 0, ""});
    }
    follow(context, cluster, tails);
}

void add_log_command(CLI::App& app, Context& context) {
    auto* command = app.add_subcommand("logs",
                                       "Show the nodes' logs, interleaved by time; with --json one object a line: "
                                       "time, level, node, text");
    static std::vector<std::string> nodes;
    static bool following = false;
    static std::size_t lines = 50;
    command->add_option("NODE", nodes, "Only these nodes");
    command->add_flag("-f,--follow", following, "Go on until Ctrl-C");
    command->add_option("-n,--lines", lines, "Lines of each node to begin with")->default_val(50);
    add_common(*command, context);
    command->callback([&context] {
        const auto directory = context.cluster_directory();
        if (!directory) return;
        const auto cluster = open_cluster(context, *directory);
        if (!check_nodes(context, cluster, nodes)) return;
        std::vector<LogTail> tails;
        for (const auto& node : nodes.empty() ? cluster.names() : nodes)
            tails.push_back(tail_of(context, cluster, node));
        print_new(context, cluster, tails, lines);
        if (following) follow(context, cluster, tails);
    });
}

}  // namespace troupe::cli
