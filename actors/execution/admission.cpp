#include "actors/execution/admission.hpp"

#include "actors/execution/evm_input.hpp"

namespace troupe {

std::optional<std::string> check_transaction(const RecoveredTransaction& transaction,
                                             const ChainParameters& parameters) {
    const auto& tx = transaction.transaction;
    if (tx.chain_id && *tx.chain_id != parameters.chain_id)
        return "invalid chain id for signer: have " + std::to_string(*tx.chain_id) + " want " +
               std::to_string(parameters.chain_id);
    if (tx.type == TransactionType::native) {
        const auto fee = checked_mul(uint256{tx.gas_limit}, parameters.base_fee);
        if (!fee || *fee > tx.max_fee)
            return "max fee " + to_decimal(tx.max_fee) + " does not cover the gas limit at the base fee of " +
                   to_decimal(parameters.base_fee);
        if (tx.kind == NativeKind::bond && (tx.to || !tx.data.empty()))
            return std::string{"a bond has no target or data"};
    }
    if (auto why = check_intrinsic(transaction, parameters)) return why;
    if (!cost_max(tx)) return std::string{"insufficient funds for gas * price + value: cost over 2^256"};
    return std::nullopt;
}

std::optional<uint256> cost_max(const Transaction& tx) {
    if (tx.type == TransactionType::native)
        return tx.kind == NativeKind::bond ? checked_add(tx.max_fee, tx.value) : std::optional{tx.max_fee};
    const auto gas = checked_mul(uint256{tx.gas_limit}, tx.max_fee_per_gas);
    return gas ? checked_add(*gas, tx.value) : std::nullopt;
}

bool replaces(const Transaction& candidate, const Transaction& pending) {
    const auto raised = [](const uint256& now, const uint256& before) {
        const auto ten_percent = before / uint256{10};
        const auto least = checked_add(before, ten_percent.is_zero() ? uint256{1} : ten_percent);
        return least && now >= *least;
    };
    return raised(candidate.max_fee_per_gas, pending.max_fee_per_gas) &&
           raised(candidate.max_priority_fee_per_gas, pending.max_priority_fee_per_gas);
}

std::string no_bond_message(const Address& sponsor) {
    return "sponsor " + to_hex_prefixed(sponsor.view()) +
           " has no bond: post one with `troupe tx bond` before sponsoring transactions";
}

}  // namespace troupe
