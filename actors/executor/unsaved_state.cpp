#include "actors/executor/unsaved_state.hpp"

#include "actors/executor/stored_account.hpp"

namespace troupe::executor {

void UnsavedState::add(const StateDiff& diff) {
    for (const auto& change : diff.accounts) {
        const auto [it, is_new] = accounts_.try_emplace(change.address);
        auto& account = it->second;
        size_ += is_new ? 1 : 0;
        if (change.deleted || change.storage_cleared) {
            size_ -= account.storage.size();
            account.storage.clear();
            account.storage_cleared = true;
        }
        account.record.reset();
        if (change.deleted) continue;
        account.record = AccountRecord{change.nonce, change.balance, change.code_hash};
        for (const auto& [slot, value] : change.storage)
            size_ += account.storage.insert_or_assign(slot, value).second ? 1 : 0;
    }
    for (const auto& [hash, code] : diff.codes) codes_.try_emplace(hash, std::make_shared<const Bytes>(code));
}

std::optional<std::optional<AccountRecord>> UnsavedState::account(const Address& address) const {
    const auto it = accounts_.find(address);
    if (it == accounts_.end()) return std::nullopt;
    return it->second.record;
}

std::optional<uint256> UnsavedState::storage(const Address& address, const uint256& slot) const {
    const auto account = accounts_.find(address);
    if (account == accounts_.end()) return std::nullopt;
    const auto it = account->second.storage.find(slot);
    if (it != account->second.storage.end()) return it->second;
    return account->second.storage_cleared ? std::optional{uint256{}} : std::nullopt;
}

std::shared_ptr<const Bytes> UnsavedState::code(const CodeHash& hash) const {
    const auto it = codes_.find(hash);
    return it == codes_.end() ? nullptr : it->second;
}

std::vector<AccountUpdate> UnsavedState::account_updates() const {
    std::vector<AccountUpdate> out;
    out.reserve(accounts_.size());
    for (const auto& [address, account] : accounts_) {
        AccountUpdate update;
        update.address = address;
        if (const auto& record = account.record)
            update.data = encode(StoredAccount{record->nonce, record->balance, record->code_hash});
        update.storage_cleared = account.storage_cleared;
        for (const auto& [slot, value] : account.storage)
            update.storage.emplace_back(to_big_endian(slot), to_big_endian(value));
        out.push_back(std::move(update));
    }
    return out;
}

std::vector<std::pair<CodeHash, Bytes>> UnsavedState::code_updates() const {
    std::vector<std::pair<CodeHash, Bytes>> out;
    for (const auto& [hash, code] : codes_) out.emplace_back(hash, *code);
    return out;
}

void UnsavedState::clear() noexcept {
    accounts_.clear();
    codes_.clear();
    size_ = 0;
}

}  // namespace troupe::executor
