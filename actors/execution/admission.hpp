// Rules about a transaction that need no state, and what it can cost: the same for gateway, builder and execution.
#pragma once

#include <optional>
#include <string>

#include "runtime/ledger/genesis.hpp"
#include "runtime/ledger/transaction.hpp"

namespace troupe {

/// Chain id, gas within the intrinsic cost and the cap, fee caps against the base fee, init code size, value and fee
/// without overflow. The text is what Ethereum clients match (geth's wording). Nothing: in order.
[[nodiscard]] std::optional<std::string> check_transaction(const RecoveredTransaction& transaction,
                                                           const ChainParameters& parameters);

/// Most that the payer can lose: gas at the fee cap plus value; for a native call only its maximum fee.
/// Nothing on overflow.
[[nodiscard]] std::optional<uint256> cost_max(const Transaction& transaction);

/// geth's rule: a pending transaction is replaced by one that raises both fee caps by at least 10 %.
[[nodiscard]] bool replaces(const Transaction& candidate, const Transaction& pending);

[[nodiscard]] std::string no_bond_message(const Address& sponsor);

}  // namespace troupe
