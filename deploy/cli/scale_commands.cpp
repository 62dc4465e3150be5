// scale, drain, move, and `manifest export`: changing what runs without writing a manifest first.
#include <algorithm>
#include <iostream>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "deploy/cli/cli.hpp"
#include "deploy/cli/interruption.hpp"
#include "deploy/cluster/scale.hpp"

namespace troupe::cli {
namespace {

constexpr auto patience = std::chrono::seconds(60);

struct Options {
    std::string what;
    std::string host;
    std::vector<std::string> nodes;
    std::string file;
};
Options o;

[[nodiscard]] Result<Manifest> present_manifest(const Cluster& cluster) {
    const auto state = cluster.state();
    if (!state) return state.error();
    auto report = parse_manifest(state->manifest_text, "cluster.json");
    if (!report.ok()) return make_error(ErrorCode::invalid, "the cluster's manifest is of another version of troupe");
    return std::move(report.manifest);
}

/// The manifest as text that parses to itself, or what is wrong with it.
[[nodiscard]] Result<std::string> checked_text(const Manifest& manifest) {
    auto text = to_toml(manifest);
    const auto report = parse_manifest(text, "changed manifest");
    for (const auto& fault : report.faults)
        if (!fault.is_warning) return make_error(ErrorCode::invalid, fault.field + ": " + fault.message);
    return text;
}

/// Brings the cluster to the manifest; new nodes are named as they serve.
[[nodiscard]] Status bring_to(Context& context, Cluster& cluster, const Manifest& manifest,
                              const std::vector<std::string>& added) {
    const auto text = checked_text(manifest);
    if (!text) return text.error();
    // Whoever is away and not concerned learns of it when it is back.
    if (auto status = cluster.renew_agents(); !status && status.error().code != ErrorCode::unavailable) return status;
    if (auto change = cluster.apply(manifest, *text); !change) return change.error();
    if (auto status = cluster.refresh(patience); !status) return status;
    for (const auto& name : added)
        if (auto status = cluster.start(name); !status) return status;
    for (const auto& name : added) {
        if (auto status = cluster.wait_healthy({name}, patience); !status) return status;
        if (!context.json) std::cout << "+ " << name << " serves\n" << std::flush;
    }
    return Done{};
}

/// Under the lock; then the status.
template <class Action>
void change(Context& context, Action&& action) {
    const auto directory = context.cluster_directory();
    if (!directory) return;
    auto cluster = open_cluster(context, *directory);
    {
        explain_interruption();
        const auto lock = cluster.lock();
        if (!lock) return context.fail(lock.error());
        if (const Status status = action(cluster); !status) return context.fail(status.error());
    }
    show_status(context, cluster);
    context.exit_code = exit_ok;
}

[[nodiscard]] Status scale(Context& context, Cluster& cluster) {
    const auto equals = o.what.find('=');
    const auto count = equals == std::string::npos ? std::nullopt : parse_uint256(o.what.substr(equals + 1));
    if (!count || *count > uint256{limits::nodes_max})
        return make_error(ErrorCode::invalid, "expected ROLE=N, such as gateway=3, found " + o.what);
    const auto present = present_manifest(cluster);
    if (!present) return present.error();
    const auto next = scaled(*present, {o.what.substr(0, equals), static_cast<std::size_t>(count->low64()), o.host});
    if (!next) return next.error();
    if (next->added.empty() && next->removed.empty()) {
        if (!context.json) std::cout << o.what << " already; nothing to do\n";
        return Done{};
    }
    for (const auto& name : next->removed) {
        context.progress("draining " + name);
        if (auto status = cluster.drain(name, patience); !status) return status;
        if (!context.json) std::cout << "- " << name << " drained\n" << std::flush;
    }
    return bring_to(context, cluster, next->manifest, next->added);
}

/// All of them or none: one at a time the first would be gone before the last is refused.
[[nodiscard]] Status check_quorum_without(const Cluster& cluster, const std::vector<std::string>& names) {
    const auto nodes = cluster.health();
    if (!nodes) return nodes.error();
    std::size_t validators = 0, staying = 0, leaving = 0;
    for (const auto& node : *nodes) {
        if (!node.is_validator()) continue;
        ++validators;
        const bool is_named = std::ranges::find(names, node.name) != names.end();
        if (node.runs()) ++(is_named ? leaving : staying);
    }
    if (leaving == 0 || staying >= quorum(validators) || faulty_max(validators) == 0) return Done{};
    return make_error(ErrorCode::unavailable, "nothing was drained: " + std::to_string(staying) +
                                                  " validators would stay, " + std::to_string(quorum(validators)) +
                                                  " make a quorum");
}

[[nodiscard]] Status drain(Context& context, Cluster& cluster) {
    if (auto status = check_quorum_without(cluster, o.nodes); !status) return status;
    for (const auto& name : o.nodes) {
        if (auto status = cluster.drain(name, patience); !status) return status;
        if (const auto stopped = cluster.stop({name}); !stopped) return stopped.error();
        if (!context.json) std::cout << name << " drained and stopped\n" << std::flush;
    }
    return Done{};
}

[[nodiscard]] Status move(Context& context, Cluster& cluster) {
    const auto present = present_manifest(cluster);
    if (!present) return present.error();
    const auto next = moved(*present, o.what, o.host);
    if (!next) return next.error();
    return bring_to(context, cluster, *next, {});
}

void export_manifest(Context& context) {
    const auto directory = context.cluster_directory();
    if (!directory) return;
    const auto present = present_manifest(Cluster{*directory});
    if (!present) return context.fail(present.error());
    const auto text = to_toml(*present);
    if (o.file.empty() || o.file == "-") {
        if (context.json)
            std::cout << Json{{"manifest", text}}.dump(2) << "\n";
        else
            std::cout << text;
        return;
    }
    if (auto status = write_text_file(o.file, text); !status) return context.fail(status.error());
    if (context.json)
        std::cout << Json{{"written", o.file}}.dump(2) << "\n";
    else
        std::cout << "wrote " << o.file << "\n";
}

}  // namespace

void add_scale_commands(CLI::App& app, Context& context) {
    {
        auto* command = app.add_subcommand("scale",
                                           "Run more or fewer nodes of a role: `troupe scale gateway=3`. New ones are "
                                           "named as they serve; surplus ones "
                                           "are drained first, so that nothing in flight is lost. `troupe manifest "
                                           "export` writes down what runs then.");
        command->add_option("ROLE", o.what, "ROLE=N: how many nodes of the role the cluster shall have")->required();
        command->add_option("--host", o.host,
                            "Where new ones run, and surplus ones go first (default: the host with the fewest nodes)");
        add_common(*command, context);
        command->callback([&context] { change(context, [&](Cluster& c) { return scale(context, c); }); });
    }
    {
        auto* command = app.add_subcommand(
            "drain",
            "Let nodes take no new work, finish what is in flight, and stop; `troupe start NODE` takes them back. A "
            "validator is only drained if the others make a quorum");
        command->add_option("NODE", o.nodes, "Which nodes")->required();
        add_common(*command, context);
        command->callback([&context] {
            change(context, [&](Cluster& c) -> Status {
                if (!check_nodes(context, c, o.nodes)) return make_error(ErrorCode::not_found, "nothing was drained");
                return drain(context, c);
            });
        });
    }
    {
        auto* command = app.add_subcommand(
            "move",
            "Move a node with its key and data to another host: it is stopped when the others make a quorum, carried "
            "over, started there; the others dial it there without restarting");
        command->add_option("NODE", o.what, "Which node")->required();
        command->add_option("--host", o.host, "Where to")->required();
        add_common(*command, context);
        command->callback([&context] { change(context, [&](Cluster& c) { return move(context, c); }); });
    }
    {
        auto* command =
            app.get_subcommand("manifest")
                ->add_subcommand("export",
                                 "Write the manifest of what runs, every value written out: after `scale` and `move`");
        command->add_option("FILE", o.file, "Where to (default: standard output)");
        add_common(*command, context);
        command->callback([&context] { export_manifest(context); });
    }
}

}  // namespace troupe::cli
