// up: launch a cluster, or bring it to what a changed manifest says.
#include <iostream>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "deploy/cli/cli.hpp"
#include "deploy/cli/interruption.hpp"
#include "deploy/cluster/registry.hpp"

namespace troupe::cli {
namespace {

struct Options {
    std::string file;
    bool detach = false;
    unsigned wait_seconds = 60;
};

struct Source {
    std::string text = builtin_manifest();
    std::string shown = "built-in manifest";
    Manifest manifest;
};

/// Nothing, after showing every fault, if it can't be used.
[[nodiscard]] std::optional<Source> load(Context& context, const std::string& file) {
    Source source;
    if (!file.empty()) {
        auto content = read_text_file(file, 1 << 20);
        if (!content) return context.fail(content.error()), std::nullopt;
        source.text = std::move(*content);
        source.shown = file;
    }
    auto report = parse_manifest(source.text, source.shown);
    if (report.ok()) {
        source.manifest = std::move(report.manifest);
        return source;
    }
    const auto what = source.shown + " has faults; nothing was started";
    if (!context.json) {
        for (const auto& fault : report.faults) std::cerr << format_fault(fault, source.text, source.shown);
        return context.fail(exit_usage, what), std::nullopt;
    }
    auto out = faults_to_json(report, source.shown);
    out["error"] = what;
    std::cout << out.dump(2) << "\n";
    context.exit_code = exit_usage;
    return std::nullopt;
}

/// Where the cluster is or will be.
[[nodiscard]] std::optional<std::filesystem::path> place(Context& context, const std::string& file,
                                                         const std::string& name) {
    // The one that there is, by whatever name; a new one if there is none.
    if (file.empty()) return context.cluster_directory();
    const auto usual = context.directory(name);
    // A cluster of this name that was launched elsewhere, with --data, is meant rather than a second one.
    if (context.data.empty() && !Cluster{usual}.exists() && usual.parent_path() == troupe_home())
        if (const auto found = choose_cluster(troupe_home(), name); found && found->size() == 1)
            return found->front().directory;
    return usual;
}

void show(const ClusterChange& change) {
    for (const auto& name : change.added) std::cout << "+ " << name << "\n";
    for (const auto& node : change.changed)
        std::cout << "~ " << node.name << " (" << join(node.what, ", ") << "; restarts)\n";
    for (const auto& node : change.redialing)
        std::cout << "> " << node.name << " (dials " << join(node.what, ", ") << ")\n";
    for (const auto& name : change.removed) std::cout << "- " << name << "\n";
}

/// Under the cluster's lock.
[[nodiscard]] Result<ClusterChange> launch(Context& context, Cluster& cluster, const Source& source,
                                           const Options& options) {
    ClusterChange change;
    const auto patience = std::chrono::seconds(options.wait_seconds);
    const bool is_new = !cluster.exists();
    if (is_new) {
        if (auto status = cluster.create(source.manifest, source.text); !status) return status.error();
    } else if (!options.file.empty()) {
        const auto now = cluster.state();
        if (!now) return now.error();
        PortsByNode known;
        for (const auto& node : now->nodes)
            known[node.manifest.name] = {node.manifest.link_port, node.manifest.rpc_port};
        auto applied = cluster.apply(parse_manifest(source.text, source.shown, known).manifest, source.text);
        if (!applied) return applied;
        change = std::move(*applied);
        if (!context.json) show(change);
    }
    remember_cluster(troupe_home(), cluster.directory());
    // A host that is away must not keep the others from running; what it misses it gets when it is back.
    const auto agents = cluster.renew_agents();
    if (!agents && (is_new || agents.error().code != ErrorCode::unavailable)) return agents.error();
    if (auto status = cluster.complete_installation(); !status) return status.error();
    if (auto status = cluster.refresh(patience); !status) return status.error();
    const auto started = cluster.start_all();
    if (!started) return started.error();
    if (*started > 0) context.progress("started " + std::to_string(*started) + " nodes");
    const auto nodes = cluster.health();
    if (!nodes) return nodes.error();
    std::vector<std::string> reachable;
    for (const auto& node : *nodes)
        if (node.state != "unreachable") reachable.push_back(node.name);
    if (auto status = cluster.wait_healthy(reachable, patience); !status) return status.error();
    if (!agents) return make_error(agents.error().code, agents.error().message + "; all that is elsewhere runs");
    if (*started == 0 && change.empty() && !context.json) std::cout << "running already; nothing to do\n";
    return change;
}

void up(Context& context, const Options& options) {
    const auto source = load(context, options.file);
    if (!source) return;
    const auto directory = place(context, options.file, source->manifest.name);
    if (!directory) return;
    auto cluster = open_cluster(context, *directory);
    std::error_code error;
    std::filesystem::create_directories(*directory, error);
    if (error) return context.fail(exit_failed, directory->string() + ": " + error.message());
    {
        explain_interruption();
        const auto lock = cluster.lock();
        if (!lock) return context.fail(lock.error());
        const auto change = launch(context, cluster, *source, options);
        if (!change) return context.fail(change.error());
        show_status(context, cluster, {{"change", to_json_value(*change)}});
    }
    // In front the cluster may be changed by other commands meanwhile.
    if (options.detach || context.json) return;
    std::cout << "Ctrl-C stops the cluster.\n";
    follow_logs(context, cluster);
    std::cout << "\nstopping\n";
    const auto lock = cluster.lock();
    if (!lock) return context.fail(lock.error());
    if (const auto stopped = cluster.stop_all(); !stopped) context.fail(stopped.error());
}

}  // namespace

void add_up_command(CLI::App& app, Context& context) {
    auto* command = app.add_subcommand(
        "up",
        "Launch a cluster from a manifest, or bring it to what a changed manifest says.\n"
        "The difference is shown: + starts, ~ restarts, > dials others elsewhere without a restart, - stops. "
        "Validators "
        "restart one after the other, so that a quorum stays. Chain parameters, accounts and the set of validators are "
        "fixed by the genesis: changing them is refused.");
    static Options options;
    command->add_option("MANIFEST", options.file,
                        "TOML file (default: the cluster as it was launched, or a new one of 4 validators and a "
                        "gateway)");
    command->add_flag("-d,--detach", options.detach, "Return when the cluster is healthy instead of staying in front");
    command->add_option("--wait", options.wait_seconds, "Seconds to wait until every node is well")->default_val(60);
    add_common(*command, context);
    command->callback([&context] { up(context, options); });
}

}  // namespace troupe::cli
