// The chunk builder's protocol: takes the transactions of the accounts that are its own in the epoch, in an order in
// which each will pay when it executes, makes chunks of them, and gathers signatures to a certificate (Vryx: Chunk
// Building). Pure: time and account states come with each event.
//
// Every replicated transaction pays:
// - An Ethereum sender's balance can only be lowered by its own transactions, and those go through one builder at a
//   time in nonce order, so the balance itself covers what is in flight.
// - A native transaction's maximum fee is covered by its sponsor's bond. Two builders may have transactions of one
//   sponsor in flight around an epoch's turn, so each uses at most half of the bond (C-2).
// - A builder that takes over an account waits until no chunk of its predecessor can be included any more.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <set>
#include <unordered_map>
#include <variant>

#include "actors/execution/outcome.hpp"
#include "runtime/ledger/partition.hpp"
#include "runtime/ledger/transaction.hpp"

namespace troupe::chunk_builder {

// Effects, carried out in order ---------------------------------------------------------------------------------------

/// Durably note that expiries up to this one may have been used: after a restart building starts beyond it.
struct ReserveExpiries {
    TimeMs until;
};
/// To every node, this one's own signer included.
struct BroadcastProposal {
    ChunkProposal proposal;
    ChunkReference chunk;
    /// Validators that have not signed yet; empty the first time: everybody.
    std::vector<ValidatorIndex> only_to;
    /// The first time: those of the chunk's transactions.
    std::vector<TransactionHash> hashes;
};
/// To every node, this one's own consensus included.
struct BroadcastCertificate {
    ChunkCertificate certificate;
};
/// Transactions that this builder will not include.
struct Refuse {
    TransactionHash hash;
    /// False: the same transaction may be accepted later.
    bool for_good = false;
    std::string why;
};

using Effect = std::variant<ReserveExpiries, BroadcastProposal, BroadcastCertificate, Refuse>;
using Outbox = std::vector<Effect>;

struct Config {
    std::uint64_t chain_id = 0;
    ChainParameters parameters;
    ValidatorIndex self;
    Address beneficiary;
    std::size_t validators = 0;
    /// A chunk is closed when its first transaction has waited this long, and as long again for each earlier chunk that
    /// is in flight: under load chunks grow instead of multiplying, each of which costs every validator signatures and
    /// a write to disk. For the same reason the next one waits while one gathers signatures, but never longer than the
    /// maximum.
    DurationMs batch_wait{20};
    DurationMs batch_wait_max{300};
    /// After a chunk of this many transactions the next one is closed only when nothing more has come for the pause, or
    /// after the maximum, or when the many are there.
    std::size_t busy_transactions = 64;
    std::size_t many_transactions = 1024;
    DurationMs busy_pause{60};
    /// It takes at most this many bytes, transactions or gas (the sum of gas limits).
    std::size_t chunk_bytes_target = 512 << 10;
    std::size_t chunk_transactions_max = 2500;
    std::uint64_t chunk_gas_max = 600'000'000;
    /// Own chunks neither executed nor expired.
    std::size_t chunks_in_flight_max = 12;
    /// Transactions held, in flight or not.
    std::size_t transactions_max = 100'000;
    std::size_t transactions_per_account_max = 20'000;
    DurationMs resend_after{250};
    DurationMs certificate_resend_after{1500};
};

/// A rule that needs no state, applied before queueing; nothing wrong: nothing. Injected, since gas rules are the VM's.
using StaticCheck = std::function<std::optional<std::string>(const RecoveredTransaction&)>;

class Core {
public:
    Core(Config config, const SignatureScheme& scheme, const Signer& signer, StaticCheck static_check);

    /// `reserved` is the last ReserveExpiries of earlier runs.
    void start(TimeMs reserved, TimeMs executed_timestamp) {
        last_expiry_ = reserved_until_ = reserved;
        executed_timestamp_ = executed_timestamp;
    }

    void on_transaction(const RecoveredTransactionPtr& transaction, TimeMs now, const PayerReader& payers, Outbox& out);
    void on_signature(const ChunkSignature& signature, TimeMs now, Outbox& out);
    /// In height order. `tracker` has seen the block already.
    void on_executed(const ExecutionOutcome& outcome, TimeMs now, const PayerReader& payers, Outbox& out);
    /// Builds what is due and sends again what was not answered.
    void on_timer(TimeMs now, const ActivityTracker& tracker, const PayerReader& payers, Outbox& out);

    /// When on_timer should be called next, if nothing else happens.
    [[nodiscard]] std::optional<TimeMs> next_deadline() const;
    [[nodiscard]] std::size_t queued() const noexcept { return known_.size(); }
    [[nodiscard]] std::size_t chunks_in_flight() const noexcept { return chunks_.size(); }

private:
    struct Account {
        std::uint64_t nonce = 0;  // executed
        std::uint64_t next = 0;   // first nonce not in flight
        uint256 balance;          // executed
        uint256 cost_in_flight;
        std::map<std::uint64_t, RecoveredTransactionPtr> queue;  // not in flight
        std::map<std::uint64_t, RecoveredTransactionPtr> in_flight;
        bool listed = false;  // is in ready_
    };
    struct ChunkInFlight {
        ChunkProposal proposal;
        ChunkReference reference;
        std::vector<RecoveredTransactionPtr> transactions;
        std::map<ValidatorIndex, Bytes> signatures;
        std::optional<ChunkCertificate> certificate;
        bool certificate_sent = false;
        TimeMs sent;
    };

    void add_ethereum(const RecoveredTransactionPtr& transaction, TimeMs now, const PayerReader& payers, Outbox& out);
    void add_native(const RecoveredTransactionPtr& transaction, TimeMs now, const PayerReader& payers, Outbox& out);
    void list_if_ready(const Address& address, Account& account, TimeMs now);
    [[nodiscard]] std::optional<TimeMs> build_at() const;
    [[nodiscard]] TimeMs batch_full_at() const;
    void build(TimeMs now, const ActivityTracker& tracker, Outbox& out);
    [[nodiscard]] bool may_build_for(const Address& payer, TimeMs expiry, const ActivityTracker& tracker) const;
    void refresh(const Address& address, const PayerReader& payers);
    void release_certificates(TimeMs now, Outbox& out);
    void release(const ChunkInFlight& chunk, const std::function<bool(const RecoveredTransaction&)>& goes_again,
                 const PayerReader& payers);
    void release_fee(const RecoveredTransaction& native);
    void forget_account_if_idle(const Address& address);

    Config config_;
    const SignatureScheme& scheme_;
    const Signer& signer_;
    StaticCheck static_check_;
    std::unordered_map<Address, Account, FixedBytesHash> accounts_;
    /// Of each sponsor: the maximum fees of its native calls, queued or in flight. Never zero.
    std::unordered_map<Address, uint256, FixedBytesHash> fees_in_flight_;
    std::unordered_map<TransactionHash, RecoveredTransactionPtr, FixedBytesHash> known_;
    /// Accounts whose next transaction is here, in order of arrival.
    std::deque<Address> ready_;
    std::deque<RecoveredTransactionPtr> natives_;
    std::optional<TimeMs> waiting_since_;
    TimeMs last_arrival_;
    /// Transactions of the chunk that was built last, and of all in flight.
    std::size_t last_built_ = 0;
    std::size_t in_flight_ = 0;
    /// By expiry, which is also the order in which they were built and must be included.
    std::map<TimeMs, ChunkInFlight> chunks_;
    TimeMs last_expiry_;
    TimeMs reserved_until_;
    TimeMs executed_timestamp_;
};

}  // namespace troupe::chunk_builder
