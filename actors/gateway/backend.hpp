// What the gateway's methods stand on: the pool of accepted transactions and its way to the builders, and the events
// that clients wait for. Called from RPC threads and from the gateway's actor; thread-safe.
#pragma once

#include <functional>
#include <mutex>

#include "actors/gateway/chain_view.hpp"
#include "actors/gateway/pool.hpp"
#include "actors/gateway/pool_writer.hpp"
#include "actors/vm_pool/transaction_cache.hpp"
#include "runtime/actor/network.hpp"
#include "runtime/actor/trace.hpp"

namespace troupe::gateway {

/// Hears of what happens; called without locks held. Must not block.
class EventListener {
public:
    virtual ~EventListener() = default;
    virtual void on_block(const ExecutedBlockPtr& block) = 0;
    virtual void on_pending(const RecoveredTransactionPtr& transaction) = 0;
};

struct BackendOptions {
    std::shared_ptr<const Genesis> genesis;
    std::filesystem::path directory;
    std::shared_ptr<const PayerReader> payers;
    std::shared_ptr<vm_pool::TransactionCache> transactions;
    std::shared_ptr<Network> network;
    ActivityTracker tracker;
    PoolConfig pool;
    /// How long a request for the receipt of an accepted transaction is held open.
    DurationMs receipt_wait{2000};
    std::size_t held_max = 50'000;
    std::shared_ptr<TraceLog> trace = std::make_shared<TraceLog>(1);
};

/// What the gateway is doing, for inspection.
struct BackendView {
    Height executed;
    std::uint64_t pool_transactions = 0;
    /// Requests that wait for a receipt.
    std::uint64_t held_requests = 0;
    std::uint64_t dropped_known = 0;
    std::uint64_t accepted = 0;
    std::uint64_t refused = 0;

    static constexpr auto reflect() {
        using V = BackendView;
        return fields("Gateway", field("executed", &V::executed), field("pool_transactions", &V::pool_transactions),
                      field("held_requests", &V::held_requests), field("dropped_known", &V::dropped_known),
                      field("accepted", &V::accepted), field("refused", &V::refused));
    }
};

class Backend {
public:
    [[nodiscard]] static Result<std::shared_ptr<Backend>> open(BackendOptions options,
                                                               std::shared_ptr<ChainView> chain);

    // From RPC threads
    // --------------------------------------------------------------------------------------------------

    /// Senders of transactions that are about to be submitted: together they cost half.
    void recover_ahead(const std::vector<Bytes>& raw);
    /// `stored` is called, perhaps on another thread, when the accepted transaction will survive this process.
    [[nodiscard]] Result<TransactionHash> submit(ByteView raw, PoolWriter::Stored stored);
    [[nodiscard]] RecoveredTransactionPtr pending(const TransactionHash& hash) const;
    [[nodiscard]] std::uint64_t pending_nonce(const Address& sender) const;
    [[nodiscard]] std::optional<TransactionHash> last_pending(const Address& sender) const;
    [[nodiscard]] std::vector<RecoveredTransactionPtr> all_pending(std::size_t most) const;
    [[nodiscard]] std::size_t pool_size() const;
    /// Those that wait for an earlier nonce of their sender's.
    [[nodiscard]] std::size_t queued() const;
    [[nodiscard]] BackendView view() const;
    /// Why a transaction that was accepted will not execute; nothing if it is not known to have been dropped.
    [[nodiscard]] std::optional<std::string> dropped(const TransactionHash& hash) const;

    /// The block as it was agreed on: who proposed it, its chunks, who voted. Nothing if this node has none.
    [[nodiscard]] std::optional<CommittedBlock> committed(Height height);

    /// Calls `done(true)` when the transaction has executed, `done(false)` when it is dropped or `wait` has passed.
    /// False: it is neither pending nor is there room; `done` is not called.
    bool await_execution(const TransactionHash& hash, std::optional<DurationMs> wait, std::function<void(bool)> done);

    // From the actor
    // ----------------------------------------------------------------------------------------------------

    void on_executed(const ExecutionOutcome& outcome);
    void on_refusals(const Refusals& refusals);
    void on_builder(ValidatorIndex builder, bool connected);
    /// Sends what is unsent, looks after what is overdue.
    void on_timer(TimeMs now);
    /// When on_timer is due next, if the waker isn't called before.
    [[nodiscard]] TimeMs next_timer(TimeMs now);
    /// Called on any thread when next_timer has come closer through what RPC threads brought.
    void set_waker(std::function<void()> waker) {
        const std::lock_guard lock{mutex_};
        waker_ = std::move(waker);
    }

    void set_listener(std::weak_ptr<EventListener> listener) {
        const std::lock_guard lock{mutex_};
        listener_ = std::move(listener);
    }
    [[nodiscard]] const ChainView& chain() const noexcept { return *chain_; }
    [[nodiscard]] const Genesis& genesis() const noexcept { return *options_.genesis; }
    [[nodiscard]] const PayerReader& payers() const noexcept { return *options_.payers; }
    [[nodiscard]] vm_pool::TransactionCache& transactions() const noexcept { return *options_.transactions; }

private:
    struct Held {
        TimeMs until;
        std::function<void(bool)> done;
    };

    Backend(BackendOptions options, std::shared_ptr<ChainView> chain, Pool pool, PoolStore store)
        : options_(std::move(options)),
          chain_(std::move(chain)),
          pool_(std::move(pool)),
          tracker_(options_.tracker),
          writer_(std::move(store)) {}
    void drop(const std::vector<Pool::Dropped>& dropped, std::vector<std::function<void(bool)>>& released);
    void release(const TransactionHash& hash, std::vector<std::function<void(bool)>>& released);
    [[nodiscard]] std::shared_ptr<EventListener> listener() const;

    BackendOptions options_;
    std::shared_ptr<ChainView> chain_;

    /// On the consensus role's block database; opened when first asked.
    std::mutex blocks_mutex_;
    std::optional<ChainReader> blocks_;

    /// Guards everything below.
    mutable std::mutex mutex_;
    Pool pool_;
    ActivityTracker tracker_;
    std::map<TransactionHash, std::vector<Held>> held_;
    std::size_t held_count_ = 0;
    std::unordered_map<TransactionHash, std::string, FixedBytesHash> dropped_;
    std::deque<TransactionHash> dropped_order_;
    std::weak_ptr<EventListener> listener_;
    std::uint64_t accepted_ = 0;
    std::uint64_t refused_ = 0;
    TimeMs last_sweep_;
    TimeMs last_submission_;
    std::function<void()> waker_;
    /// next_timer has told of what is unsent, or the waker was called.
    bool is_awake_ = false;

    /// Thread-safe; the first to go.
    PoolWriter writer_;
};

}  // namespace troupe::gateway
