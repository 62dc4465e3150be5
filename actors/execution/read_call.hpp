// Read calls: eth_call, eth_estimateGas, eth_createAccessList over a state that they leave as it is. Pure.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "vm/evm/transaction.hpp"

namespace troupe {

/// State overrides of eth_call, as geth takes them.
struct AccountOverride {
    std::optional<uint256> balance;
    std::optional<std::uint64_t> nonce;
    std::optional<Bytes> code;
    std::vector<std::pair<uint256, uint256>> slots;
    /// The slots are all there are (`state`), not set besides what is there (`stateDiff`).
    bool replaces_storage = false;

    bool operator==(const AccountOverride&) const = default;
    static constexpr auto reflect() {
        using O = AccountOverride;
        return fields("AccountOverride", field("balance", &O::balance), field("nonce", &O::nonce),
                      field("code", &O::code), field("slots", &O::slots),
                      field("replaces_storage", &O::replaces_storage));
    }
};
using StateOverrides = std::map<Address, AccountOverride>;

/// Block overrides of eth_call, likewise.
struct BlockOverride {
    std::optional<uint256> number;
    /// Seconds.
    std::optional<uint256> time;
    std::optional<uint256> gas_limit;
    std::optional<uint256> base_fee;
    std::optional<uint256> prevrandao;
    std::optional<Address> coinbase;

    bool operator==(const BlockOverride&) const = default;
    static constexpr auto reflect() {
        using O = BlockOverride;
        return fields("BlockOverride", field("number", &O::number), field("time", &O::time),
                      field("gas_limit", &O::gas_limit), field("base_fee", &O::base_fee),
                      field("prevrandao", &O::prevrandao), field("coinbase", &O::coinbase));
    }
};

struct CallRequest {
    evm::TransactionInput transaction;
    /// No limit was named: the most a call may use.
    bool gas_named = false;
    StateOverrides overrides;
    BlockOverride block;
};

struct CallResult {
    bool succeeded = false;
    bool reverted = false;
    std::string error;
    Bytes output;
    std::uint64_t gas = 0;  // used, or estimated
    std::map<Address, std::set<uint256>> accessed;
};

enum class ReadKind : std::uint8_t {
    call,
    /// Least gas with which it succeeds, within 1.5 % (geth's tolerance).
    estimate,
    access_list,
};
[[nodiscard]] constexpr bool is_valid(ReadKind kind) noexcept { return kind <= ReadKind::access_list; }

/// Most gas of a call without a limit of its own: bounds what one request can cost the node.
inline constexpr std::uint64_t call_gas_max = 50'000'000;

void apply_overrides(JournaledState& state, const StateOverrides& overrides);
void apply_overrides(evm::BlockContext& context, const BlockOverride& overrides);

/// What a creation gives to its caller is the new code; viem reads through constructors so.
void show_created_code(JournaledState& state, evm::ExecutionReceipt& receipt);

/// `context` is the block's that `state` is the state of.
[[nodiscard]] CallResult run_read_call(ReadKind kind, const CallRequest& request, StateReader& state,
                                       const evm::BlockContext& context, evm::AnalysisCache& codes);

}  // namespace troupe
