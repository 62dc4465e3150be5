// down, status, restart, start, stop.
#include <algorithm>
#include <iostream>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "deploy/cli/cli.hpp"
#include "deploy/cli/interruption.hpp"

namespace troupe::cli {
namespace {

constexpr auto restart_patience = std::chrono::seconds(60);

/// What `status` says by its exit code.
[[nodiscard]] int exit_code_of(const std::vector<NodeHealth>& nodes) {
    if (std::ranges::none_of(nodes, &NodeHealth::runs)) return exit_not_found;
    return std::ranges::all_of(nodes, [](const auto& node) { return node.state == "ready"; }) ? exit_ok
                                                                                              : exit_unhealthy;
}

/// A verb that changes nodes, under the cluster's lock.
void with_nodes(Context& context, std::vector<std::string> nodes,
                const std::function<Status(Cluster&, const std::vector<std::string>&)>& action) {
    const auto directory = context.cluster_directory();
    if (!directory) return;
    auto cluster = open_cluster(context, *directory);
    if (!check_nodes(context, cluster, nodes)) return;
    {
        explain_interruption();
        const auto lock = cluster.lock();
        if (!lock) return context.fail(lock.error());
        if (nodes.empty()) nodes = cluster.names();
        if (const auto status = action(cluster, nodes); !status) return context.fail(status.error());
    }
    show_status(context, cluster);
    // The verb has done what it was told, whatever the other nodes are up to.
    context.exit_code = exit_ok;
}

void down(Context& context, bool wipe) {
    const auto directory = context.cluster_directory();
    if (!directory) return;
    auto cluster = open_cluster(context, *directory);
    const auto lock = cluster.lock();
    if (!lock) return context.fail(lock.error());
    const auto stopped = cluster.stop_all();
    if (!stopped) return context.fail(stopped.error());
    if (wipe) {
        std::error_code error;
        std::filesystem::remove_all(*directory, error);
        if (error) return context.fail(exit_failed, directory->string() + ": " + error.message());
    }
    if (context.json)
        std::cout << Json{{"stopped", *stopped}, {"directory", directory->string()}}.dump(2) << "\n";
    else
        std::cout << (*stopped == 0 ? "nothing was running\n" : "stopped " + std::to_string(*stopped) + " nodes\n");
}

}  // namespace

void show_status(Context& context, const Cluster& cluster, const Json& more) {
    const auto nodes = cluster.health();
    if (!nodes) return context.fail(nodes.error());
    const auto state = cluster.state();
    if (!state) return context.fail(state.error());
    context.exit_code = exit_code_of(*nodes);
    if (context.json) {
        Json out = more;
        out["cluster"] = state->name;
        out["directory"] = cluster.directory().string();
        out["rpc"] = cluster.rpc_url();
        out["nodes"] = to_json_value(*nodes);
        std::cout << out.dump(2) << "\n";
        return;
    }
    std::cout << "cluster " << state->name << " in " << cluster.directory().string() << "\n";
    std::vector<std::vector<std::string>> rows{
        {"NODE", "HOST", "STATE", "HEIGHT", "VIEW", "NOW", "PEERS", "PID", "LINK", "RPC", "ROLES"}};
    for (const auto& node : *nodes) {
        const auto known = [&](std::uint64_t value) { return node.runs() ? std::to_string(value) : "-"; };
        rows.push_back({node.name, node.host, node.state, known(node.height), known(node.view),
                        node.runs() ? node.role : "-", known(node.peers), known(node.pid),
                        std::to_string(node.link_port), node.rpc_port != 0 ? std::to_string(node.rpc_port) : "-",
                        join(node.roles, ",")});
    }
    std::cout << format_table(rows);
    if (const auto rpc = cluster.rpc_url(); !rpc.empty() && context.exit_code != exit_not_found)
        std::cout << "JSON-RPC: " << rpc << "\n";
    if (context.exit_code == exit_not_found) std::cout << "Nothing is running; `troupe up` starts it again.\n";
    if (std::ranges::find(*nodes, "dead", &NodeHealth::state) != nodes->end())
        std::cout << "A dead node is started again with `troupe restart NODE`; `troupe logs NODE` shows its end.\n";
}

void add_cluster_commands(CLI::App& app, Context& context) {
    add_up_command(app, context);
    {
        auto* command = app.add_subcommand("down", "Stop every node of the cluster, and nothing else");
        add_common(*command, context);
        static bool wipe = false;
        command->add_flag("--delete", wipe, "Delete the cluster's directory too: keys, chain, everything");
        command->callback([&context] { down(context, wipe); });
    }
    {
        auto* command = app.add_subcommand("status", "Show nodes, roles, heights and addresses");
        command->footer(
            "Exit codes: 0 every node is ready; 4 some are not (dead, stopped, starting, catching up, unreachable); "
            "3 no cluster, or nothing of it is running.");
        add_common(*command, context);
        command->callback([&context] {
            const auto directory = context.cluster_directory();
            if (directory) show_status(context, open_cluster(context, *directory));
        });
    }
    add_log_command(app, context);
    static std::vector<std::string> nodes;
    {
        auto* command = app.add_subcommand(
            "restart",
            "Restart nodes one after the other (all, if none is named), each only when the other validators make a "
            "quorum without it, and waiting until it is back with its links and the others' height");
        command->add_option("NODE", nodes, "Which nodes (default: all)");
        add_common(*command, context);
        command->callback([&context] {
            with_nodes(context, nodes,
                       [](Cluster& cluster, const auto& names) { return cluster.restart(names, restart_patience); });
        });
    }
    {
        auto* command = app.add_subcommand("start",
                                           "Start nodes that do not run or were told to drain; does not wait until "
                                           "they are ready");
        command->add_option("NODE", nodes, "Which nodes")->required();
        add_common(*command, context);
        command->callback([&context] {
            with_nodes(context, nodes, [](Cluster& cluster, const auto& names) -> Status {
                for (const auto& name : names)
                    if (auto status = cluster.start(name); !status) return status;
                return Done{};
            });
        });
    }
    {
        auto* command = app.add_subcommand(
            "stop", "Stop nodes at once, quorum or not; `drain` first lets them finish what is in flight");
        command->add_option("NODE", nodes, "Which nodes")->required();
        add_common(*command, context);
        command->callback([&context] {
            with_nodes(context, nodes, [](Cluster& cluster, const auto& names) -> Status {
                const auto stopped = cluster.stop(names);
                return stopped ? Status{Done{}} : stopped.error();
            });
        });
    }
}

}  // namespace troupe::cli
