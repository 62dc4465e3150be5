// A manifest as text again, and what differs between two.
#include <sstream>

#include "deploy/manifest/chain_fields.hpp"
#include "deploy/manifest/manifest.hpp"
#include "runtime/base/json.hpp"

namespace troupe {
namespace {

/// JSON's escapes of a string are TOML's.
[[nodiscard]] std::string quoted(const std::string& text) { return Json(text).dump(); }

[[nodiscard]] std::string in_ether(const uint256& wei) {
    return to_decimal(wei / uint256{1'000'000'000'000'000'000ULL});
}

}  // namespace

std::string to_toml(const Manifest& manifest) {
    std::ostringstream out;
    out << "name = " << quoted(manifest.name) << "\n"
        << "spare_followers = " << manifest.spare_followers << "\n\n[chain]\n"
        << "rules = " << quoted(to_string(manifest.chain.rules)) << "\n";
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
    for (const auto& node : manifest.nodes) {
        out << "\n[[node]]\nname = " << quoted(node.name) << "\nroles = [";
        for (std::size_t i = 0; i < node.roles.size(); ++i) out << (i == 0 ? "" : ", ") << quoted(node.roles[i]);
        out << "]\nhost = " << quoted(node.host) << "\naddress = " << quoted(node.address)
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
    for (const auto& number : manifest_detail::chain_numbers())
        if (number.get(before) != number.get(after))
            out.push_back(std::string{number.key} + " " + std::to_string(number.get(before)) + " -> " +
                          std::to_string(number.get(after)));
    return out;
}

}  // namespace troupe
