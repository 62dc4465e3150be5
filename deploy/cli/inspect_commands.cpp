// inspect: the cluster as a tree, its actors as a table, one actor in full.
#include <csignal>
#include <iostream>
#include <thread>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <unistd.h>

#include "deploy/cli/cli.hpp"
#include "deploy/cli/inspect_view.hpp"
#include "deploy/manifest/hint.hpp"

namespace troupe::cli {
namespace {

volatile std::sig_atomic_t interrupted = 0;
void on_interrupt(int) { interrupted = 1; }

struct Options {
    std::string what;
    RowFilter filter;
    std::string sort;
    bool reverse = false;
    bool is_watching = false;
    double every_seconds = 2;
    bool wants_targets = false;
};

/// What the word after `inspect` turned out to mean.
struct Target {
    enum class Kind { tree, actors, hosts, node, actor } kind = Kind::tree;
    std::string node;
    std::string actor;
};

[[nodiscard]] const NodeReport* find_node(const ClusterReport& cluster, const std::string& name) {
    for (const auto& host : cluster.hosts)
        for (const auto& node : host.nodes)
            if (node.name == name) return &node;
    return nullptr;
}

/// Roles set the filter; an error names what comes nearest.
[[nodiscard]] Result<Target> find_target(const ClusterReport& cluster, Options& options) {
    const auto& what = options.what;
    Target target;
    if (what.empty()) return target;
    if (what == "actors" || what == "hosts") {
        target.kind = what == "hosts" ? Target::Kind::hosts : Target::Kind::actors;
        return target;
    }
    if (find_node(cluster, what) != nullptr) {
        target.kind = Target::Kind::node;
        target.node = options.filter.node = what;
        return target;
    }
    std::vector<std::string> known{"actors", "hosts"};
    for (const auto& host : cluster.hosts)
        for (const auto& node : host.nodes) {
            known.push_back(node.name);
            for (const auto& actor : node.actors) {
                known.push_back(node.name + "/" + actor.name);
                known.push_back(actor.role);
                if (actor.role == what) {
                    target.kind = Target::Kind::actors;
                    options.filter.role = what;
                }
                if (known[known.size() - 2] == what) {
                    target.kind = Target::Kind::actor;
                    target.node = node.name;
                    target.actor = actor.name;
                }
            }
        }
    if (target.kind != Target::Kind::tree) return target;
    // The node may be down: then it has no actors to find, and asking for one says why.
    if (const auto slash = what.find('/'); slash != std::string::npos)
        if (const auto* node = find_node(cluster, what.substr(0, slash)); node != nullptr && node->actors.empty())
            return Target{Target::Kind::actor, node->name, what.substr(slash + 1)};
    const auto near = suggestion(what, known);
    return make_error(ErrorCode::not_found, "no node, role or actor \"" + what + "\"" +
                                                (near.empty() ? "; `troupe inspect actors` lists them" : near));
}

/// The text or JSON of one look.
[[nodiscard]] Result<std::string> look(const Collector& collector, Options options, bool as_json) {
    const auto cluster = collector.report();
    if (!cluster) return cluster.error();
    if (const auto status = check_filter(*cluster, options.filter); !status) return status.error();
    const auto target = find_target(*cluster, options);
    if (!target) return target.error();
    const auto dump = [](const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; };
    auto rows = rows_of(*cluster, options.filter);
    sort_rows(rows, options.sort.empty() ? "id" : options.sort, options.reverse);
    switch (target->kind) {
        case Target::Kind::actor: {
            const auto detail = collector.actor(target->node, target->actor);
            if (!detail) return detail.error();
            return as_json ? dump(*detail) : show_actor(target->node, *detail);
        }
        case Target::Kind::hosts: return as_json ? dump(report_json(cluster->hosts)) : show_hosts(*cluster);
        case Target::Kind::node: {
            const auto& node = *find_node(*cluster, target->node);
            if (as_json) return dump(report_json(node));
            return show_tree(*cluster, options.filter) + (node.links.empty() ? "" : "\n" + show_links(node));
        }
        case Target::Kind::actors: break;
        case Target::Kind::tree:
            if (as_json) return dump(report_json(*cluster));
            // Sorting cuts across nodes.
            if (options.sort.empty()) return show_tree(*cluster, options.filter);
            break;
    }
    return as_json ? dump(rows_json(rows)) : show_rows(rows);
}

void watch(Context& context, const Collector& collector, const Options& options) {
    std::signal(SIGINT, on_interrupt);
    const bool is_terminal = ::isatty(STDOUT_FILENO) != 0;
    while (interrupted == 0) {
        const auto text = look(collector, options, context.json);
        if (!text) return context.fail(text.error());
        // Each look takes the place of the one before; what is longer than the screen scrolls.
        std::cout << (is_terminal ? "\x1b[H\x1b[2J" : "") << *text << std::flush;
        if (!std::cout) return;
        const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(options.every_seconds);
        while (interrupted == 0 && std::chrono::steady_clock::now() < until)
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
}

}  // namespace

void add_inspect_commands(CLI::App& app, Context& context) {
    auto* command =
        app.add_subcommand("inspect", "Look inside: hosts, nodes and actors, what they do, who talks to whom");
    command->footer(
        "WHAT is nothing (the cluster as a tree), `actors`, `hosts`, a node (`validator-1`), a role (`consensus`),\n"
        "or an actor's id (`validator-1/consensus`): then with its full state, peers, timers and last messages.\n"
        "BUSY is the share of one core; MESSAGES is in and out, over the last five seconds.");
    const auto options = std::make_shared<Options>();
    add_common(*command, context);
    command->add_option("what", options->what, "actors | hosts | NODE | ROLE | ACTOR-ID");
    command->add_option("--host", options->filter.host, "Only this host");
    command->add_option("--node", options->filter.node, "Only this node");
    command->add_option("--role", options->filter.role, "Only actors of this role");
    command->add_option("--filter", options->filter.text, "Only actors with this text in their id or state");
    command->add_option("--sort", options->sort, "Sort actors by this column")->check(CLI::IsMember(sort_keys()));
    command->add_flag("--reverse", options->reverse, "Sort the other way round");
    command->add_flag("-w,--watch", options->is_watching, "Look again and again, until Ctrl-C");
    command->add_option("--every", options->every_seconds, "Seconds between two looks of --watch")
        ->check(CLI::Range(0.2, 3600.0));
    command->add_flag("--prometheus-targets", options->wants_targets,
                      "Print the nodes' metrics endpoints for Prometheus' file_sd_configs");
    command->callback([options, &context] {
        const auto directory = context.cluster_directory();
        if (!directory) return;
        const Collector collector{*directory};
        if (options->wants_targets) {
            constexpr std::string_view scheme = "http://";
            const auto url = collector.cluster().rpc_url();
            const auto targets =
                collector.scrape_targets(url.starts_with(scheme) ? url.substr(scheme.size()) : url, true);
            if (!targets) return context.fail(targets.error());
            std::cout << targets->dump(2) << "\n";
            return;
        }
        if (options->is_watching) return watch(context, collector, *options);
        const auto text = look(collector, *options, context.json);
        if (!text) return context.fail(text.error());
        std::cout << *text;
    });
}

}  // namespace troupe::cli
