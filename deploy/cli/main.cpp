// The `troupe` command.
#include <iostream>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "deploy/cli/cli.hpp"
#include "deploy/cli/wasm_commands.hpp"

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
    add_other_commands(app, context);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        const int code = app.exit(error);
        return code == 0 ? exit_ok : exit_usage;
    } catch (const std::exception& error) {
        std::cerr << "troupe: " << error.what() << "\n";
        return exit_failed;
    }
    return context.exit_code;
}
