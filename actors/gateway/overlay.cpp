#include "actors/gateway/overlay.hpp"

#include <algorithm>

namespace troupe::gateway {

void Overlay::apply(const StateDiff& diff) {
    for (const auto& change : diff.accounts) {
        auto& changed = accounts_[change.address];
        if (change.deleted || change.storage_cleared) {
            changed.is_cleared = true;
            changed.slots.clear();
        }
        changed.record.reset();
        if (!change.deleted) changed.record = {change.nonce, change.balance, change.code_hash};
        for (const auto& [slot, value] : change.storage) changed.slots[slot] = value;
    }
    for (const auto& [hash, code] : diff.codes) codes_.try_emplace(hash, std::make_shared<const Bytes>(code));
}

std::optional<AccountRecord> Overlay::account(const Address& address) {
    const auto it = accounts_.find(address);
    return it == accounts_.end() ? base_.account(address) : it->second.record;
}

uint256 Overlay::storage(const Address& address, const uint256& slot) {
    const auto it = accounts_.find(address);
    if (it == accounts_.end()) return base_.storage(address, slot);
    const auto& [record, is_cleared, slots] = it->second;
    if (const auto found = slots.find(slot); found != slots.end()) return found->second;
    return is_cleared ? uint256{} : base_.storage(address, slot);
}

bool Overlay::has_storage(const Address& address) {
    const auto it = accounts_.find(address);
    if (it == accounts_.end()) return base_.has_storage(address);
    const auto is_set = [](const auto& entry) { return !entry.second.is_zero(); };
    return std::ranges::any_of(it->second.slots, is_set) || (!it->second.is_cleared && base_.has_storage(address));
}

std::shared_ptr<const Bytes> Overlay::code(const CodeHash& hash) {
    const auto it = codes_.find(hash);
    return it == codes_.end() ? base_.code(hash) : it->second;
}

}  // namespace troupe::gateway
