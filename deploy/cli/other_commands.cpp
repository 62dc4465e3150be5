// genesis, completion, version, node.
#include <iostream>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "deploy/cli/cli.hpp"
#include "deploy/cli/sim_command.hpp"
#include "deploy/cluster/cluster.hpp"
#include "deploy/node/node.hpp"
#include "deploy/node/node_config.hpp"
#include "deploy/version.hpp"
#include "runtime/ledger/genesis_json.hpp"

namespace troupe::cli {
namespace {

/// "up down status…" of the subcommands, and their options, as a shell script's case arms.
[[nodiscard]] std::string words_of(const CLI::App& app) {
    std::string words;
    for (const auto* sub : app.get_subcommands([](const CLI::App*) { return true; }))
        if (!sub->get_group().empty()) words += sub->get_name() + " ";
    for (const auto* option : app.get_options())
        for (const auto& name : option->get_lnames()) words += "--" + name + " ";
    return words;
}

[[nodiscard]] std::string completion(const CLI::App& app, const std::string& shell) {
    std::string arms;
    for (const auto* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
        if (sub->get_group().empty()) continue;
        arms += "    \"" + sub->get_name() + "\") words=\"" + words_of(*sub) + "\" ;;\n";
        for (const auto* inner : sub->get_subcommands([](const CLI::App*) { return true; }))
            arms +=
                "    \"" + sub->get_name() + " " + inner->get_name() + "\") words=\"" + words_of(*inner) + "\" ;;\n";
    }
    const std::string choose =
        "  local words path=\"\" word\n"
        "  for word in \"${line[@]:1}\"; do case \"$word\" in -*) ;; *) path=\"${path:+$path }$word\" ;; esac; done\n"
        "  while true; do\n"
        "    case \"$path\" in\n"
        "    \"\") words=\"" +
        words_of(app) + "\" ;;\n" + arms +
        "    *) words=\"\" ;;\n"
        "    esac\n"
        "    [ -n \"$words\" ] && break\n"
        "    case \"$path\" in *\" \"*) path=\"${path% *}\" ;; *) path=\"\" ;; esac\n"
        "  done\n";
    if (shell == "bash")
        return "# eval \"$(troupe completion bash)\"\n_troupe() {\n  local line=(\"${COMP_WORDS[@]:0:COMP_CWORD}\")\n" +
               choose +
               "  COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
               "  [ ${#COMPREPLY[@]} -eq 0 ] && COMPREPLY=($(compgen -f -- \"${COMP_WORDS[COMP_CWORD]}\"))\n}\n"
               "complete -F _troupe troupe\n";
    return "#compdef troupe\n# eval \"$(troupe completion zsh)\"\n_troupe() {\n  local -a "
           "line=(\"${(@)words[1,CURRENT-1]}\")\n"
           "  emulate -L ksh\n" +
           choose + "  emulate -L zsh\n  compadd -- ${=words}\n  _files\n}\ncompdef _troupe troupe\n";
}

}  // namespace

void add_other_commands(CLI::App& app, Context& context) {
    {
        auto* command = app.add_subcommand("genesis", "Show the cluster's genesis and its hash");
        static bool only_hash = false;
        command->add_flag("--hash", only_hash, "Only the hash, which all nodes must share");
        add_common(*command, context);
        command->callback([&context] {
            const auto directory = context.cluster_directory();
            if (!directory) return;
            const auto file = *directory / "genesis.json";
            if (!std::filesystem::exists(file))
                return context.fail(exit_not_found, "no cluster in " + directory->string());
            const auto text = read_text_file(file);
            if (!text) return context.fail(text.error());
            const auto genesis = genesis_from_json(*text);
            if (!genesis) return context.fail(genesis.error());
            const auto hash = to_hex_prefixed(hash_of(*genesis).view());
            if (only_hash)
                std::cout << (context.json ? Json{{"hash", hash}}.dump(2) : hash) << "\n";
            else
                std::cout << *text << (text->ends_with("\n") ? "" : "\n");
        });
    }
    {
        auto* command =
            app.add_subcommand("completion", "Print a completion script: eval \"$(troupe completion bash)\"");
        static std::string shell;
        command->add_option("SHELL", shell, "bash or zsh")->required()->check(CLI::IsMember({"bash", "zsh"}));
        command->callback([&app] { std::cout << completion(app, shell); });
    }
    {
        auto* command = app.add_subcommand("version", "Print the version");
        add_common(*command, context, false);
        command->callback([&context] {
            if (context.json)
                std::cout << Json{{"version", node_version}}.dump(2) << "\n";
            else
                std::cout << "troupe " << node_version << "\n";
        });
    }
    {
        auto* command = app.add_subcommand("node", "Run one node in this process (what `up` starts)");
        static std::string directory;
        command->add_option("DIR", directory, "Directory with node.json")->required();
        command->group("");
        command->callback([&context] { context.exit_code = run_node(directory); });
    }
    add_sim_command(app, context);
}

}  // namespace troupe::cli
