#include "vm/state/journal.hpp"

#include <algorithm>
#include <map>

#include "runtime/base/result.hpp"
#include "runtime/crypto/keccak.hpp"

namespace troupe {

JournaledState::Account& JournaledState::entry(const Address& address) {
    if (last_ != nullptr && last_->first == address) return last_->second;
    last_ = &*accounts_.try_emplace(address).first;
    return last_->second;
}

void JournaledState::fetch(const Address& address, Account& account) {
    account.base = base_.account(address);
    account.exists = account.base.has_value();
    account.record = account.base.value_or(AccountRecord{0, {}, empty_code_hash});
    account.is_loaded = true;
    if (!credits_.empty()) take_credit(address, account);
}

void JournaledState::take_credit(const Address& address, Account& account) {
    const auto credit = std::ranges::find(credits_, address, &TransactionEffects::Credit::address);
    if (credit == credits_.end()) return;
    if (credit->removes_empty && account.exists && account.is_empty()) account.remove();
    if (!credit->amount.is_zero()) {
        account.record.balance = account.record.balance + credit->amount;
        account.exists = true;
    }
    credits_.erase(credit);
}

JournaledState::Slot& JournaledState::load_slot(const Address& address, Account& account, const uint256& key) {
    const auto [it, is_new] = account.slots.try_emplace(key);
    auto& slot = it->second;
    if (is_new && !account.storage_cleared && account.base) slot.current = slot.base = base_.storage(address, key);
    if (slot.of != transaction_) {
        slot.original = slot.current;
        slot.of = transaction_;
    }
    return slot;
}

void JournaledState::note(Entry::Kind kind, Account& account, const uint256& number, bool flag) {
    auto& entry = journal_.emplace_back();
    entry.kind = kind;
    entry.flag = flag;
    entry.account = &account;
    entry.number = number;
}

// Transactions --------------------------------------------------------------------------------------------------------

void JournaledState::begin_transaction() {
    ++transaction_;
    journal_.clear();
    saved_codes_.clear();
    saved_accounts_.clear();
    touched_.clear();
    logs_.clear();
    if (!transient_.empty()) transient_.clear();
}

void JournaledState::finish_transaction(bool delete_empty) {
    for (auto* account : touched_) {
        const bool destructed = account->destructed == transaction_;
        const bool is_touched = account->touched == transaction_ || account->touched_for_good == transaction_;
        const bool vanishes = delete_empty && is_touched && account->exists && account->is_empty();
        if (destructed || vanishes) account->remove();
    }
    touched_.clear();
    journal_.clear();
}

void JournaledState::Account::remove() {
    record = {0, {}, empty_code_hash};
    exists = false;
    code = nullptr;
    code_changed = false;
    storage_cleared = true;
    slots.clear();
    destructed = 0;
}

TransactionEffects JournaledState::take_effects() {
    TransactionEffects effects;
    effects.credits = std::move(credits_);
    for (const auto& [address, account] : accounts_) {
        if (!account.is_loaded) continue;
        if (!account.exists) {
            if (account.base) effects.accounts.push_back({address, std::nullopt, true, nullptr});
            continue;
        }
        if (account.base != account.record || account.storage_cleared || account.code_changed)
            effects.accounts.push_back(
                {address, account.record, account.storage_cleared, account.code_changed ? account.code : nullptr});
        for (const auto& [key, slot] : account.slots) {
            const bool differs = account.storage_cleared ? !slot.current.is_zero() : slot.current != slot.base;
            if (slot.dirty && differs) effects.slots.push_back({address, key, slot.current});
        }
    }
    return effects;
}

void JournaledState::apply(const TransactionEffects& effects) {
    TROUPE_ASSERT(journal_.empty());
    for (const auto& write : effects.accounts) {
        auto& account = load(write.address);
        if (!write.record) {
            account.remove();
            continue;
        }
        if (write.storage_cleared) {
            account.storage_cleared = true;
            account.slots.clear();
        }
        if (write.code) {
            account.code = write.code;
            account.code_changed = true;
        } else if (account.record.code_hash != write.record->code_hash) {
            account.code = nullptr;
            account.code_changed = false;
        }
        account.record = *write.record;
        account.exists = true;
    }
    for (const auto& write : effects.slots) {
        auto& slot = load_slot(write.address, load(write.address), write.slot);
        slot.current = write.value;
        slot.dirty = true;
    }
    for (const auto& credit : effects.credits) {
        auto& account = load(credit.address);
        const auto after = with_credit(account.exists ? std::optional{account.record} : std::nullopt, credit.amount);
        if (after) {
            account.record = *after;
            account.exists = true;
        } else if (account.exists) {
            account.remove();
        }
    }
}

StateDiff JournaledState::diff() const {
    StateDiff diff;
    std::vector<const std::pair<const Address, Account>*> sorted;
    sorted.reserve(accounts_.size());
    for (const auto& entry : accounts_) sorted.push_back(&entry);
    std::ranges::sort(sorted, [](const auto* a, const auto* b) { return a->first < b->first; });
    std::map<CodeHash, std::shared_ptr<const Bytes>> codes;
    for (const auto* entry : sorted) {
        const auto& account = entry->second;
        AccountChange change;
        change.address = entry->first;
        if (!account.exists) {
            if (!account.base) continue;
            change.deleted = true;
            diff.accounts.push_back(std::move(change));
            continue;
        }
        change.nonce = account.record.nonce;
        change.balance = account.record.balance;
        change.code_hash = account.record.code_hash;
        change.storage_cleared = account.storage_cleared && account.base.has_value();
        for (const auto& [key, slot] : account.slots) {
            const bool differs = account.storage_cleared ? !slot.current.is_zero() : slot.current != slot.base;
            if (slot.dirty && differs) change.storage.emplace_back(key, slot.current);
        }
        std::ranges::sort(change.storage, {}, &std::pair<uint256, uint256>::first);
        if (account.code_changed) codes.emplace(account.record.code_hash, account.code);
        if (account.base == account.record && !change.storage_cleared && change.storage.empty()) continue;
        diff.accounts.push_back(std::move(change));
    }
    for (const auto& [hash, code] : codes)
        if (code) diff.codes.emplace_back(hash, *code);
    return diff;
}

void JournaledState::revert(Snapshot to) {
    TROUPE_ASSERT(to <= journal_.size());
    while (journal_.size() > to) {
        const auto& entry = journal_.back();
        switch (entry.kind) {
            case Entry::Kind::balance:
                entry.account->record.balance = entry.number;
                entry.account->exists = entry.flag;
                break;
            case Entry::Kind::nonce:
                entry.account->record.nonce = entry.number.low64();
                entry.account->exists = entry.flag;
                break;
            case Entry::Kind::code: {
                auto& saved = saved_codes_.back();
                entry.account->record.code_hash = saved.hash;
                entry.account->code = std::move(saved.code);
                entry.account->code_changed = saved.changed;
                entry.account->exists = saved.existed;
                saved_codes_.pop_back();
                break;
            }
            case Entry::Kind::slot: entry.slot->current = entry.number; break;
            case Entry::Kind::transient: *entry.word = entry.number; break;
            case Entry::Kind::touched: entry.account->touched = 0; break;
            case Entry::Kind::destructed: entry.account->destructed = 0; break;
            case Entry::Kind::warm_account: entry.account->warm = 0; break;
            case Entry::Kind::warm_slot: entry.slot->warm = 0; break;
            case Entry::Kind::log: logs_.pop_back(); break;
            case Entry::Kind::recreated: {
                // Slots read while it was new come back cold and unread with the old ones.
                auto& saved = saved_accounts_.back();
                saved.warm = entry.account->warm;
                saved.touched = entry.account->touched;
                *entry.account = std::move(saved);
                saved_accounts_.pop_back();
                break;
            }
        }
        journal_.pop_back();
    }
}

// Accounts ------------------------------------------------------------------------------------------------------------

bool JournaledState::is_empty(const Address& address) { return load(address).is_empty(); }

const std::shared_ptr<const Bytes>& JournaledState::code(const Address& address) {
    auto& account = load(address);
    if (!account.code) {
        static const auto none = std::make_shared<const Bytes>();
        account.code = account.record.code_hash == empty_code_hash ? none : base_.code(account.record.code_hash);
    }
    return account.code;
}

bool JournaledState::has_storage(const Address& address) {
    auto& account = load(address);
    const auto not_zero = [](const auto& entry) { return !entry.second.current.is_zero(); };
    return std::ranges::any_of(account.slots, not_zero) ||
           (account.base && !account.storage_cleared && base_.has_storage(address));
}

void JournaledState::touch(Account& account) {
    if (account.touched == transaction_) return;
    note(Entry::Kind::touched, account);
    account.touched = transaction_;
    touched_.push_back(&account);
}

void JournaledState::touch(const Address& address) { touch(load(address)); }

void JournaledState::touch_for_good(const Address& address) {
    auto& account = load(address);
    account.touched_for_good = transaction_;
    touched_.push_back(&account);
}

void JournaledState::set_balance(Account& account, const uint256& amount) {
    note(Entry::Kind::balance, account, account.record.balance, account.exists);
    account.record.balance = amount;
    account.exists = true;
}

void JournaledState::add_balance(const Address& address, const uint256& amount) {
    auto& account = load(address);
    touch(account);
    if (amount.is_zero() && account.exists) return;
    set_balance(account, account.record.balance + amount);
}

void JournaledState::credit(const Address& address, const uint256& amount) {
    if (!credits_apart_ || entry(address).is_loaded) return add_balance(address, amount);
    const auto before = std::ranges::find(credits_, address, &TransactionEffects::Credit::address);
    if (before == credits_.end())
        credits_.push_back({address, amount, amount.is_zero()});
    else
        before->amount = before->amount + amount;
}

void JournaledState::subtract_balance(const Address& address, const uint256& amount) {
    auto& account = load(address);
    touch(account);
    if (amount.is_zero()) return;
    TROUPE_ASSERT(account.record.balance >= amount);
    set_balance(account, account.record.balance - amount);
}

void JournaledState::set_balance(const Address& address, const uint256& amount) {
    auto& account = load(address);
    touch(account);
    set_balance(account, amount);
}

void JournaledState::set_nonce(const Address& address, std::uint64_t nonce) {
    auto& account = load(address);
    touch(account);
    note(Entry::Kind::nonce, account, uint256{account.record.nonce}, account.exists);
    account.record.nonce = nonce;
    account.exists = true;
}

void JournaledState::set_code(const Address& address, Bytes code) {
    auto& account = load(address);
    touch(account);
    note(Entry::Kind::code, account);
    saved_codes_.push_back({account.record.code_hash, std::move(account.code), account.exists, account.code_changed});
    account.record.code_hash = code.empty() ? empty_code_hash : CodeHash::from(keccak256(code));
    account.code = std::make_shared<const Bytes>(std::move(code));
    account.code_changed = !account.code->empty();
    account.exists = true;
}

void JournaledState::create_account(const Address& address) {
    auto& account = load(address);
    touch(account);
    note(Entry::Kind::recreated, account);
    // The journal may point at the old slots, so these are kept as they are, and the new account gets its own.
    Slots slots;
    for (const auto& [key, slot] : account.slots) {
        auto& fresh = slots[key];
        fresh.of = transaction_;
        fresh.warm = slot.warm;
    }
    auto& saved = saved_accounts_.emplace_back(std::move(account));
    account = Account{};
    account.is_loaded = true;
    account.record = {0, saved.record.balance, empty_code_hash};
    account.base = saved.base;
    account.slots = std::move(slots);
    account.exists = true;
    account.storage_cleared = true;
    account.created = transaction_;
    account.destructed = saved.destructed;
    account.touched = saved.touched;
    account.warm = saved.warm;
}

void JournaledState::self_destruct(const Address& address) {
    auto& account = load(address);
    touch(account);
    if (account.destructed == transaction_) return;
    note(Entry::Kind::destructed, account);
    account.destructed = transaction_;
}

// Storage -------------------------------------------------------------------------------------------------------------

uint256 JournaledState::storage(const Address& address, const uint256& slot) {
    return load_slot(address, load(address), slot).current;
}

uint256 JournaledState::original_storage(const Address& address, const uint256& slot) {
    return load_slot(address, load(address), slot).original;
}

void JournaledState::write(Slot& slot, const uint256& value) {
    if (slot.current == value) return;
    auto& entry = journal_.emplace_back();
    entry.kind = Entry::Kind::slot;
    entry.slot = &slot;
    entry.number = slot.current;
    slot.current = value;
    slot.dirty = true;
}

void JournaledState::set_storage(const Address& address, const uint256& key, const uint256& value) {
    write(load_slot(address, load(address), key), value);
}

uint256 JournaledState::transient_storage(const Address& address, const uint256& slot) const {
    const auto it = transient_.find(SlotPlace{address, slot});
    return it == transient_.end() ? uint256{} : it->second;
}

void JournaledState::set_transient_storage(const Address& address, const uint256& slot, const uint256& value) {
    auto& current = transient_[SlotPlace{address, slot}];
    auto& entry = journal_.emplace_back();
    entry.kind = Entry::Kind::transient;
    entry.word = &current;
    entry.number = current;
    current = value;
}

// Warmth, logs --------------------------------------------------------------------------------------------------------

bool JournaledState::warm_address(const Address& address) {
    auto& account = entry(address);
    if (account.warm == transaction_) return false;
    account.warm = transaction_;
    note(Entry::Kind::warm_account, account);
    return true;
}

bool JournaledState::warm_slot(const Address& address, const uint256& key) {
    return access_slot(address, key).was_cold;
}

bool JournaledState::warm(Slot& slot) {
    if (slot.warm == transaction_) return false;
    slot.warm = transaction_;
    auto& entry = journal_.emplace_back();
    entry.kind = Entry::Kind::warm_slot;
    entry.slot = &slot;
    return true;
}

JournaledState::SlotAccess JournaledState::access_slot(const Address& address, const uint256& key) {
    auto& slot = load_slot(address, load(address), key);
    const bool was_cold = warm(slot);
    return {slot.current, slot.original, was_cold};
}

JournaledState::SlotAccess JournaledState::write_slot(const Address& address, const uint256& key,
                                                      const uint256& value) {
    auto& slot = load_slot(address, load(address), key);
    const SlotAccess before{slot.current, slot.original, warm(slot)};
    write(slot, value);
    return before;
}

void JournaledState::add_log(EvmLog log) {
    logs_.push_back(std::move(log));
    journal_.emplace_back().kind = Entry::Kind::log;
}

}  // namespace troupe
