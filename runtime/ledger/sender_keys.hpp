// Who recovered a transaction's sender tells the next node the public key, so that it only has to check it, many at a
// time (runtime/crypto/secp256k1_batch). Such keys are advice: a wrong one costs the reader time and changes no result.
#pragma once

#include <span>
#include <vector>

#include "runtime/base/codec.hpp"
#include "runtime/ledger/transaction.hpp"

namespace troupe {

/// Keys for a list of transactions, each different key once. Untrusted.
struct SenderKeys {
    std::vector<Secp256k1PublicKey> keys;
    /// Per transaction the position of its key; one that is not there, or a list that is too short, means unknown.
    std::vector<std::uint32_t> of;

    [[nodiscard]] const Secp256k1PublicKey* find(std::size_t transaction) const noexcept {
        return transaction < of.size() && of[transaction] < keys.size() ? &keys[of[transaction]] : nullptr;
    }

    bool operator==(const SenderKeys&) const = default;
    static constexpr auto reflect() {
        return fields("SenderKeys", field("keys", &SenderKeys::keys), field("of", &SenderKeys::of));
    }
};

[[nodiscard]] SenderKeys sender_keys_of(std::span<const RecoveredTransactionPtr> transactions);

/// What recover_transaction gives for each of `raw`. `known[i]` may name the key of raw[i] or be null; where enough are
/// named and right this is several times as fast. `known` is empty or as long as `raw`.
[[nodiscard]] std::vector<Result<RecoveredTransactionPtr>> recover_transactions(
    std::span<const ByteView> raw, std::span<const Secp256k1PublicKey* const> known);

}  // namespace troupe
