// The `troupe` command.
#include <iostream>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "deploy/cli/cli.hpp"
#include "deploy/cli/wasm_commands.hpp"
#include "deploy/manifest/hint.hpp"

namespace {

/// What CLI11 does not say: which word was not understood, and what was probably meant. False: it says enough.
bool explain(const CLI::App& app) {
    const auto* at = &app;
    while (!at->get_subcommands().empty()) at = at->get_subcommands().front();
    std::string parents;
    for (const auto* part = at->get_parent(); part != nullptr; part = part->get_parent())
        parents = part->get_name() + (parents.empty() ? "" : " ") + parents;
    const auto rest = app.remaining(true);
    const bool wants_verb = at->get_require_subcommand_min() > 0;
    if (rest.empty()) {
        if (wants_verb) std::cerr << at->help(parents);
        return wants_verb;
    }
    const auto& word = rest.front();
    std::vector<std::string> known;
    if (word.starts_with("-")) {
        for (const auto* option : at->get_options())
            for (const auto& name : option->get_lnames()) known.push_back("--" + name);
    } else if (wants_verb) {
        for (const auto* verb : at->get_subcommands([](const CLI::App*) { return true; }))
            if (!verb->get_group().empty()) known.push_back(verb->get_name());
    } else {
        return false;
    }
    std::cerr << "troupe: `" << parents << (parents.empty() ? "" : " ") << at->get_name() << "` has no \"" << word
              << "\"" << troupe::hint_for(word, known) << "\n";
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    using namespace troupe::cli;
    CLI::App app{
        "Troupe: launch, use and check clusters of replicated programs.\n"
        "Start here: `troupe up -d`, then `troupe status`; Ethereum tools talk to http://127.0.0.1:8545.",
        "troupe"};
    app.require_subcommand(1);
    app.footer(
        "Exit codes: 0 done, 1 failed, 2 wrong use, 3 not running or not found, 4 not healthy in time, "
        "5 conflict (port in use, another command at work).");
    Context context;
    add_cluster_commands(app, context);
    add_manifest_commands(app, context);
    add_scale_commands(app, context);
    add_agent_command(app, context);
    add_key_commands(app, context);
    add_transaction_commands(app, context);
    add_demo_command(app, context);
    add_vm_commands(app, context);
    add_wasm_commands(app, context);
    add_inspect_commands(app, context);
    add_top_command(app, context);
    add_trace_commands(app, context);
    add_other_commands(app, context);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        const bool is_unknown = error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError) ||
                                error.get_exit_code() == static_cast<int>(CLI::ExitCodes::RequiredError);
        if (is_unknown && explain(app)) return exit_usage;
        const int code = app.exit(error);
        return code == 0 ? exit_ok : exit_usage;
    } catch (const std::exception& error) {
        std::cerr << "troupe: " << error.what() << "\n";
        return exit_failed;
    }
    return context.exit_code;
}
