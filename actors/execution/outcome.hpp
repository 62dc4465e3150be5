// What executing a block gave, as every role of a node hears of it.
#pragma once

#include <memory>
#include <vector>

#include "runtime/ledger/receipt.hpp"
#include "vm/state/state_diff.hpp"

namespace troupe {

/// Why a transaction of an included chunk did not execute. It pays nothing and leaves no receipt.
enum class FilterReason : std::uint8_t {
    malformed,      // not a transaction, or its signature is not valid
    wrong_builder,  // the chunk's producer does not build for this payer in the chunk's epoch
    wrong_chain,
    nonce,  // not the sender's next one
    funds,  // sender can't pay value and fee
    fee_below_base,
    gas,        // below the intrinsic cost, or over the cap
    expired,    // native: its expiry has passed
    duplicate,  // native: executed before
    bond,       // native: the sponsor's bond does not cover it
    rule,       // another rule of the revision
};
[[nodiscard]] const char* to_string(FilterReason reason) noexcept;

struct FilteredTransaction {
    TransactionHash hash;
    FilterReason reason{};
};

/// Immutable and shared between the actors of a process.
struct ExecutionOutcome {
    std::shared_ptr<const CommittedBlock> block;
    ExecutedBlock executed;
    std::vector<FilteredTransaction> filtered;
    /// What it changed, and the native transactions that must not execute again until they expire.
    StateDiff diff;
    std::vector<std::pair<TransactionHash, TimeMs>> natives;
};
using ExecutionOutcomePtr = std::shared_ptr<const ExecutionOutcome>;

/// What a builder and a gateway need to know of who pays: at the latest executed block. Thread-safe.
struct PayerState {
    std::uint64_t nonce = 0;
    uint256 balance;
    uint256 bond;
    bool has_code = false;
};
class PayerReader {
public:
    virtual ~PayerReader() = default;
    [[nodiscard]] virtual PayerState payer(const Address& address) const = 0;
    /// Whether this native transaction has executed already, within its lifetime.
    [[nodiscard]] virtual bool native_executed(const TransactionHash& hash) const = 0;
};

}  // namespace troupe
