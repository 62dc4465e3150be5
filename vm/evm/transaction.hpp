// Executing one transaction: validity, intrinsic cost, the call, refund, fees (yellow paper 6; EIPs named beside).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/base/reflect.hpp"
#include "vm/evm/machine.hpp"

namespace troupe::evm {

struct AccessListItem {
    Address address;
    std::vector<uint256> slots;

    bool operator==(const AccessListItem&) const = default;
    static constexpr auto reflect() {
        return fields("AccessListItem", field("address", &AccessListItem::address),
                      field("slots", &AccessListItem::slots));
    }
};

/// An EIP-7702 authorization with its authority already recovered (nothing: the signature is not valid).
struct AuthorizationItem {
    uint256 chain_id;
    Address address;
    std::uint64_t nonce = 0;
    std::optional<Address> authority;

    bool operator==(const AuthorizationItem&) const = default;
    static constexpr auto reflect() {
        using A = AuthorizationItem;
        return fields("AuthorizationItem", field("chain_id", &A::chain_id), field("address", &A::address),
                      field("nonce", &A::nonce), field("authority", &A::authority));
    }
};

struct TransactionInput {
    /// EIP-2718 type: 0, 1, 2, 3 or 4.
    std::uint8_t type = 0;
    Address sender;
    std::optional<Address> to;
    std::uint64_t nonce = 0;
    std::uint64_t gas_limit = 0;
    /// The gas price for types 0 and 1, in both.
    uint256 max_fee_per_gas;
    uint256 max_priority_fee_per_gas;
    uint256 value;
    Bytes data;
    std::vector<AccessListItem> access_list;
    std::vector<AuthorizationItem> authorization_list;
    uint256 max_fee_per_blob_gas;
    std::vector<Hash256> blob_hashes;

    bool operator==(const TransactionInput&) const = default;
    static constexpr auto reflect() {
        using T = TransactionInput;
        return fields("TransactionInput", field("type", &T::type), field("sender", &T::sender), field("to", &T::to),
                      field("nonce", &T::nonce), field("gas_limit", &T::gas_limit),
                      field("max_fee_per_gas", &T::max_fee_per_gas),
                      field("max_priority_fee_per_gas", &T::max_priority_fee_per_gas), field("value", &T::value),
                      field("data", &T::data), field("access_list", &T::access_list),
                      field("authorization_list", &T::authorization_list),
                      field("max_fee_per_blob_gas", &T::max_fee_per_blob_gas), field("blob_hashes", &T::blob_hashes));
    }
};

enum class Invalid : std::uint8_t {
    /// No transaction at all: a number in it is too large.
    malformed,
    type_unsupported,
    nonce_too_low,
    nonce_too_high,
    nonce_max,
    sender_has_code,
    gas_over_block,
    gas_over_cap,
    intrinsic_gas,
    init_code_size,
    fee_cap_below_base,
    tip_above_cap,
    funds,
    blob_rules,
    authorization_rules,
};

struct InvalidTransaction {
    Invalid reason{};
    /// geth's words, which clients match.
    std::string message;
};

struct ExecutionReceipt {
    bool succeeded = false;
    bool reverted = false;
    /// Why it failed, in geth's words ("execution reverted", "out of gas", "invalid opcode: …"); empty on success.
    std::string error;
    std::uint64_t gas_used = 0;
    std::uint64_t gas_refunded = 0;
    /// Returned or revert data.
    Bytes output;
    std::vector<EvmLog> logs;
    std::optional<Address> created;
    uint256 effective_gas_price;
};

/// Who pays what.
enum class Charging : std::uint8_t {
    ordinary,
    /// eth_call, eth_estimateGas: no nonce, no balance and code checks of the sender, no fee; the sender's balance
    /// covers `value` as far as it goes, and what is missing is given.
    call,
    /// The caller of execute_transaction takes the fee: no nonce check or change, no fee here.
    sponsored,
};

/// Gas before the first instruction, without EIP-7623's floor.
[[nodiscard]] std::uint64_t intrinsic_gas(const TransactionInput& transaction, Revision revision);
/// EIP-7623: what a transaction uses at least; 0 before Prague.
[[nodiscard]] std::uint64_t floor_gas(const TransactionInput& transaction, Revision revision);

/// Rules that need no account. Nothing: in order.
[[nodiscard]] std::optional<InvalidTransaction> validate_stateless(const TransactionInput& transaction,
                                                                   const BlockContext& block, Revision revision,
                                                                   Charging charging = Charging::ordinary);
/// All rules.
[[nodiscard]] std::optional<InvalidTransaction> validate_transaction(JournaledState& state,
                                                                     const TransactionInput& transaction,
                                                                     const BlockContext& block, Revision revision,
                                                                     Charging charging = Charging::ordinary);

/// Requires that validate_transaction gave nothing. Begins and finishes the state's transaction; the base fee is
/// burned, the tip goes where block.tips says.
[[nodiscard]] ExecutionReceipt execute_transaction(JournaledState& state, const BlockContext& block,
                                                   const TransactionInput& transaction, Revision revision,
                                                   AnalysisCache& codes, Charging charging = Charging::ordinary,
                                                   Tracer* tracer = nullptr);

}  // namespace troupe::evm
