#include "vm/state/journal.hpp"

#include <algorithm>

#include "runtime/base/result.hpp"
#include "runtime/crypto/keccak.hpp"

namespace troupe {

JournaledState::Account& JournaledState::load(const Address& address) {
    const auto [it, is_new] = accounts_.try_emplace(address);
    auto& account = it->second;
    if (is_new) {
        account.base = base_.account(address);
        account.exists = account.base.has_value();
        account.record = account.base.value_or(AccountRecord{0, {}, empty_code_hash});
    }
    return account;
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

// Transactions --------------------------------------------------------------------------------------------------------

void JournaledState::begin_transaction() {
    ++transaction_;
    journal_.clear();
    touched_.clear();
    logs_.clear();
    transient_.clear();
    refund_ = 0;
}

void JournaledState::finish_transaction(bool delete_empty) {
    for (const auto& address : touched_) {
        const auto it = accounts_.find(address);
        if (it == accounts_.end()) continue;
        auto& account = it->second;
        account.created_now = false;
        const bool empty = account.record.nonce == 0 && account.record.balance.is_zero() &&
                           account.record.code_hash == empty_code_hash;
        if (account.destructed || (delete_empty && account.touched && account.exists && empty)) {
            account.record = {0, {}, empty_code_hash};
            account.exists = false;
            account.code = nullptr;
            account.code_changed = false;
            account.storage_cleared = true;
            account.slots.clear();
        }
        account.destructed = false;
        account.touched = false;
    }
    touched_.clear();
    journal_.clear();
}

StateDiff JournaledState::diff() const {
    StateDiff diff;
    std::vector<const std::pair<const Address, Account>*> sorted;
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
    while (journal_.size() > to) {
        auto& entry = journal_.back();
        switch (entry.kind) {
            case Entry::Kind::record: {
                auto& account = accounts_.at(entry.address);
                account.record = entry.record;
                account.exists = entry.existed;
                break;
            }
            case Entry::Kind::code: {
                auto& account = accounts_.at(entry.address);
                account.record.code_hash = entry.record.code_hash;
                account.code = std::move(entry.code);
                account.code_changed = entry.changed;
                break;
            }
            case Entry::Kind::slot: accounts_.at(entry.address).slots.at(entry.slot).current = entry.value; break;
            case Entry::Kind::transient: transient_[{entry.address, entry.slot}] = entry.value; break;
            case Entry::Kind::flag: accounts_.at(entry.address).*entry.flag = entry.flag_value; break;
            case Entry::Kind::warm_account: accounts_.at(entry.address).warm = 0; break;
            case Entry::Kind::warm_slot: accounts_.at(entry.address).slots.at(entry.slot).warm = 0; break;
            case Entry::Kind::log: logs_.pop_back(); break;
            case Entry::Kind::refund: refund_ = entry.refund; break;
            case Entry::Kind::recreated: accounts_.at(entry.address) = std::move(*entry.account); break;
        }
        journal_.pop_back();
    }
}

// Accounts ------------------------------------------------------------------------------------------------------------

bool JournaledState::is_empty(const Address& address) {
    const auto& record = load(address).record;
    return record.nonce == 0 && record.balance.is_zero() && record.code_hash == empty_code_hash;
}

CodeHash JournaledState::code_hash(const Address& address) { return load(address).record.code_hash; }

std::shared_ptr<const Bytes> JournaledState::code(const Address& address) {
    auto& account = load(address);
    if (!account.code) {
        static const auto none = std::make_shared<const Bytes>();
        account.code = account.record.code_hash == empty_code_hash ? none : base_.code(account.record.code_hash);
    }
    return account.code;
}

bool JournaledState::has_storage(const Address& address) {
    return std::ranges::any_of(load(address).slots, [](const auto& entry) { return !entry.second.current.is_zero(); });
}

void JournaledState::note_flag(const Address& address, bool Account::*flag, bool value) {
    auto& account = load(address);
    if (account.*flag == value) return;
    Entry entry;
    entry.kind = Entry::Kind::flag;
    entry.address = address;
    entry.flag = flag;
    entry.flag_value = account.*flag;
    journal_.push_back(std::move(entry));
    account.*flag = value;
}

void JournaledState::touch(const Address& address) {
    note_flag(address, &Account::touched, true);
    touched_.push_back(address);
}

/// Before a record changes: the way back, and the account exists from now on.
void JournaledState::note_record(const Address& address, Account& account) {
    Entry entry;
    entry.kind = Entry::Kind::record;
    entry.address = address;
    entry.record = account.record;
    entry.existed = account.exists;
    journal_.push_back(std::move(entry));
    account.exists = true;
}

void JournaledState::add_balance(const Address& address, const uint256& amount) {
    touch(address);
    auto& account = load(address);
    if (amount.is_zero() && account.exists) return;
    note_record(address, account);
    account.record.balance += amount;
}

void JournaledState::subtract_balance(const Address& address, const uint256& amount) {
    touch(address);
    if (amount.is_zero()) return;
    auto& account = load(address);
    TROUPE_ASSERT(account.record.balance >= amount);
    note_record(address, account);
    account.record.balance -= amount;
}

void JournaledState::set_balance(const Address& address, const uint256& amount) {
    touch(address);
    auto& account = load(address);
    note_record(address, account);
    account.record.balance = amount;
}

void JournaledState::set_nonce(const Address& address, std::uint64_t nonce) {
    touch(address);
    auto& account = load(address);
    note_record(address, account);
    account.record.nonce = nonce;
}

void JournaledState::set_code(const Address& address, Bytes code) {
    touch(address);
    auto& account = load(address);
    Entry entry;
    entry.kind = Entry::Kind::code;
    entry.address = address;
    entry.record.code_hash = account.record.code_hash;
    entry.code = account.code;
    entry.changed = account.code_changed;
    journal_.push_back(std::move(entry));
    account.record.code_hash = code.empty() ? empty_code_hash : CodeHash::from(keccak256(code));
    account.code = std::make_shared<const Bytes>(std::move(code));
    account.code_changed = !account.code->empty();
}

void JournaledState::create_account(const Address& address) {
    touch(address);
    auto& account = load(address);
    Entry entry;
    entry.kind = Entry::Kind::recreated;
    entry.address = address;
    entry.account = std::make_shared<Account>(account);
    journal_.push_back(std::move(entry));
    account.record = {0, account.record.balance, empty_code_hash};
    account.exists = true;
    account.code = nullptr;
    account.code_changed = false;
    account.storage_cleared = true;
    account.created_now = true;
    // Warmth survives, values do not.
    for (auto& [key, slot] : account.slots) slot.current = slot.original = uint256{};
}

void JournaledState::self_destruct(const Address& address) {
    touch(address);
    note_flag(address, &Account::destructed, true);
}

// Storage -------------------------------------------------------------------------------------------------------------

uint256 JournaledState::storage(const Address& address, const uint256& slot) {
    return load_slot(address, load(address), slot).current;
}

uint256 JournaledState::original_storage(const Address& address, const uint256& slot) {
    return load_slot(address, load(address), slot).original;
}

void JournaledState::set_storage(const Address& address, const uint256& key, const uint256& value) {
    auto& slot = load_slot(address, load(address), key);
    if (slot.current == value) return;
    Entry entry;
    entry.kind = Entry::Kind::slot;
    entry.address = address;
    entry.slot = key;
    entry.value = slot.current;
    journal_.push_back(std::move(entry));
    slot.current = value;
    slot.dirty = true;
}

uint256 JournaledState::transient_storage(const Address& address, const uint256& slot) const {
    const auto it = transient_.find({address, slot});
    return it == transient_.end() ? uint256{} : it->second;
}

void JournaledState::set_transient_storage(const Address& address, const uint256& slot, const uint256& value) {
    auto& current = transient_[{address, slot}];
    Entry entry;
    entry.kind = Entry::Kind::transient;
    entry.address = address;
    entry.slot = slot;
    entry.value = current;
    journal_.push_back(std::move(entry));
    current = value;
}

// Warmth, logs, refund ------------------------------------------------------------------------------------------------

bool JournaledState::warm_address(const Address& address) {
    auto& account = load(address);
    if (account.warm == transaction_) return false;
    account.warm = transaction_;
    Entry entry;
    entry.kind = Entry::Kind::warm_account;
    entry.address = address;
    journal_.push_back(std::move(entry));
    return true;
}

bool JournaledState::warm_slot(const Address& address, const uint256& key) {
    auto& slot = load_slot(address, load(address), key);
    if (slot.warm == transaction_) return false;
    slot.warm = transaction_;
    Entry entry;
    entry.kind = Entry::Kind::warm_slot;
    entry.address = address;
    entry.slot = key;
    journal_.push_back(std::move(entry));
    return true;
}

void JournaledState::add_log(EvmLog log) {
    logs_.push_back(std::move(log));
    Entry entry;
    entry.kind = Entry::Kind::log;
    journal_.push_back(std::move(entry));
}

void JournaledState::add_refund(std::int64_t amount) {
    if (amount == 0) return;
    Entry entry;
    entry.kind = Entry::Kind::refund;
    entry.refund = refund_;
    journal_.push_back(std::move(entry));
    refund_ += amount;
}

}  // namespace troupe
