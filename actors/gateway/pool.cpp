#include "actors/gateway/pool.hpp"

#include "actors/execution/admission.hpp"

namespace troupe::gateway {

Status Pool::add(const RecoveredTransactionPtr& transaction, TimeMs now, const PayerReader& payers,
                 std::optional<TransactionHash>* replaced) {
    if (entries_.contains(transaction->hash)) return make_error(ErrorCode::already_exists, "already known");
    if (auto why = check_transaction(*transaction, config_.parameters))
        return make_error(ErrorCode::invalid, std::move(*why));
    if (entries_.size() >= config_.transactions_max || bytes_ + transaction->raw.size() > config_.bytes_max)
        return make_error(ErrorCode::overloaded, "txpool is full");
    if (transaction->transaction.type == TransactionType::native) {
        if (auto status = check_native(transaction, now, payers); !status) return status;
    } else {
        const auto payer = payers.payer(transaction->sender);
        if (auto status = check_ethereum(transaction->transaction, payer); !status) return status;
        if (auto status = add_ethereum(transaction, payer.nonce, replaced); !status) return status;
    }
    insert(transaction, now);
    return Done{};
}

Status Pool::restore(const RecoveredTransactionPtr& transaction, TimeMs accepted, const PayerReader& payers) {
    if (entries_.contains(transaction->hash)) return make_error(ErrorCode::already_exists, "already known");
    if (transaction->transaction.type == TransactionType::native) {
        if (payers.native_executed(transaction->hash)) return make_error(ErrorCode::already_exists, "already known");
    } else {
        const auto nonce = payers.payer(transaction->sender).nonce;
        if (transaction->transaction.nonce < nonce) return make_error(ErrorCode::invalid, "nonce too low");
        if (auto status = add_ethereum(transaction, nonce, nullptr); !status) return status;
    }
    insert(transaction, accepted);
    return Done{};
}

void Pool::insert(const RecoveredTransactionPtr& transaction, TimeMs accepted) {
    entries_.emplace(transaction->hash, Entry{transaction, accepted, {}, {}});
    bytes_ += transaction->raw.size();
    if (transaction->transaction.type == TransactionType::native) unsent_natives_.push_back(transaction->hash);
}

Status Pool::check_ethereum(const Transaction& tx, const PayerState& payer) const {
    if (tx.nonce < payer.nonce)
        return make_error(ErrorCode::invalid, "nonce too low: next nonce " + std::to_string(payer.nonce) +
                                                  ", tx nonce " + std::to_string(tx.nonce));
    if (tx.nonce > payer.nonce + config_.nonce_gap_max)
        return make_error(ErrorCode::invalid, "nonce too high: next nonce " + std::to_string(payer.nonce) +
                                                  ", tx nonce " + std::to_string(tx.nonce));
    const auto cost = cost_max(tx);
    if (!cost || *cost > payer.balance)
        return make_error(ErrorCode::invalid, "insufficient funds for gas * price + value: balance " +
                                                  to_decimal(payer.balance) + ", tx cost " +
                                                  (cost ? to_decimal(*cost) : "over 2^256"));
    return Done{};
}

Status Pool::add_ethereum(const RecoveredTransactionPtr& transaction, std::uint64_t executed_nonce,
                          std::optional<TransactionHash>* replaced) {
    const auto& tx = transaction->transaction;
    auto& account = accounts_[transaction->sender];
    account.nonce = std::max(account.nonce, executed_nonce);
    if (const auto same = account.by_nonce.find(tx.nonce); same != account.by_nonce.end()) {
        if (!replaces(tx, entries_.at(same->second).transaction->transaction))
            return make_error(ErrorCode::invalid, "replacement transaction underpriced");
        if (replaced != nullptr) *replaced = same->second;
        erase(same->second);
    }
    auto& again = accounts_[transaction->sender];  // erasing the replaced one may have dropped an empty account
    again.nonce = std::max(again.nonce, executed_nonce);
    again.by_nonce[tx.nonce] = transaction->hash;
    again.next_to_send = std::min(std::max(again.next_to_send, again.nonce), tx.nonce);
    list(transaction->sender, again);
    return Done{};
}

Status Pool::check_native(const RecoveredTransactionPtr& transaction, TimeMs now, const PayerReader& payers) const {
    const auto& tx = transaction->transaction;
    if (tx.expiry <= now) return make_error(ErrorCode::expired, "transaction has expired");
    if (tx.expiry > now + config_.parameters.transaction_lifetime_max)
        return make_error(ErrorCode::invalid, "transaction expiry is too far ahead: at most " +
                                                  std::to_string(config_.parameters.transaction_lifetime_max.value) +
                                                  " ms");
    if (payers.native_executed(transaction->hash)) return make_error(ErrorCode::already_exists, "already known");
    if (tx.kind == NativeKind::bond) {
        const auto cost = cost_max(tx);
        if (!cost || *cost > payers.payer(transaction->sender).balance)
            return make_error(ErrorCode::invalid, "insufficient funds for the bond and its fee");
        return Done{};
    }
    const auto bond = payers.payer(transaction->payer).bond;
    if (bond.is_zero()) return make_error(ErrorCode::invalid, no_bond_message(transaction->payer));
    if (tx.max_fee > bond / uint256{2})
        return make_error(ErrorCode::invalid, "max fee " + to_decimal(tx.max_fee) +
                                                  " exceeds half of the sponsor's bond of " + to_decimal(bond));
    return Done{};
}

void Pool::list(const Address& address, Account& account) {
    if (account.listed || !account.by_nonce.contains(account.next_to_send)) return;
    account.listed = true;
    unsent_.push_back(address);
}

void Pool::erase(const TransactionHash& hash) {
    const auto it = entries_.find(hash);
    if (it == entries_.end()) return;
    const auto transaction = it->second.transaction;
    bytes_ -= transaction->raw.size();
    entries_.erase(it);
    if (transaction->transaction.type == TransactionType::native) return;
    const auto account = accounts_.find(transaction->sender);
    if (account == accounts_.end()) return;
    const auto same = account->second.by_nonce.find(transaction->transaction.nonce);
    if (same != account->second.by_nonce.end() && same->second == hash) account->second.by_nonce.erase(same);
    if (account->second.by_nonce.empty() && !account->second.listed) accounts_.erase(account);
}

std::vector<Pool::Dropped> Pool::on_executed(const ExecutionOutcome& outcome, const PayerReader& payers) {
    std::vector<Dropped> dropped;
    std::set<Address> senders;
    for (const auto& executed : outcome.executed.transactions) {
        senders.insert(executed.receipt.sender);
        erase(executed.receipt.transaction);
    }
    for (const auto& filtered : outcome.filtered) {
        const auto transaction = find(filtered.hash);
        if (!transaction) continue;
        senders.insert(transaction->sender);
        // A nonce that is still ahead will fit later; what failed for the builder's fault is tried again.
        if (filtered.reason == FilterReason::nonce || filtered.reason == FilterReason::wrong_builder) continue;
        dropped.push_back({filtered.hash, to_string(filtered.reason)});
        erase(filtered.hash);
    }
    for (const auto& sender : senders) {
        const auto it = accounts_.find(sender);
        if (it == accounts_.end()) continue;
        it->second.nonce = payers.payer(sender).nonce;
        std::vector<TransactionHash> stale;
        for (const auto& [nonce, hash] : it->second.by_nonce) {
            if (nonce >= it->second.nonce) break;
            stale.push_back(hash);
        }
        for (const auto& hash : stale) {
            dropped.push_back({hash, "another transaction with this nonce executed"});
            erase(hash);
        }
        if (const auto again = accounts_.find(sender); again != accounts_.end()) {
            again->second.next_to_send = std::max(again->second.next_to_send, again->second.nonce);
            list(sender, again->second);
        }
    }
    return dropped;
}

bool Pool::on_refused(const TransactionHash& hash, bool for_good) {
    if (!for_good || !entries_.contains(hash)) return false;
    erase(hash);
    return true;
}

void Pool::on_builder_lost(ValidatorIndex builder) {
    for (auto& [hash, entry] : entries_) {
        if (entry.sent_to != builder) continue;
        entry.sent_to.reset();
        if (entry.transaction->transaction.type == TransactionType::native) {
            unsent_natives_.push_back(hash);
            continue;
        }
        auto& account = accounts_[entry.transaction->sender];
        account.next_to_send = std::min(account.next_to_send, entry.transaction->transaction.nonce);
        list(entry.transaction->sender, account);
    }
}

Pool::Submissions Pool::collect(TimeMs now, const ActivityTracker& tracker, std::size_t bytes_max) {
    Submissions out;
    std::map<ValidatorIndex, std::size_t> bytes;
    const auto epoch = epoch_of(now + config_.parameters.chunk_lifetime, config_.parameters);
    const auto add = [&](Entry& entry, std::optional<ValidatorIndex> builder) {
        if (!builder) return false;
        auto& used = bytes[*builder];
        if (used != 0 && used + entry.transaction->raw.size() > bytes_max) return false;
        used += entry.transaction->raw.size() + 8;
        entry.sent = now;
        entry.sent_to = builder;
        out[*builder].push_back(entry.transaction);
        return true;
    };
    for (std::size_t n = unsent_natives_.size(); n > 0; --n) {
        const auto hash = unsent_natives_.front();
        unsent_natives_.pop_front();
        const auto it = entries_.find(hash);
        if (it == entries_.end()) continue;
        if (!add(it->second, tracker.builder(it->second.transaction->payer, epoch))) unsent_natives_.push_back(hash);
    }
    for (std::size_t n = unsent_.size(); n > 0; --n) {
        const auto address = unsent_.front();
        unsent_.pop_front();
        const auto it = accounts_.find(address);
        if (it == accounts_.end()) continue;
        auto& account = it->second;
        account.listed = false;
        const auto builder = tracker.builder(address, epoch);
        for (auto next = account.by_nonce.find(account.next_to_send); next != account.by_nonce.end();
             next = account.by_nonce.find(account.next_to_send)) {
            if (!add(entries_.at(next->second), builder)) break;
            ++account.next_to_send;
        }
        list(address, account);
        if (account.by_nonce.empty() && !account.listed) accounts_.erase(it);
    }
    return out;
}

std::vector<Pool::Dropped> Pool::sweep(TimeMs now) {
    std::vector<Dropped> dropped;
    for (auto& [hash, entry] : entries_) {
        const auto& tx = entry.transaction->transaction;
        const bool is_native = tx.type == TransactionType::native;
        // A little grace: the block that executes it may be on its way.
        if (is_native && now > tx.expiry + config_.parameters.chunk_lifetime)
            dropped.push_back({hash, "transaction has expired"});
        else if (now > entry.accepted + config_.lifetime)
            dropped.push_back({hash, "not executable for too long"});
        else if (entry.sent_to && now > entry.sent + config_.resend_after) {
            entry.sent_to.reset();
            if (is_native) {
                unsent_natives_.push_back(hash);
                continue;
            }
            auto& account = accounts_[entry.transaction->sender];
            account.next_to_send = std::min(account.next_to_send, tx.nonce);
            list(entry.transaction->sender, account);
        }
    }
    for (const auto& entry : dropped) erase(entry.hash);
    return dropped;
}

RecoveredTransactionPtr Pool::find(const TransactionHash& hash) const {
    const auto it = entries_.find(hash);
    return it == entries_.end() ? nullptr : it->second.transaction;
}

std::uint64_t Pool::pending_nonce(const Address& sender, std::uint64_t executed_nonce) const {
    const auto it = accounts_.find(sender);
    auto nonce = executed_nonce;
    if (it == accounts_.end()) return nonce;
    for (auto next = it->second.by_nonce.find(nonce); next != it->second.by_nonce.end() && next->first == nonce; ++next)
        ++nonce;
    return nonce;
}

std::size_t Pool::queued() const {
    std::size_t count = 0;
    for (const auto& [address, account] : accounts_)
        count += account.by_nonce.size() - (pending_nonce(address, account.nonce) - account.nonce);
    return count;
}

std::optional<TransactionHash> Pool::last_pending(const Address& sender, std::uint64_t executed_nonce) const {
    const auto next = pending_nonce(sender, executed_nonce);
    if (next == executed_nonce) return std::nullopt;
    return accounts_.at(sender).by_nonce.at(next - 1);
}

}  // namespace troupe::gateway
