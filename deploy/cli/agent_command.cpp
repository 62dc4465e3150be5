// agent: the host's daemon.
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "deploy/agent/agent.hpp"
#include "deploy/cli/cli.hpp"
#include "deploy/cluster/registry.hpp"

namespace troupe::cli {

void add_agent_command(CLI::App& app, Context& context) {
    auto* command = app.add_subcommand(
        "agent",
        "Look after this host's nodes: start, stop, restart and move them for the operator whose authority issued the "
        "credentials. Nodes that end by themselves are started again, later each time. Nodes go on when the agent "
        "ends; "
        "the next one finds them.");
    static std::string listen = "127.0.0.1:9600";
    static std::string credentials;
    static std::string directory;
    command->add_option("--credentials", credentials, "File made by `troupe keys ca issue HOST`")->required();
    command->add_option("--listen", listen, "IPv4 address and port")->default_val("127.0.0.1:9600");
    command->add_option("--data", directory, "Where nodes are kept (default: ~/.troupe/agent)");
    command->callback([&context] {
        const auto colon = listen.rfind(':');
        const auto port = colon == std::string::npos ? std::nullopt : parse_uint256(listen.substr(colon + 1));
        if (!port || *port > uint256{65535})
            return context.fail(exit_usage, "--listen: expected ADDRESS:PORT, found " + listen);
        AgentOptions options;
        options.credentials_file = std::filesystem::absolute(credentials);
        options.directory = directory.empty() ? troupe_home() / "agent" : std::filesystem::absolute(directory);
        options.listen_host = listen.substr(0, colon);
        options.listen_port = static_cast<std::uint16_t>(port->low64());
        context.exit_code = run_agent(options);
    });
}

}  // namespace troupe::cli
