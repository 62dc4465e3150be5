// Recovering many transactions whose hashes are known already.
#pragma once

#include <span>
#include <vector>

#include "runtime/ledger/transaction.hpp"

namespace troupe {

struct TransactionToRecover {
    ByteView raw;
    /// transaction_hash(raw).
    TransactionHash hash;
    /// Advice (runtime/ledger/sender_keys.hpp), or null.
    const Secp256k1PublicKey* known = nullptr;
};

/// What recover_transaction gives for each. Where enough keys are named and right this is several times as fast; where
/// none is, half as fast again.
[[nodiscard]] std::vector<Result<RecoveredTransactionPtr>> recover_transactions(
    std::span<const TransactionToRecover> transactions);

}  // namespace troupe
