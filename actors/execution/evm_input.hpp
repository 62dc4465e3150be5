// From transactions and blocks as they are signed to what the EVM takes.
#pragma once

#include <functional>

#include "runtime/ledger/genesis.hpp"
#include "runtime/ledger/transaction.hpp"
#include "vm/evm/revision.hpp"
#include "vm/evm/transaction.hpp"

namespace troupe {

/// The chain's instruction set: solc's default target.
inline constexpr evm::Revision chain_revision = evm::Revision::Osaka;

[[nodiscard]] evm::TransactionInput to_evm_input(const RecoveredTransaction& transaction,
                                                 const ChainParameters& parameters);

/// Gas, fee caps, init code size: what needs no account. Nothing: in order.
[[nodiscard]] std::optional<std::string> check_intrinsic(const RecoveredTransaction& transaction,
                                                         const ChainParameters& parameters);

/// Where a validator's fees go: the COINBASE of the blocks it proposes. Zero for one that the genesis doesn't have.
[[nodiscard]] Address beneficiary_of(const Genesis& genesis, ValidatorIndex validator);

/// Facts of the block at `height` for execution and for calls on top of it.
[[nodiscard]] evm::BlockContext block_context(const ChainParameters& parameters, Height height, TimeMs timestamp,
                                              const Address& coinbase,
                                              std::function<Hash256(std::uint64_t)> block_hash);

}  // namespace troupe
