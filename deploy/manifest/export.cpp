// A manifest as text again, and what differs between two.
#include <map>
#include <sstream>

#include "deploy/manifest/chain_fields.hpp"
#include "deploy/manifest/manifest.hpp"
#include "runtime/base/json.hpp"

namespace troupe {
namespace {

/// JSON's escapes of a string are TOML's.
[[nodiscard]] std::string quoted(const std::string& text) { return Json(text).dump(); }

[[nodiscard]] std::string list_of(const std::vector<std::string>& names) {
    std::string out;
    for (const auto& name : names) out += (out.empty() ? "" : ", ") + quoted(name);
    return "[" + out + "]";
}

[[nodiscard]] std::string in_ether(const uint256& wei) {
    return to_decimal(wei / uint256{1'000'000'000'000'000'000ULL});
}

/// As a manifest writes it, lists without brackets.
[[nodiscard]] std::string shown(const Json& value) {
    if (!value.is_array()) return value.is_string() ? value.get<std::string>() : value.dump();
    std::string out;
    for (const auto& item : value) out += (out.empty() ? "" : ",") + shown(item);
    return out;
}

/// By address or by the name of the key.
[[nodiscard]] std::map<std::string, uint256> account_balances(const Manifest& manifest) {
    std::map<std::string, uint256> out;
    for (const auto& account : manifest.accounts) out.emplace(to_hex_prefixed(account.address.view()), account.balance);
    for (const auto& account : manifest.key_accounts) out.emplace("key " + account.key, account.balance);
    return out;
}

}  // namespace

std::string to_toml(const Manifest& manifest) {
    std::ostringstream out;
    out << "name = " << quoted(manifest.name) << "\n"
        << "spare_followers = " << manifest.spare_followers << "\n\n[chain]\n"
        << "rules = " << quoted(to_string(manifest.chain.rules)) << "\n"
        << "signatures = " << quoted(to_string(manifest.chain.signatures)) << "\n";
    for (const auto& number : manifest_detail::chain_numbers())
        out << number.key << " = " << number.get(manifest.chain) << "\n";
    out << "\n[accounts]\ndev = " << manifest.dev_accounts << "\ndev_balance_ether = " << in_ether(manifest.dev_balance)
        << "\n";
    for (const auto& account : manifest.accounts)
        out << "\n[[account]]\naddress = " << quoted(to_hex_prefixed(account.address.view()))
            << "\nbalance_ether = " << in_ether(account.balance) << "\n";
    for (const auto& account : manifest.key_accounts)
        out << "\n[[account]]\nkey = " << quoted(account.key) << "\nbalance_ether = " << in_ether(account.balance)
            << "\n";
    for (const auto& host : manifest.hosts) {
        out << "\n[[host]]\nname = " << quoted(host.name) << "\naddress = " << quoted(host.address)
            << "\nagent_port = " << host.agent_port << "\n";
        if (!host.labels.empty()) out << "labels = " << list_of(host.labels) << "\n";
    }
    for (const auto& node : manifest.nodes) {
        out << "\n[[node]]\nname = " << quoted(node.name) << "\nroles = " << list_of(node.roles)
            << "\nhost = " << quoted(node.host) << "\naddress = " << quoted(node.address)
            << "\nlink_port = " << node.link_port << "\n";
        if (node.rpc_port != 0)
            out << "rpc_host = " << quoted(node.rpc_host) << "\nrpc_port = " << node.rpc_port << "\n";
        out << "vm_workers = " << node.vm_workers << "\nlog_level = " << quoted(node.log_level) << "\n";
    }
    return out.str();
}

std::vector<std::string> differences(const ChainParameters& before, const ChainParameters& after) {
    std::vector<std::string> out;
    if (before.rules != after.rules)
        out.push_back(std::string{"rules "} + to_string(before.rules) + " -> " + to_string(after.rules));
    if (before.signatures != after.signatures)
        out.push_back(std::string{"signatures "} + to_string(before.signatures) + " -> " + to_string(after.signatures));
    for (const auto& number : manifest_detail::chain_numbers())
        if (number.get(before) != number.get(after))
            out.push_back(std::string{number.key} + " " + std::to_string(number.get(before)) + " -> " +
                          std::to_string(number.get(after)));
    return out;
}

std::vector<std::string> differences(const ManifestNode& before, const ManifestNode& after) {
    std::vector<std::string> out;
    const auto old_fields = to_json_value(before);
    const auto new_fields = to_json_value(after);
    for (const auto& [key, value] : new_fields.items())
        if (old_fields[key] != value) out.push_back(key + " " + shown(old_fields[key]) + " -> " + shown(value));
    return out;
}

std::vector<std::string> fixed_differences(const Manifest& before, const Manifest& after) {
    std::vector<std::string> out;
    const auto changed = [&](const std::string& what, const std::string& from, const std::string& to) {
        if (from != to) out.push_back(what + " " + from + " -> " + to);
    };
    changed("name", before.name, after.name);
    changed("spare_followers", std::to_string(before.spare_followers), std::to_string(after.spare_followers));
    for (const auto& line : differences(before.chain, after.chain)) out.push_back("[chain] " + line);
    changed("[accounts] dev", std::to_string(before.dev_accounts), std::to_string(after.dev_accounts));
    changed("[accounts] dev_balance_ether", in_ether(before.dev_balance), in_ether(after.dev_balance));
    const auto old_accounts = account_balances(before);
    const auto new_accounts = account_balances(after);
    for (const auto& [account, balance] : old_accounts)
        if (!new_accounts.contains(account)) out.push_back("[[account]] " + account + " removed");
    for (const auto& [account, balance] : new_accounts) {
        const auto known = old_accounts.find(account);
        if (known == old_accounts.end())
            out.push_back("[[account]] " + account + " added");
        else
            changed("[[account]] " + account + " balance_ether", in_ether(known->second), in_ether(balance));
    }
    return out;
}

}  // namespace troupe
