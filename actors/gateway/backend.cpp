#include "actors/gateway/backend.hpp"

#include <spdlog/spdlog.h>

#include "actors/consensus/actor.hpp"
#include "runtime/base/clock.hpp"

namespace troupe::gateway {
namespace {

constexpr std::size_t dropped_kept = 10'000;
constexpr std::size_t submission_bytes_max = 256 << 10;
constexpr DurationMs sweep_period{500};
/// Transactions wait at most this long for others to go to the builder with.
constexpr DurationMs gather_period{2};
/// Between two submissions to the builders: who comes after a pause goes at once, and under load each submission has
/// enough transactions for its builder to check their signatures together.
constexpr DurationMs submission_period{25};

}  // namespace

Result<std::shared_ptr<Backend>> Backend::open(BackendOptions options, std::shared_ptr<ChainView> chain) {
    auto store = PoolStore::open((options.directory / "pool.db").string());
    if (!store) return store.error();
    // What was accepted before a restart and has not executed since.
    Pool pool{options.pool};
    std::vector<TransactionHash> gone;
    const auto status = store->for_each([&](PooledTransaction&& stored) {
        auto transaction = options.transactions->get(stored.raw);
        if (!transaction || !pool.restore(*transaction, stored.time, *options.payers)) gone.push_back(stored.hash);
        return true;
    });
    if (!status) return status.error();
    if (auto removed = store->remove(gone); !removed) return removed.error();
    return std::shared_ptr<Backend>{
        new Backend(std::move(options), std::move(chain), std::move(pool), std::move(*store))};
}

std::shared_ptr<EventListener> Backend::listener() const {
    const std::lock_guard lock{mutex_};
    return listener_.lock();
}

void Backend::recover_ahead(const std::vector<Bytes>& raw) {
    const std::vector<ByteView> views{raw.begin(), raw.end()};
    // Those that are wrong are found again, and answered, one by one.
    if (views.size() > 1) static_cast<void>(options_.transactions->get_all(views, {}));
}

Result<TransactionHash> Backend::submit(ByteView raw, PoolWriter::Stored stored) {
    auto recovered = options_.transactions->get(raw);
    if (!recovered) return recovered.error();
    const auto& transaction = *recovered;
    std::shared_ptr<EventListener> to_tell;
    std::function<void()> wake;
    {
        const std::lock_guard lock{mutex_};
        const auto now = wall_clock_now();
        std::optional<TransactionHash> replaced;
        if (auto status = pool_.add(transaction, now, *options_.payers, &replaced); !status) {
            ++refused_;
            return status.error();
        }
        ++accepted_;
        options_.trace->add({0, Station::gateway, transaction->hash, {}, 0, 0});
        writer_.put({transaction->hash, transaction->raw, now}, std::move(stored));
        if (replaced) writer_.remove(*replaced);
        to_tell = listener_.lock();
        if (!std::exchange(is_awake_, true)) wake = waker_;
    }
    if (wake) wake();
    if (to_tell) to_tell->on_pending(transaction);
    return transaction->hash;
}

RecoveredTransactionPtr Backend::pending(const TransactionHash& hash) const {
    const std::lock_guard lock{mutex_};
    return pool_.find(hash);
}

std::uint64_t Backend::pending_nonce(const Address& sender) const {
    const auto executed = options_.payers->payer(sender).nonce;
    const std::lock_guard lock{mutex_};
    return pool_.pending_nonce(sender, executed);
}

std::optional<TransactionHash> Backend::last_pending(const Address& sender) const {
    const auto executed = options_.payers->payer(sender).nonce;
    const std::lock_guard lock{mutex_};
    return pool_.last_pending(sender, executed);
}

std::vector<RecoveredTransactionPtr> Backend::all_pending(std::size_t most) const {
    std::vector<RecoveredTransactionPtr> out;
    const std::lock_guard lock{mutex_};
    pool_.for_each([&](const RecoveredTransactionPtr& transaction) {
        if (out.size() < most) out.push_back(transaction);
    });
    return out;
}

std::size_t Backend::pool_size() const {
    const std::lock_guard lock{mutex_};
    return pool_.size();
}

std::size_t Backend::queued() const {
    const std::lock_guard lock{mutex_};
    return pool_.queued();
}

BackendView Backend::view() const {
    const auto executed = chain_->latest();
    const std::lock_guard lock{mutex_};
    return {executed, pool_.size(), held_count_, dropped_.size(), accepted_, refused_};
}

std::optional<std::string> Backend::dropped(const TransactionHash& hash) const {
    const std::lock_guard lock{mutex_};
    const auto it = dropped_.find(hash);
    return it == dropped_.end() ? std::nullopt : std::optional{it->second};
}

std::optional<CommittedBlock> Backend::committed(Height height) {
    const std::lock_guard lock{blocks_mutex_};
    if (!blocks_) {
        auto opened = ChainReader::open(consensus::blocks_path(options_.directory).string());
        if (!opened) {
            spdlog::warn("block database: {}", opened.error().message);
            return std::nullopt;
        }
        blocks_.emplace(std::move(*opened));
    }
    const auto stored = blocks_->block(height);
    if (!stored || !*stored) return std::nullopt;
    auto block = decode<CommittedBlock>((*stored)->data);
    return block ? std::optional{std::move(*block)} : std::nullopt;
}

bool Backend::await_execution(const TransactionHash& hash, std::optional<DurationMs> wait,
                              std::function<void(bool)> done) {
    const std::lock_guard lock{mutex_};
    if (!pool_.find(hash) || held_count_ >= options_.held_max) return false;
    held_[hash].push_back({wall_clock_now() + wait.value_or(options_.receipt_wait), std::move(done)});
    ++held_count_;
    return true;
}

void Backend::release(const TransactionHash& hash, std::vector<std::function<void(bool)>>& released) {
    const auto it = held_.find(hash);
    if (it == held_.end()) return;
    for (auto& held : it->second) released.push_back(std::move(held.done));
    held_count_ -= it->second.size();
    held_.erase(it);
}

void Backend::drop(const std::vector<Pool::Dropped>& dropped, std::vector<std::function<void(bool)>>& released) {
    for (const auto& entry : dropped) {
        writer_.remove(entry.hash);
        if (dropped_.emplace(entry.hash, entry.why).second) dropped_order_.push_back(entry.hash);
        if (dropped_order_.size() > dropped_kept) {
            dropped_.erase(dropped_order_.front());
            dropped_order_.pop_front();
        }
        release(entry.hash, released);
    }
}

void Backend::on_executed(const ExecutionOutcome& outcome) {
    chain_->on_executed(outcome);
    std::vector<std::function<void(bool)>> executed;
    std::vector<std::function<void(bool)>> released;
    std::vector<TraceEvent> answered;
    {
        const std::lock_guard lock{mutex_};
        tracker_.observe(outcome.block->block);
        drop(pool_.on_executed(outcome, *options_.payers), released);
        for (const auto& transaction : outcome.executed.transactions) {
            writer_.remove(transaction.receipt.transaction);
            release(transaction.receipt.transaction, executed);
            answered.push_back(
                {0, Station::receipt, transaction.receipt.transaction, {}, outcome.executed.result.height.value, 0});
        }
    }
    options_.trace->add(answered);
    for (auto& done : executed) done(true);
    for (auto& done : released) done(false);
    if (const auto to_tell = listener()) to_tell->on_block(chain_->block(outcome.executed.result.height));
}

void Backend::on_refusals(const Refusals& refusals) {
    std::vector<std::function<void(bool)>> released;
    {
        const std::lock_guard lock{mutex_};
        for (const auto& refusal : refusals.refusals) {
            // A builder may lag behind or lie: only what this node's own state confirms is dropped.
            const auto transaction = pool_.find(refusal.transaction);
            if (!transaction) continue;
            const bool stale = transaction->transaction.type != TransactionType::native &&
                               transaction->transaction.nonce < options_.payers->payer(transaction->sender).nonce;
            spdlog::debug("builder refuses {}: {}", to_hex(refusal.transaction.view()), refusal.why);
            if (stale && pool_.on_refused(refusal.transaction, true))
                drop({{refusal.transaction, refusal.why}}, released);
        }
    }
    for (auto& done : released) done(false);
}

void Backend::on_builder(ValidatorIndex builder, bool connected) {
    if (connected) return;
    const std::lock_guard lock{mutex_};
    pool_.on_builder_lost(builder);
}

TimeMs Backend::next_timer(TimeMs now) {
    const std::lock_guard lock{mutex_};
    is_awake_ = pool_.has_unsent();
    return is_awake_ ? std::max(now + gather_period, last_submission_ + submission_period) : last_sweep_ + sweep_period;
}

void Backend::on_timer(TimeMs now) {
    std::vector<std::function<void(bool)>> released;
    Pool::Submissions submissions;
    {
        const std::lock_guard lock{mutex_};
        if (now >= last_sweep_ + sweep_period) {
            last_sweep_ = now;
            drop(pool_.sweep(now), released);
            for (auto it = held_.begin(); it != held_.end();) {
                std::erase_if(it->second, [&](Held& held) {
                    if (now < held.until) return false;
                    released.push_back(std::move(held.done));
                    --held_count_;
                    return true;
                });
                it = it->second.empty() ? held_.erase(it) : std::next(it);
            }
        }
        if (now >= last_submission_ + submission_period) {
            submissions = pool_.collect(now, tracker_, submission_bytes_max);
            if (!submissions.empty()) last_submission_ = now;
        }
    }
    for (auto& done : released) done(false);
    for (const auto& [builder, transactions] : submissions) {
        SubmitTransactions submit;
        std::vector<TraceEvent> sent;
        for (const auto& transaction : transactions) {
            submit.transactions.push_back(transaction->raw);
            sent.push_back({0, Station::submitted, transaction->hash, {}, 0, 0});
        }
        options_.trace->add(sent);
        submit.senders = sender_keys_of(transactions);
        options_.network->send(NodeIndex{builder.value}, FrameKind::submit, to_payload(submit));
    }
}

}  // namespace troupe::gateway
