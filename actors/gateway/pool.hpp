// The gateway's pool: transactions it has accepted and that have not executed yet. It answers what clients ask of
// pending transactions, says which builder gets which transaction, and says it again until they have executed.
// Pure: time and account states come with each call. Not thread-safe.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <unordered_map>

#include "actors/execution/outcome.hpp"
#include "runtime/ledger/partition.hpp"
#include "runtime/ledger/transaction.hpp"

namespace troupe::gateway {

struct PoolConfig {
    ChainParameters parameters;
    std::size_t transactions_max = 200'000;
    std::size_t bytes_max = 256 << 20;
    /// Nonces ahead of the account's next one.
    std::uint64_t nonce_gap_max = 20'000;
    /// A transaction that has not executed after this long is sent to its builder again.
    DurationMs resend_after{5000};
    /// A transaction that can't execute (nonce gap, no funds) is dropped after this long.
    DurationMs lifetime{3 * 3600 * 1000};
};

class Pool {
public:
    explicit Pool(PoolConfig config) : config_(std::move(config)) {}

    /// geth's texts: "nonce too low", "already known", "replacement transaction underpriced",
    /// "insufficient funds for gas * price + value", …; ErrorCode::overloaded when full.
    /// `replaced` is set to the hash of the transaction that this one takes the place of.
    [[nodiscard]] Status add(const RecoveredTransactionPtr& transaction, TimeMs now, const PayerReader& payers,
                             std::optional<TransactionHash>* replaced = nullptr);

    /// One that was accepted before a restart. The state on disk may be older than the one it was accepted against, so
    /// nothing is asked of funds; an error if it can't execute any more.
    [[nodiscard]] Status restore(const RecoveredTransactionPtr& transaction, TimeMs accepted,
                                 const PayerReader& payers);

    struct Dropped {
        TransactionHash hash;
        std::string why;
    };
    /// Forgets what has executed; returns what can never execute any more.
    [[nodiscard]] std::vector<Dropped> on_executed(const ExecutionOutcome& outcome, const PayerReader& payers);
    /// A builder won't have it. Returns true if it is dropped.
    bool on_refused(const TransactionHash& hash, bool for_good);
    /// What was sent to this builder may be lost.
    void on_builder_lost(ValidatorIndex builder);

    /// Whether collect could give something.
    [[nodiscard]] bool has_unsent() const noexcept { return !unsent_.empty() || !unsent_natives_.empty(); }
    using Submissions = std::map<ValidatorIndex, std::vector<RecoveredTransactionPtr>>;
    /// What to send now, at most `bytes_max` a builder; a sender's transactions in nonce order.
    [[nodiscard]] Submissions collect(TimeMs now, const ActivityTracker& tracker, std::size_t bytes_max);
    /// Looks for transactions that are overdue. Cheap enough for once in half a second.
    [[nodiscard]] std::vector<Dropped> sweep(TimeMs now);

    [[nodiscard]] RecoveredTransactionPtr find(const TransactionHash& hash) const;
    /// First nonce without a pending transaction, from the executed one upwards.
    [[nodiscard]] std::uint64_t pending_nonce(const Address& sender, std::uint64_t executed_nonce) const;
    /// The one before that nonce: when it has executed, so have all that can. Nothing if none can.
    [[nodiscard]] std::optional<TransactionHash> last_pending(const Address& sender,
                                                              std::uint64_t executed_nonce) const;
    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
    /// Those behind a gap of nonces. Looks at each account.
    [[nodiscard]] std::size_t queued() const;

    template <class Visit>
    void for_each(Visit&& visit) const {
        for (const auto& [hash, entry] : entries_) visit(entry.transaction);
    }

private:
    struct Entry {
        RecoveredTransactionPtr transaction;
        TimeMs accepted;
        TimeMs sent;
        std::optional<ValidatorIndex> sent_to;
    };
    struct Account {
        std::uint64_t nonce = 0;  // executed
        std::map<std::uint64_t, TransactionHash> by_nonce;
        std::uint64_t next_to_send = 0;
        bool listed = false;
    };

    /// geth's order of questions; nothing wrong: Done.
    [[nodiscard]] Status check_ethereum(const Transaction& transaction, const PayerState& payer) const;
    [[nodiscard]] Status check_native(const RecoveredTransactionPtr& transaction, TimeMs now,
                                      const PayerReader& payers) const;
    [[nodiscard]] Status add_ethereum(const RecoveredTransactionPtr& transaction, std::uint64_t executed_nonce,
                                      std::optional<TransactionHash>* replaced);
    void insert(const RecoveredTransactionPtr& transaction, TimeMs accepted);
    void list(const Address& address, Account& account);
    void erase(const TransactionHash& hash);

    PoolConfig config_;
    std::unordered_map<TransactionHash, Entry, FixedBytesHash> entries_;
    std::unordered_map<Address, Account, FixedBytesHash> accounts_;
    std::deque<Address> unsent_;
    std::deque<TransactionHash> unsent_natives_;
    std::size_t bytes_ = 0;
};

}  // namespace troupe::gateway
