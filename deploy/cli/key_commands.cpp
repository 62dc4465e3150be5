// keys new, show, import, list.
#include <iostream>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "deploy/cli/cli.hpp"
#include "deploy/cluster/cluster.hpp"
#include "deploy/keys/keys.hpp"
#include "deploy/node/node_config.hpp"
#include "runtime/crypto/keystore.hpp"
#include "runtime/crypto/random.hpp"

namespace troupe::cli {
namespace {

void save(Context& context, const Secp256k1SecretKey& key, const std::string& name, const std::string& password_file) {
    const auto cluster = context.cluster_directory();
    if (!cluster) return;
    const auto directory = *cluster / "keys";
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error) return context.fail(exit_failed, directory.string() + ": " + error.message());
    const auto file = directory / (name + ".json");
    if (std::filesystem::exists(file)) return context.fail(exit_conflict, file.string() + " exists already");
    const auto password = ask_password(password_file, true);
    if (!password) return context.fail(password.error());
    const auto text = encrypt_keystore(key, *password);
    if (!text) return context.fail(text.error());
    if (auto status = write_text_file(file, *text, true); !status) return context.fail(status.error());
    const auto address = to_hex_prefixed(key.address().view());
    if (context.json)
        std::cout << Json{{"name", name}, {"address", address}, {"file", file.string()}}.dump(2) << "\n";
    else
        std::cout << address << "  " << file.string() << "\n";
}

}  // namespace

void add_key_commands(CLI::App& app, Context& context) {
    auto* group = app.add_subcommand(
        "keys",
        "Account keys (Web3 keystore files of version 3, readable by cast and ethers) and the operator's certificates");
    group->require_subcommand(1);
    add_authority_commands(*group, context);
    static std::string name;
    static std::string password_file;
    static bool secret = false;
    {
        auto* command = group->add_subcommand("new", "Make a key and store it encrypted, mode 0600");
        command->add_option("NAME", name, "The file will be keys/NAME.json")->required();
        command->add_option("--password-file", password_file, "Else $TROUPE_PASSWORD, else asked");
        add_common(*command, context);
        command->callback([&context] { save(context, Secp256k1SecretKey::generate(), name, password_file); });
    }
    {
        auto* command =
            group->add_subcommand("import", "Store a private key (64 hex digits on standard input) encrypted");
        command->add_option("NAME", name, "The file will be keys/NAME.json")->required();
        command->add_option("--password-file", password_file, "Else $TROUPE_PASSWORD, else asked");
        add_common(*command, context);
        command->callback([&context] {
            std::string text;
            std::getline(std::cin, text);
            auto bytes = from_hex(text);
            wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
            auto key = bytes ? Secp256k1SecretKey::from_bytes(*bytes) : std::nullopt;
            if (bytes) wipe(*bytes);
            if (!key) return context.fail(exit_usage, "expected a private key of 64 hex digits on standard input");
            save(context, *key, name, password_file);
        });
    }
    {
        auto* command = group->add_subcommand("show", "Show a key's address");
        command->add_option("NAME", name, "dev:N, a keystore file, or a name in the cluster's keys")->required();
        command->add_option("--password-file", password_file, "Else $TROUPE_PASSWORD, else asked");
        command->add_flag("--secret", secret, "Show the private key too");
        add_common(*command, context);
        command->callback([&context] {
            const auto directory = name.starts_with("dev:") ? context.directory() : context.cluster_directory();
            if (!directory) return;
            const auto key = find_key(name, *directory, password_file);
            if (!key) return context.fail(key.error());
            Json out{{"name", name}, {"address", to_hex_prefixed(key->address().view())}};
            if (secret) out["private_key"] = to_hex_prefixed(key->reveal());
            if (context.json)
                std::cout << out.dump(2) << "\n";
            else
                for (const auto& [field, value] : out.items())
                    std::cout << field << ": " << value.get<std::string>() << "\n";
        });
    }
    {
        auto* command = group->add_subcommand("list", "List the development accounts and the stored keys");
        command->add_flag("--secret", secret,
                          "Show the private keys of development accounts (they are public knowledge)");
        add_common(*command, context);
        command->callback([&context] {
            const auto directory = context.cluster_directory();
            if (!directory) return;
            const Cluster cluster{*directory};
            std::uint32_t count = 64;
            if (const auto state = cluster.exists() ? cluster.state() : Result<ClusterState>{ClusterState{}};
                state && !state->manifest_text.empty())
                count = parse_manifest(state->manifest_text, "").manifest.dev_accounts;
            Json accounts = Json::array();
            for (std::uint32_t i = 0; i < count; ++i) {
                const auto key = development_key(i);
                Json account{{"name", "dev:" + std::to_string(i)}, {"address", to_hex_prefixed(key.address().view())}};
                if (secret) account["private_key"] = to_hex_prefixed(key.reveal());
                accounts.push_back(std::move(account));
            }
            std::error_code error;
            for (const auto& entry : std::filesystem::directory_iterator(cluster.directory() / "keys", error)) {
                if (entry.path().extension() != ".json") continue;
                const auto text = read_text_file(entry.path(), 1 << 20);
                const auto json = text ? Json::parse(*text, nullptr, false) : Json();
                if (json.is_object() && json.contains("address"))
                    accounts.push_back({{"name", entry.path().stem().string()},
                                        {"address", "0x" + json["address"].get<std::string>()}});
            }
            if (context.json) {
                std::cout << Json{{"accounts", accounts}}.dump(2) << "\n";
                return;
            }
            std::vector<std::vector<std::string>> rows;
            for (const auto& account : accounts)
                rows.push_back({account["name"].get<std::string>(), account["address"].get<std::string>(),
                                account.value("private_key", "")});
            std::cout << format_table(rows) << "dev:N keys are public knowledge: for development only.\n";
        });
    }
}

}  // namespace troupe::cli
