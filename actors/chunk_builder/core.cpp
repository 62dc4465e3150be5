#include "actors/chunk_builder/core.hpp"

#include "actors/execution/admission.hpp"

namespace troupe::chunk_builder {

Core::Core(Config config, const SignatureScheme& scheme, const Signer& signer, StaticCheck static_check)
    : config_(std::move(config)), scheme_(scheme), signer_(signer), static_check_(std::move(static_check)) {}

// Taking transactions -------------------------------------------------------------------------------------------------

void Core::on_transaction(const RecoveredTransactionPtr& transaction, TimeMs now, const PayerReader& payers,
                          Outbox& out) {
    if (known_.contains(transaction->hash)) return;
    if (known_.size() >= config_.transactions_max)
        return out.push_back(Refuse{transaction->hash, false, "builder is full"});
    if (auto why = static_check_(*transaction)) return out.push_back(Refuse{transaction->hash, true, std::move(*why)});
    last_arrival_ = now;
    if (transaction->transaction.type == TransactionType::native)
        add_native(transaction, now, payers, out);
    else
        add_ethereum(transaction, now, payers, out);
}

void Core::refresh(const Address& address, const PayerReader& payers) {
    auto& account = accounts_[address];
    const auto state = payers.payer(address);
    account.nonce = state.nonce;
    account.balance = state.balance;
    account.next = std::max(account.next, state.nonce);
    while (!account.queue.empty() && account.queue.begin()->first < account.nonce) {
        known_.erase(account.queue.begin()->second->hash);
        account.queue.erase(account.queue.begin());
    }
}

void Core::add_ethereum(const RecoveredTransactionPtr& transaction, TimeMs now, const PayerReader& payers,
                        Outbox& out) {
    const auto& tx = transaction->transaction;
    const auto refuse = [&](bool for_good, const char* why) {
        out.push_back(Refuse{transaction->hash, for_good, why});
        forget_account_if_idle(transaction->sender);
    };
    if (!accounts_.contains(transaction->sender)) refresh(transaction->sender, payers);
    auto& account = accounts_[transaction->sender];
    if (tx.nonce < account.nonce) return refuse(true, "nonce too low");
    if (account.in_flight.contains(tx.nonce)) return refuse(true, "a transaction with this nonce is in flight");
    const auto cost = cost_max(tx);
    if (!cost || *cost > account.balance) return refuse(false, "insufficient funds for gas * price + value");
    if (account.queue.size() >= config_.transactions_per_account_max) return refuse(false, "too many of this account");
    if (const auto same = account.queue.find(tx.nonce); same != account.queue.end()) {
        if (!replaces(tx, same->second->transaction)) return refuse(true, "replacement transaction underpriced");
        known_.erase(same->second->hash);
        out.push_back(Refuse{same->second->hash, true, "replaced"});
    }
    account.queue[tx.nonce] = transaction;
    known_.emplace(transaction->hash, transaction);
    list_if_ready(transaction->sender, account, now);
}

void Core::add_native(const RecoveredTransactionPtr& transaction, TimeMs now, const PayerReader& payers, Outbox& out) {
    const auto& tx = transaction->transaction;
    const auto refuse = [&](bool for_good, std::string why) {
        out.push_back(Refuse{transaction->hash, for_good, std::move(why)});
    };
    if (tx.expiry <= now) return refuse(true, "transaction has expired");
    if (tx.expiry > now + config_.parameters.transaction_lifetime_max)
        return refuse(true, "transaction expiry is too far ahead");
    if (payers.native_executed(transaction->hash)) return refuse(true, "already known");
    // Posting a bond is paid from the balance: a sponsor can't have one before it has posted it.
    if (tx.kind == NativeKind::call) {
        const auto bond = payers.payer(transaction->payer).bond;
        if (bond.is_zero()) return refuse(true, no_bond_message(transaction->payer));
        const auto known = fees_in_flight_.find(transaction->payer);
        const auto in_flight = checked_add(known == fees_in_flight_.end() ? uint256{} : known->second, tx.max_fee);
        if (!in_flight || *in_flight > bond / uint256{2})
            return refuse(false, "the sponsor's fees in flight would exceed half of its bond");
        fees_in_flight_[transaction->payer] = *in_flight;
    } else {
        const auto cost = cost_max(tx);
        if (!cost || *cost > payers.payer(transaction->sender).balance)
            return refuse(false, "insufficient funds for the bond and its fee");
    }
    natives_.push_back(transaction);
    known_.emplace(transaction->hash, transaction);
    if (!waiting_since_) waiting_since_ = now;
}

void Core::list_if_ready(const Address& address, Account& account, TimeMs now) {
    if (account.listed || !account.queue.contains(account.next)) return;
    account.listed = true;
    ready_.push_back(address);
    if (!waiting_since_) waiting_since_ = now;
}

void Core::forget_account_if_idle(const Address& address) {
    const auto it = accounts_.find(address);
    if (it != accounts_.end() && it->second.queue.empty() && it->second.in_flight.empty() && !it->second.listed)
        accounts_.erase(it);
}

// Building ------------------------------------------------------------------------------------------------------------

/// While a chunk of an earlier epoch may still be included, the payer's builder of that epoch must be this one too.
bool Core::may_build_for(const Address& payer, TimeMs expiry, const ActivityTracker& tracker) const {
    const auto last = epoch_of(expiry, config_.parameters);
    auto epoch = executed_timestamp_.value == 0 ? last : epoch_of(executed_timestamp_, config_.parameters);
    // After a long idle time nothing older than one lifetime can be in flight.
    const auto oldest = epoch_of(
        TimeMs{expiry.value - std::min(expiry.value, 2 * config_.parameters.chunk_lifetime.value)}, config_.parameters);
    epoch = std::max(epoch, oldest);
    for (; epoch <= last; ++epoch)
        if (tracker.builder(payer, epoch) != config_.self) return false;
    return true;
}

void Core::build(TimeMs now, const ActivityTracker& tracker, Outbox& out) {
    const auto& p = config_.parameters;
    const auto slot = p.chunk_slot.value;
    const TimeMs expiry{
        std::max((now.value + p.chunk_lifetime.value) / slot * slot, last_expiry_.value / slot * slot + slot)};
    if (expiry > now + p.chunk_lifetime + p.chunk_slot) return;  // this slot is used; the next one comes soon

    ChunkInFlight chunk;
    chunk.proposal.chunk.producer = config_.self;
    chunk.proposal.chunk.expiry = expiry;
    chunk.proposal.chunk.beneficiary = config_.beneficiary;
    std::size_t bytes = 0;
    std::uint64_t gas = 0;
    const auto fits = [&](const RecoveredTransaction& tx) {
        return chunk.transactions.size() < config_.chunk_transactions_max &&
               (bytes == 0 || bytes + tx.raw.size() <= config_.chunk_bytes_target) &&
               (gas == 0 || gas + tx.transaction.gas_limit <= config_.chunk_gas_max);
    };
    const auto take = [&](const RecoveredTransactionPtr& tx) {
        bytes += tx->raw.size() + 5;
        gas += tx->transaction.gas_limit;
        chunk.transactions.push_back(tx);
    };

    bool full = false;
    for (std::size_t n = natives_.size(); n > 0 && !full; --n) {
        auto tx = natives_.front();
        if (tx->transaction.expiry <= now) {
            natives_.pop_front();
            release_fee(*tx);
            known_.erase(tx->hash);
            out.push_back(Refuse{tx->hash, true, "transaction has expired"});
            continue;
        }
        if (!fits(*tx)) {
            full = true;
            break;
        }
        natives_.pop_front();
        if (may_build_for(tx->payer, expiry, tracker))
            take(tx);
        else
            natives_.push_back(tx);
    }

    std::deque<Address> waiting;  // not ours now, or not affordable yet
    for (std::size_t n = ready_.size(); n > 0 && !full; --n) {
        const auto address = ready_.front();
        ready_.pop_front();
        auto& account = accounts_[address];
        account.listed = false;
        if (!may_build_for(address, expiry, tracker)) {
            account.listed = true;
            waiting.push_back(address);
            continue;
        }
        for (auto next = account.queue.find(account.next); next != account.queue.end();
             next = account.queue.find(account.next)) {
            const auto tx = next->second;
            const auto cost = cost_max(tx->transaction);
            const auto total = cost ? checked_add(account.cost_in_flight, *cost) : std::nullopt;
            if (!total || *total > account.balance) break;  // comes back when what is in flight has executed
            if (!fits(*tx)) {
                full = true;
                break;
            }
            account.cost_in_flight = *total;
            account.in_flight.emplace(account.next, tx);
            account.queue.erase(next);
            ++account.next;
            take(tx);
        }
        if (full) list_if_ready(address, account, now);
    }
    for (const auto& address : waiting) ready_.push_back(address);

    const bool more = full;
    if (chunk.transactions.empty()) {
        // Nothing may be built for now: look again after a while.
        waiting_since_ = ready_.empty() && natives_.empty() ? std::nullopt : std::optional{now};
        return;
    }
    waiting_since_ = more || !ready_.empty() || !natives_.empty() ? std::optional{now} : std::nullopt;

    if (expiry > reserved_until_) {
        reserved_until_ = expiry + DurationMs{5000};
        out.push_back(ReserveExpiries{reserved_until_});
    }
    last_expiry_ = expiry;
    last_built_ = chunk.transactions.size();
    in_flight_ += last_built_;
    chunk.proposal.chunk.transactions.reserve(chunk.transactions.size());
    for (const auto& tx : chunk.transactions) chunk.proposal.chunk.transactions.push_back(tx->raw);
    chunk.proposal.senders = sender_keys_of(chunk.transactions);
    chunk.reference = reference_of(chunk.proposal.chunk);
    chunk.proposal.signature = signer_.sign(chunk_signing_payload(config_.chain_id, chunk.reference));
    chunk.sent = now;
    BroadcastProposal broadcast{chunk.proposal, chunk.reference, {}, {}};
    for (const auto& tx : chunk.transactions) broadcast.hashes.push_back(tx->hash);
    out.push_back(std::move(broadcast));
    chunks_.emplace(expiry, std::move(chunk));
}

std::optional<TimeMs> Core::build_at() const {
    if (!waiting_since_ || chunks_.size() >= config_.chunks_in_flight_max) return std::nullopt;
    const bool certifying =
        std::ranges::any_of(chunks_, [](const auto& entry) { return !entry.second.certificate.has_value(); });
    const auto latest = *waiting_since_ + config_.batch_wait_max;
    return certifying ? latest : std::min(batch_full_at(), latest);
}

TimeMs Core::batch_full_at() const {
    const auto early = *waiting_since_ + DurationMs{config_.batch_wait.value * (1 + chunks_.size())};
    if (last_built_ < config_.busy_transactions || known_.size() >= in_flight_ + config_.many_transactions)
        return early;
    return std::max(early, last_arrival_ + config_.busy_pause);
}

std::optional<TimeMs> Core::next_deadline() const {
    auto at = build_at();
    const auto consider = [&](TimeMs t) { at = at ? std::min(*at, t) : t; };
    for (const auto& [expiry, chunk] : chunks_)
        consider(chunk.sent + (chunk.certificate ? config_.certificate_resend_after : config_.resend_after));
    return at;
}

void Core::on_timer(TimeMs now, const ActivityTracker& tracker, const PayerReader&, Outbox& out) {
    if (const auto at = build_at(); at && now >= *at) build(now, tracker, out);
    for (auto& [expiry, chunk] : chunks_) {
        if (now > expiry) continue;
        if (chunk.certificate) {
            if (!chunk.certificate_sent || now < chunk.sent + config_.certificate_resend_after) continue;
            out.push_back(BroadcastCertificate{*chunk.certificate});
        } else {
            if (now < chunk.sent + config_.resend_after) continue;
            BroadcastProposal again{chunk.proposal, chunk.reference, {}, {}};
            for (std::uint32_t i = 0; i < config_.validators; ++i)
                if (!chunk.signatures.contains(ValidatorIndex{i})) again.only_to.push_back(ValidatorIndex{i});
            out.push_back(std::move(again));
        }
        chunk.sent = now;
    }
}

// Certifying ----------------------------------------------------------------------------------------------------------

void Core::on_signature(const ChunkSignature& signature, TimeMs now, Outbox& out) {
    const auto it = chunks_.find(signature.chunk.expiry);
    if (it == chunks_.end() || it->second.certificate || it->second.reference != signature.chunk) return;
    auto& chunk = it->second;
    if (chunk.signatures.contains(signature.signer)) return;
    if (!scheme_.verify(signature.signer, chunk_signing_payload(config_.chain_id, signature.chunk),
                        signature.signature))
        return;
    chunk.signatures.emplace(signature.signer, signature.signature);
    if (chunk.signatures.size() < quorum(config_.validators)) return;
    auto aggregate = scheme_.aggregate({chunk.signatures.begin(), chunk.signatures.end()});
    TROUPE_ASSERT(aggregate.ok());
    chunk.certificate = ChunkCertificate{chunk.reference, std::move(*aggregate)};
    release_certificates(now, out);
}

/// In building order: a sender's later nonces must not be included before its earlier ones.
void Core::release_certificates(TimeMs now, Outbox& out) {
    for (auto& [expiry, chunk] : chunks_) {
        if (!chunk.certificate) break;
        if (chunk.certificate_sent) continue;
        chunk.certificate_sent = true;
        chunk.sent = now;
        out.push_back(BroadcastCertificate{*chunk.certificate});
    }
}

// Releasing -----------------------------------------------------------------------------------------------------------

void Core::release_fee(const RecoveredTransaction& native) {
    if (native.transaction.kind != NativeKind::call) return;
    const auto it = fees_in_flight_.find(native.payer);
    if (it == fees_in_flight_.end()) return;  // fees of nothing leave no entry
    TROUPE_ASSERT(it->second >= native.transaction.max_fee);
    it->second -= native.transaction.max_fee;
    if (it->second.is_zero()) fees_in_flight_.erase(it);
}

/// Takes a chunk's transactions out of flight; those that go again are queued again.
void Core::release(const ChunkInFlight& chunk, const std::function<bool(const RecoveredTransaction&)>& goes_again,
                   const PayerReader& payers) {
    std::set<Address> touched;
    in_flight_ -= chunk.transactions.size();
    for (const auto& tx : chunk.transactions) {
        const bool is_native = tx->transaction.type == TransactionType::native;
        if (!is_native) {
            auto& account = accounts_[tx->sender];
            if (account.in_flight.erase(tx->transaction.nonce) != 0)
                account.cost_in_flight -= cost_max(tx->transaction).value_or(uint256{});
            touched.insert(tx->sender);
        }
        if (goes_again(*tx)) {
            if (is_native)
                natives_.push_back(tx);
            else
                accounts_[tx->sender].queue.emplace(tx->transaction.nonce, tx);
            continue;
        }
        known_.erase(tx->hash);
        if (is_native) release_fee(*tx);
    }
    for (const auto& address : touched) {
        auto& account = accounts_[address];
        account.next = 0;
        refresh(address, payers);
        // What is in flight in later chunks goes on counting, as long as it follows without a gap.
        while (account.in_flight.contains(account.next)) ++account.next;
    }
}

void Core::on_executed(const ExecutionOutcome& outcome, TimeMs now, const PayerReader& payers, Outbox& out) {
    executed_timestamp_ = outcome.executed.timestamp;
    std::set<Address> touched;
    const auto take_out = [&](std::map<TimeMs, ChunkInFlight>::iterator it, const auto& goes_again) {
        const auto chunk = std::move(it->second);
        const auto next = chunks_.erase(it);
        for (const auto& tx : chunk.transactions) touched.insert(tx->sender);
        release(chunk, goes_again, payers);
        return next;
    };

    // An earlier chunk of ours that was not included leaves a gap in which a sender's later transactions were filtered:
    // those are tried again. Whatever else was filtered will not get better.
    std::set<TransactionHash> filtered_for_nonce;
    for (const auto& filtered : outcome.filtered)
        if (filtered.reason == FilterReason::nonce) filtered_for_nonce.insert(filtered.hash);
    for (const auto& certificate : outcome.block->block.certificates) {
        const auto it = chunks_.find(certificate.chunk.expiry);
        if (it == chunks_.end() || it->second.reference != certificate.chunk) continue;
        take_out(it, [&](const RecoveredTransaction& tx) {
            return filtered_for_nonce.contains(tx.hash) && tx.transaction.nonce >= payers.payer(tx.sender).nonce;
        });
    }
    // No block after this one may include a chunk that expired before it.
    while (!chunks_.empty() && chunks_.begin()->first < executed_timestamp_)
        take_out(chunks_.begin(), [](const RecoveredTransaction&) { return true; });
    release_certificates(now, out);

    // Money may have come to accounts that waited for it, and transactions of theirs may have executed elsewhere.
    for (const auto& transaction : outcome.executed.transactions) {
        if (accounts_.contains(transaction.receipt.sender)) touched.insert(transaction.receipt.sender);
        for (const auto& to : transaction.receipt.to)
            if (accounts_.contains(to)) touched.insert(to);
    }
    for (const auto& address : touched) {
        if (!accounts_.contains(address)) continue;
        refresh(address, payers);
        list_if_ready(address, accounts_[address], now);
        forget_account_if_idle(address);
    }
    if (!natives_.empty() && !waiting_since_) waiting_since_ = now;
}

}  // namespace troupe::chunk_builder
