// keys ca new, issue, show, revoke, rotate.
#include <ctime>
#include <iostream>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "deploy/cli/cli.hpp"
#include "deploy/keys/authority.hpp"

namespace troupe::cli {
namespace {

struct Options {
    std::string directory;
    std::string name;
    std::string file;
    std::uint32_t days = 0;
    bool finish = false;
    bool force = false;
};
Options o;

[[nodiscard]] std::filesystem::path directory() {
    return o.directory.empty() ? Authority::usual_directory() : std::filesystem::absolute(o.directory);
}

[[nodiscard]] std::string date_of(TimeMs time) {
    const auto seconds = static_cast<std::time_t>(time.value / 1000);
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    char text[32];
    return {text, std::strftime(text, sizeof text, "%Y-%m-%d", &parts)};
}

void show(Context& context, const Authority& authority) {
    const auto trusted = authority.trusted();
    if (!trusted) return context.fail(trusted.error());
    Json list = Json::array();
    for (const auto& facts : *trusted)
        list.push_back({{"operator", facts.operator_name},
                        {"fingerprint", facts.fingerprint},
                        {"until", date_of(facts.not_after)}});
    const auto issued = authority.issued();
    if (!issued) return context.fail(issued.error());
    if (context.json) {
        std::cout << Json{{"directory", authority.directory().string()},
                          {"rotating", authority.is_rotating()},
                          {"trusted", list},
                          {"issued", to_json_value(*issued)}}
                         .dump(2)
                  << "\n";
        return;
    }
    std::cout << "authority in " << authority.directory().string() << "\n";
    for (const auto& item : list)
        std::cout << "trusted  " << item["operator"].get<std::string>() << "  "
                  << item["fingerprint"].get<std::string>() << "  until " << item["until"].get<std::string>() << "\n";
    for (const auto& one : *issued)
        std::cout << (one.revoked ? "revoked  " : "issued   ") << one.kind << " " << one.name << "  " << one.fingerprint
                  << "  until " << date_of(one.until) << "\n";
    if (authority.is_rotating())
        std::cout << "A rotation is under way: `troupe up` gives agents new certificates, then `troupe keys ca rotate "
                     "--finish` ends the old authority.\n";
}

void issue(Context& context) {
    const auto authority = Authority::open(directory());
    if (!authority) return context.fail(authority.error());
    const auto credentials =
        authority->issue(o.name, operator_link::Kind::agent, o.days != 0 ? o.days : certificate_days);
    if (!credentials) return context.fail(credentials.error());
    const std::filesystem::path file = o.file.empty() ? o.name + ".pem" : o.file;
    if (!o.force && std::filesystem::exists(file))
        return context.fail(exit_conflict, file.string() + " exists already; --force replaces it");
    if (auto status = write_text_file(file, operator_link::to_bundle(*credentials), true); !status)
        return context.fail(status.error());
    const auto facts = operator_link::read_certificate(credentials->certificate);
    if (context.json)
        std::cout << Json{{"host", o.name},
                          {"file", file.string()},
                          {"fingerprint", facts->fingerprint},
                          {"until", date_of(facts->not_after)}}
                         .dump(2)
                  << "\n";
    else
        std::cout << "wrote " << file.string() << " (secret, 0600), valid until " << date_of(facts->not_after)
                  << "\nOn that host: troupe agent --credentials " << file.filename().string()
                  << " --listen ADDRESS:9600\n";
}

void revoke(Context& context) {
    auto authority = Authority::open(directory());
    if (!authority) return context.fail(authority.error());
    const auto revoked = authority->revoke(o.name);
    if (!revoked) return context.fail(revoked.error());
    if (context.json) {
        std::cout << to_json_value(*revoked).dump(2) << "\n";
        return;
    }
    for (const auto& one : *revoked)
        std::cout << "revoked " << one.kind << " " << one.name << "  " << one.fingerprint << "\n";
    std::cout
        << "`troupe up` tells the agents and nodes. A host that stays needs a new file: `troupe keys ca issue`.\n";
}

void rotate(Context& context) {
    auto authority = Authority::open(directory());
    if (!authority) return context.fail(authority.error());
    const auto status =
        o.finish ? authority->finish_rotation() : authority->rotate(o.days != 0 ? o.days : authority_days);
    if (!status) return context.fail(status.error());
    show(context, *authority);
}

}  // namespace

void add_authority_commands(CLI::App& keys, Context& context) {
    auto* group = keys.add_subcommand(
        "ca",
        "The operator's certificate authority: it says which agents and nodes are yours.\n"
        "`new` once; `issue HOST` for each host, whose file goes there and to `troupe agent`; `rotate`, `troupe up`, "
        "`rotate --finish` replaces the authority without stopping anything.");
    group->require_subcommand(1);
    const auto add = [&](const char* name, const char* help, auto action) {
        auto* command = group->add_subcommand(name, help);
        command->add_option("--ca", o.directory, "The authority's directory (default: $TROUPE_CA, else ~/.troupe/ca)");
        add_common(*command, context, false);
        command->callback([&context, action] { action(context); });
        return command;
    };
    auto* create = add("new", "Make the authority and the command line's own certificate", [](Context& c) {
        const auto authority = Authority::create(directory(), o.name.empty() ? "troupe operator" : o.name,
                                                 o.days != 0 ? o.days : authority_days);
        if (!authority) return c.fail(authority.error());
        show(c, *authority);
    });
    create->add_option("OPERATOR", o.name, "The operator's name");
    create->add_option("--days", o.days, "Until it ends (default: 3650)");
    auto* give = add("issue", "Make a host's credentials: one file for its agent", issue);
    give->add_option("HOST", o.name, "The host's name in the manifest")->required();
    give->add_option("--out", o.file, "Where to (default: HOST.pem)");
    give->add_option("--days", o.days, "Until it ends (default: 365; `troupe up` renews it in time)");
    give->add_flag("--force", o.force, "Replace the file");
    auto* withdraw =
        add("revoke", "Have nobody accept a certificate any more, such as of a host that was broken into", revoke);
    withdraw->add_option("NAME", o.name, "Whose: the host's or node's name, or a fingerprint of `keys ca show`")
        ->required();
    static_cast<void>(add("show", "Show which authorities are trusted, and what they have issued", [](Context& c) {
        const auto authority = Authority::open(directory());
        authority ? show(c, *authority) : c.fail(authority.error());
    }));
    auto* turn = add("rotate", "Make a new authority; both are trusted until --finish", rotate);
    turn->add_flag("--finish", o.finish, "Trust only the new one from now on");
    turn->add_option("--days", o.days, "Until the new one ends (default: 3650)");
}

}  // namespace troupe::cli
