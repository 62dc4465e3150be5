// up, down, status, logs, restart, start, stop.
#include <fstream>
#include <iostream>
#include <map>
#include <thread>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <signal.h>
#include <unistd.h>

#include "deploy/cli/cli.hpp"
#include "deploy/cluster/cluster.hpp"
#include "deploy/node/node_config.hpp"

namespace troupe::cli {
namespace {

volatile sig_atomic_t interrupted = 0;
void on_interrupt(int) { interrupted = 1; }

[[nodiscard]] Cluster open(Context& context, const std::string& name = "troupe") {
    return Cluster{context.directory(name), [&context](const std::string& text) { context.progress(text); }};
}

[[nodiscard]] std::string join(const std::vector<std::string>& list, const char* separator = " ") {
    std::string out;
    for (const auto& item : list) out += (out.empty() ? "" : separator) + item;
    return out;
}

void show_status(Context& context, const Cluster& cluster) {
    const auto nodes = cluster.health();
    if (!nodes) return context.fail(nodes.error());
    const auto state = cluster.state();
    if (context.json) {
        Json out;
        out["cluster"] = state->name;
        out["directory"] = cluster.directory().string();
        out["rpc"] = cluster.rpc_url();
        out["nodes"] = to_json_value(*nodes);
        std::cout << out.dump(2) << "\n";
        return;
    }
    std::cout << "cluster " << state->name << " in " << cluster.directory().string() << "\n";
    std::vector<std::vector<std::string>> rows{
        {"NODE", "STATE", "HEIGHT", "VIEW", "NOW", "PEERS", "PID", "LINK", "RPC", "ROLES"}};
    bool dead = false;
    for (const auto& node : *nodes) {
        dead = dead || node.state == "dead";
        rows.push_back({node.name, node.state, std::to_string(node.height), std::to_string(node.view), node.role,
                        std::to_string(node.peers), node.pid != 0 ? std::to_string(node.pid) : "-",
                        std::to_string(node.link_port), node.rpc_port != 0 ? std::to_string(node.rpc_port) : "-",
                        join(node.roles, ",")});
    }
    std::cout << format_table(rows);
    if (const auto rpc = cluster.rpc_url(); !rpc.empty()) std::cout << "JSON-RPC: " << rpc << "\n";
    if (dead)
        std::cout << "A dead node is started again with `troupe restart NODE`; `troupe logs NODE` shows its end.\n";
}

/// Every node must exist; names the nearest otherwise.
[[nodiscard]] bool check_nodes(Context& context, const Cluster& cluster, const std::vector<std::string>& names) {
    const auto state = cluster.state();
    if (!state) return context.fail(state.error()), false;
    std::vector<std::string> known;
    for (const auto& node : state->nodes) known.push_back(node.manifest.name);
    for (const auto& name : names) {
        if (std::find(known.begin(), known.end(), name) != known.end()) continue;
        const auto near = nearest(name, known);
        context.fail(exit_not_found,
                     "no node \"" + name + "\"" +
                         (near.empty() ? "; there are: " + join(known, ", ") : "; did you mean \"" + near + "\"?"));
        return false;
    }
    return true;
}

struct LogTail {
    std::string node;
    std::filesystem::path file;
    std::streamoff at = 0;
};

/// Prints new lines of all files with the node's name before each; lines start with their time, so `sort` interleaves.
void print_new(std::vector<LogTail>& tails, std::size_t width, std::size_t last_lines) {
    std::multimap<std::string, std::string> lines;
    for (auto& tail : tails) {
        std::ifstream in(tail.file);
        if (!in) continue;
        in.seekg(tail.at);
        std::vector<std::string> fresh;
        std::string line;
        while (std::getline(in, line)) {
            if (in.eof()) break;  // not complete yet
            tail.at = in.tellg();
            fresh.push_back(line);
        }
        const auto skip = fresh.size() > last_lines ? fresh.size() - last_lines : 0;
        for (std::size_t i = skip; i < fresh.size(); ++i)
            lines.emplace(fresh[i].substr(0, 23),
                          tail.node + std::string(width - tail.node.size(), ' ') + " | " + fresh[i]);
    }
    for (const auto& [time, line] : lines) std::cout << line << "\n";
    std::cout.flush();
}

[[nodiscard]] std::vector<LogTail> tails_of(const Cluster& cluster, const std::vector<std::string>& only,
                                            std::size_t& width) {
    std::vector<LogTail> tails;
    const auto state = cluster.state();
    for (const auto& node : state->nodes) {
        const auto& name = node.manifest.name;
        if (!only.empty() && std::find(only.begin(), only.end(), name) == only.end()) continue;
        width = std::max(width, name.size());
        tails.push_back({name, cluster.log_file(name), 0});
    }
    return tails;
}

void follow(std::vector<LogTail>& tails, std::size_t width) {
    ::signal(SIGINT, on_interrupt);
    ::signal(SIGTERM, on_interrupt);
    while (interrupted == 0) {
        print_new(tails, width, ~std::size_t{0});
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
}

void up(Context& context, const std::string& file, bool detach, unsigned wait_seconds) {
    std::string text = builtin_manifest();
    std::string shown = "built-in manifest";
    if (!file.empty()) {
        auto content = read_text_file(file, 1 << 20);
        if (!content) return context.fail(content.error());
        text = *content;
        shown = file;
    }
    const auto report = parse_manifest(text, shown);
    if (!report.ok()) {
        for (const auto& fault : report.faults) std::cerr << format_fault(fault, text, shown);
        return context.fail(exit_usage, shown + " has faults; nothing was started");
    }
    auto cluster = open(context, report.manifest.name);
    std::error_code error;
    std::filesystem::create_directories(cluster.directory(), error);
    if (error) return context.fail(exit_failed, cluster.directory().string() + ": " + error.message());
    auto lock = FileLock::take(cluster.directory() / "lock");
    if (!lock) return context.fail(exit_conflict, lock.error().message);

    const bool is_new = !cluster.exists();
    if (is_new) {
        if (auto status = cluster.create(report.manifest, text); !status) return context.fail(status.error());
    } else {
        // Without a manifest an existing cluster is started as it was launched.
        if (!file.empty() || context.data.empty()) {
            const auto launched = cluster.state();
            if (!launched) return context.fail(launched.error());
            if (!file.empty() || launched->manifest_text == text) {
                const auto change = cluster.apply(report.manifest, text);
                if (!change) return context.fail(change.error());
                if (!context.json) {
                    for (const auto& name : change->added) std::cout << "+ " << name << "\n";
                    for (const auto& name : change->changed) std::cout << "~ " << name << "\n";
                    for (const auto& name : change->removed) std::cout << "- " << name << "\n";
                }
            }
        }
    }
    const auto started = cluster.start_all();
    if (!started) return context.fail(started.error());
    if (*started > 0) context.progress("started " + std::to_string(*started) + " nodes");
    if (auto status = cluster.wait_healthy(std::chrono::seconds(wait_seconds)); !status)
        return context.fail(status.error());
    if (*started == 0 && !context.json) std::cout << "running already; nothing to do\n";
    show_status(context, cluster);
    if (detach) return;
    std::size_t width = 0;
    auto tails = tails_of(cluster, {}, width);
    for (auto& tail : tails) tail.at = static_cast<std::streamoff>(std::filesystem::file_size(tail.file, error));
    std::cout << "Ctrl-C stops the cluster.\n";
    follow(tails, width);
    std::cout << "\nstopping\n";
    const auto stopped = cluster.stop_all();
    if (!stopped) context.fail(stopped.error());
}

}  // namespace

void add_cluster_commands(CLI::App& app, Context& context) {
    {
        auto* command =
            app.add_subcommand("up", "Launch a cluster from a manifest, or bring it to what a changed manifest says");
        static std::string file;
        static bool detach = false;
        static unsigned wait = 60;
        command->add_option("MANIFEST", file, "TOML file (default: the built-in one, 4 validators, a gateway, the services)");
        command->add_flag("-d,--detach", detach, "Return when the cluster is healthy instead of staying in front");
        command->add_option("--wait", wait, "Seconds to wait until every node is ready")->default_val(60);
        add_common(*command, context);
        command->callback([&context] { up(context, file, detach || context.json, wait); });
    }
    {
        auto* command = app.add_subcommand("down", "Stop every node of the cluster, and nothing else");
        add_common(*command, context);
        static bool wipe = false;
        command->add_flag("--delete", wipe, "Delete the cluster's directory too: keys, chain, everything");
        command->callback([&context] {
            auto cluster = open(context);
            const auto stopped = cluster.stop_all();
            if (!stopped) return context.fail(stopped.error());
            if (wipe) std::filesystem::remove_all(cluster.directory());
            if (context.json)
                std::cout << Json{{"stopped", *stopped}}.dump(2) << "\n";
            else
                std::cout << (*stopped == 0 ? "nothing was running\n"
                                            : "stopped " + std::to_string(*stopped) + " nodes\n");
        });
    }
    {
        auto* command = app.add_subcommand("status", "Show nodes, roles, heights and addresses");
        add_common(*command, context);
        command->callback([&context] { show_status(context, open(context)); });
    }
    {
        auto* command = app.add_subcommand("logs", "Show the nodes' logs, interleaved by time");
        static std::vector<std::string> nodes;
        static bool following = false;
        static std::size_t lines = 50;
        command->add_option("NODE", nodes, "Only these nodes");
        command->add_flag("-f,--follow", following, "Go on until Ctrl-C");
        command->add_option("-n,--lines", lines, "Lines of each node to begin with")->default_val(50);
        add_common(*command, context);
        command->callback([&context] {
            const auto cluster = open(context);
            if (!check_nodes(context, cluster, nodes)) return;
            std::size_t width = 0;
            auto tails = tails_of(cluster, nodes, width);
            print_new(tails, width, lines);
            if (following) follow(tails, width);
        });
    }
    const auto add_node_command = [&](const char* name, const char* help, auto action) {
        auto* command = app.add_subcommand(name, help);
        auto nodes = std::make_shared<std::vector<std::string>>();
        command->add_option("NODE", *nodes, "Which nodes")->required();
        add_common(*command, context);
        command->callback([&context, nodes, action] {
            auto cluster = open(context);
            if (!check_nodes(context, cluster, *nodes)) return;
            for (const auto& node : *nodes)
                if (const Status status = action(cluster, node); !status) return context.fail(status.error());
            show_status(context, cluster);
        });
    };
    add_node_command("restart", "Stop nodes if they run, start them, wait until they are ready",
                     [](Cluster& cluster, const std::string& node) -> Status {
                         if (auto status = cluster.stop(node); !status) return status;
                         if (auto status = cluster.start(node); !status) return status;
                         const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
                         while (std::chrono::steady_clock::now() < deadline) {
                             const auto nodes = cluster.health();
                             if (!nodes) return nodes.error();
                             for (const auto& health : *nodes) {
                                 if (health.name != node) continue;
                                 if (health.state == "ready") return Done{};
                                 if (health.state == "dead")
                                     return make_error(ErrorCode::unavailable,
                                                       node + " ended; see `troupe logs " + node + "`");
                             }
                             std::this_thread::sleep_for(std::chrono::milliseconds(50));
                         }
                         return make_error(ErrorCode::unavailable,
                                           node + " is not ready after 60 s; see `troupe logs " + node + "`");
                     });
    add_node_command("start", "Start nodes that do not run",
                     [](Cluster& cluster, const std::string& node) { return cluster.start(node); });
    add_node_command("stop", "Stop nodes",
                     [](Cluster& cluster, const std::string& node) { return cluster.stop(node); });
}

}  // namespace troupe::cli
