// manifest check, plan, init, show.
#include <iostream>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "deploy/cli/cli.hpp"
#include "deploy/manifest/manifest.hpp"
#include "deploy/node/node_config.hpp"

namespace troupe::cli {
namespace {

/// Prints what is wrong; nothing if it can't be used.
[[nodiscard]] std::optional<Manifest> load(Context& context, const std::string& file, bool show_faults) {
    std::string text = builtin_manifest();
    std::string name = "built-in manifest";
    if (!file.empty()) {
        auto content = read_text_file(file, 1 << 20);
        if (!content) return context.fail(content.error()), std::nullopt;
        text = *content;
        name = file;
    }
    auto report = parse_manifest(text, name);
    if (context.json && (show_faults || !report.ok())) {
        std::cout << faults_to_json(report, name).dump(2) << "\n";
    } else {
        for (const auto& fault : report.faults) std::cerr << format_fault(fault, text, name);
    }
    if (!report.ok()) {
        context.exit_code = exit_usage;
        return std::nullopt;
    }
    return std::move(report.manifest);
}

}  // namespace

void add_manifest_commands(CLI::App& app, Context& context) {
    auto* group = app.add_subcommand("manifest", "Check a manifest, see what it would launch, write an example");
    group->require_subcommand(1);
    static std::string file;
    {
        auto* command = group->add_subcommand("check", "Report every fault with file, line and column");
        command->add_option("MANIFEST", file, "TOML file (default: the built-in one)");
        add_common(*command, context, false);
        command->callback([&context] {
            const auto manifest = load(context, file, true);
            if (manifest && !context.json)
                std::cout << "ok: " << manifest->nodes.size() << " nodes, " << manifest->validators()
                          << " validators tolerate " << faulty_max(manifest->validators()) << " faulty\n";
        });
    }
    {
        auto* command = group->add_subcommand(
            "plan", "Show which process would run where, with which roles and ports; changes nothing");
        command->add_option("MANIFEST", file, "TOML file (default: the built-in one)");
        add_common(*command, context);
        command->callback([&context] {
            const auto manifest = load(context, file, false);
            if (!manifest) return;
            const auto n = manifest->validators();
            if (context.json) {
                Json out;
                out["cluster"] = manifest->name;
                out["directory"] = context.directory(manifest->name).string();
                out["validators"] = n;
                out["faulty_max"] = faulty_max(n);
                out["quorum"] = quorum(n);
                out["nodes"] = to_json_value(manifest->nodes);
                std::cout << out.dump(2) << "\n";
                return;
            }
            std::cout << "cluster " << manifest->name << ", chain id " << manifest->chain.chain_id << ", rules "
                      << to_string(manifest->chain.rules) << ", in " << context.directory(manifest->name).string()
                      << "\n"
                      << n << " validators: " << quorum(n) << " make a quorum, " << faulty_max(n) << " may be faulty\n";
            std::vector<std::vector<std::string>> rows{{"NODE", "HOST", "LINK", "RPC", "WORKERS", "ROLES"}};
            for (const auto& node : manifest->nodes) {
                std::string roles;
                for (const auto& role : node.roles) roles += (roles.empty() ? "" : ",") + role;
                rows.push_back({node.name, node.host, node.address + ":" + std::to_string(node.link_port),
                                node.rpc_port != 0 ? node.rpc_host + ":" + std::to_string(node.rpc_port) : "-",
                                std::to_string(node.vm_workers), roles});
            }
            std::cout << format_table(rows);
        });
    }
    {
        auto* command = group->add_subcommand("init", "Write a commented example");
        static std::string target = "troupe.toml";
        command->add_option("FILE", target, "Where to (default: troupe.toml; - for standard output)");
        add_common(*command, context, false);
        command->callback([&context] {
            if (target == "-") {
                std::cout << builtin_manifest();
                return;
            }
            if (std::filesystem::exists(target)) return context.fail(exit_conflict, target + " exists already");
            if (auto status = write_text_file(target, builtin_manifest()); !status) return context.fail(status.error());
            if (context.json)
                std::cout << Json{{"written", target}}.dump(2) << "\n";
            else
                std::cout << "wrote " << target << "; next: troupe up " << target << "\n";
        });
    }
}

}  // namespace troupe::cli
