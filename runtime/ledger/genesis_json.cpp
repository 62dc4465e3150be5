#include "runtime/ledger/genesis_json.hpp"

#include <algorithm>
#include <functional>
#include <set>

#include "runtime/base/json.hpp"

namespace troupe {
namespace {

[[nodiscard]] Error invalid(std::string why) { return make_error(ErrorCode::invalid, "genesis: " + std::move(why)); }

/// Names appear in commands, paths and logs.
[[nodiscard]] bool is_node_name(std::string_view name) {
    return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
               c == '_';
    });
}

[[nodiscard]] Status check_parameters(const ChainParameters& p) {
    const std::pair<const char*, std::uint64_t> not_zero[] = {
        {"chain_id", p.chain_id},
        {"view_time", p.view_time.value},
        {"heartbeat_interval", p.heartbeat_interval.value},
        {"execution_delay", p.execution_delay},
        {"epoch_length", p.epoch_length.value},
        {"rotation_epochs", p.rotation_epochs},
        {"chunk_slot", p.chunk_slot.value},
        {"chunk_lifetime", p.chunk_lifetime.value},
        {"transaction_lifetime_max", p.transaction_lifetime_max.value},
        {"block_gas_limit", p.block_gas_limit},
        {"checkpoint_interval", p.checkpoint_interval},
        {"validation_time", p.validation_time.value},
    };
    for (const auto& [name, value] : not_zero)
        if (value == 0) return invalid("parameters." + std::string{name} + ": must not be 0");
    if (p.chunk_lifetime < p.chunk_slot)
        return invalid("parameters.chunk_lifetime: must be at least chunk_slot, or every chunk is born expired");
    if (p.revalidation_permille > 1000) return invalid("parameters.revalidation_permille: at most 1000");
    if (p.heartbeat_interval < p.block_interval)
        return invalid("parameters.heartbeat_interval: must be at least block_interval");
    return Done{};
}

[[nodiscard]] Status check_nodes(const Genesis& genesis) {
    const auto validators = genesis.validators.size();
    if (validators == 0) return invalid("validators: at least one is needed");
    if (validators > limits::validators_max)
        return invalid("validators: at most " + std::to_string(limits::validators_max));
    if (validators + genesis.followers.size() > limits::nodes_max)
        return invalid("followers: at most " + std::to_string(limits::nodes_max) + " nodes in all");

    std::set<std::string> names;
    std::set<Ed25519PublicKey> keys;
    for (const auto& [list, nodes] : {std::pair{"validators", &genesis.validators}, {"followers", &genesis.followers}})
        for (std::size_t i = 0; i < nodes->size(); ++i) {
            const auto& node = (*nodes)[i];
            const auto path = std::string{list} + "[" + std::to_string(i) + "]";
            if (!is_node_name(node.name))
                return invalid(path + ".name: 1 to 64 letters, digits, dots, dashes and underscores");
            if (!names.insert(node.name).second) return invalid(path + ".name: \"" + node.name + "\" is taken");
            if (!keys.insert(node.public_key).second)
                return invalid(path + ".public_key: another node has this key too");
            if (std::ranges::adjacent_find(node.services, std::ranges::greater_equal{}) != node.services.end())
                return invalid(path + ".services: each once, in ascending order");
            if (nodes == &genesis.validators && !node.services.empty())
                return invalid(path + ".services: a validator offers none besides");
            const bool has_bls = nodes == &genesis.validators && genesis.parameters.signatures == SignatureKind::bls;
            if (node.bls_key.size() != (has_bls ? 48 : 0))
                return invalid(path + (has_bls ? ".bls_key: 48 bytes are needed" : ".bls_key: none here"));
            if (node.bls_possession.size() != (has_bls ? 96 : 0))
                return invalid(path +
                               (has_bls ? ".bls_possession: 96 bytes are needed" : ".bls_possession: none here"));
        }
    return Done{};
}

[[nodiscard]] Status check_accounts(const Genesis& genesis) {
    std::set<Address> addresses;
    for (std::size_t i = 0; i < genesis.accounts.size(); ++i) {
        const auto& account = genesis.accounts[i];
        const auto path = "accounts[" + std::to_string(i) + "]";
        if (!addresses.insert(account.address).second)
            return invalid(path + ".address: " + to_hex_prefixed(account.address.view()) + " is listed twice");
        std::set<uint256> slots;
        for (const auto& [slot, value] : account.storage)
            if (!slots.insert(slot).second) return invalid(path + ".storage: slot " + to_quantity(slot) + " twice");
    }
    return Done{};
}

}  // namespace

Status check_genesis(const Genesis& genesis) {
    if (auto status = check_parameters(genesis.parameters); !status) return status;
    if (auto status = check_nodes(genesis); !status) return status;
    return check_accounts(genesis);
}

std::string genesis_to_json(const Genesis& genesis) {
    // Replacing what is not UTF-8 instead of throwing: check_genesis refuses such names anyway.
    return to_json_value(genesis).dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Genesis> genesis_from_json(std::string_view text) {
    const auto json = parse_json(text);
    if (!json) return json.error();
    Genesis genesis;
    if (auto status = from_json_value(*json, genesis, ""); !status)
        return make_error(status.error().code, "genesis: " + status.error().message);
    if (auto status = check_genesis(genesis); !status) return status.error();
    return genesis;
}

GenesisAccount create2_deployer() {
    GenesisAccount out;
    out.address = *fixed_from_hex<Address>("4e59b44847b379578588920ca78fbf26c0b4956c");
    // As after its deployment elsewhere: a contract's nonce starts at 1 (EIP-161).
    out.nonce = 1;
    out.code = *from_hex(
        "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f580151560395781"
        "82"
        "fd5b8082525050506014600cf3");
    return out;
}

}  // namespace troupe
