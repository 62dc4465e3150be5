#include "actors/vm_pool/remote_state.hpp"

#include "actors/vm_pool/remote_protocol.hpp"
#include "runtime/crypto/keccak.hpp"

namespace troupe::vm_pool {

// Memory --------------------------------------------------------------------------------------------------------------

StateMemory::State& StateMemory::state(const RootHash& root) {
    const auto [it, is_new] = states_.try_emplace(root);
    if (is_new) order_.push_back(root);
    return it->second;
}

void StateMemory::make_room() {
    while (entries_ > entries_max_ && !order_.empty()) {
        const auto oldest = states_.find(order_.front());
        entries_ -= oldest->second.accounts.size() + oldest->second.slots.size();
        states_.erase(oldest);
        order_.pop_front();
    }
}

std::optional<std::optional<AccountRecord>> StateMemory::account(const RootHash& root, const Address& address) {
    const std::lock_guard lock{mutex_};
    const auto known = states_.find(root);
    if (known == states_.end()) return std::nullopt;
    const auto it = known->second.accounts.find(address);
    if (it == known->second.accounts.end()) return std::nullopt;
    return it->second;
}

std::optional<uint256> StateMemory::slot(const RootHash& root, const Address& address, const uint256& slot) {
    const std::lock_guard lock{mutex_};
    const auto known = states_.find(root);
    if (known == states_.end()) return std::nullopt;
    const auto it = known->second.slots.find({address, slot});
    if (it == known->second.slots.end()) return std::nullopt;
    return it->second;
}

std::shared_ptr<const Bytes> StateMemory::code(const CodeHash& hash) {
    const std::lock_guard lock{mutex_};
    const auto it = codes_.find(hash);
    return it == codes_.end() ? nullptr : it->second;
}

void StateMemory::keep_account(const RootHash& root, const Address& address,
                               const std::optional<AccountRecord>& account) {
    const std::lock_guard lock{mutex_};
    if (state(root).accounts.emplace(address, account).second) ++entries_;
    make_room();
}

void StateMemory::keep_slot(const RootHash& root, const Address& address, const uint256& slot, const uint256& value) {
    const std::lock_guard lock{mutex_};
    if (state(root).slots.emplace(std::pair{address, slot}, value).second) ++entries_;
    make_room();
}

void StateMemory::keep_code(const CodeHash& hash, std::shared_ptr<const Bytes> code) {
    const std::lock_guard lock{mutex_};
    const auto size = code->size();
    if (!codes_.emplace(hash, std::move(code)).second) return;
    code_bytes_ += size;
    code_order_.push_back(hash);
    while (code_bytes_ > code_bytes_max_ && code_order_.size() > 1) {
        const auto oldest = codes_.find(code_order_.front());
        code_bytes_ -= oldest->second->size();
        codes_.erase(oldest);
        code_order_.pop_front();
    }
}

std::size_t StateMemory::entries() const {
    const std::lock_guard lock{mutex_};
    return entries_;
}

// A call's view -------------------------------------------------------------------------------------------------------

template <class Reply, class Body>
std::optional<Reply> RemoteState::ask(const char* method, const Body& body) {
    if (!status_) return std::nullopt;
    auto bytes = query_(method, encode(body));
    if (!bytes) {
        status_ = bytes.error();
        return std::nullopt;
    }
    if constexpr (std::is_same_v<Reply, Bytes>) {
        return std::move(*bytes);
    } else {
        auto reply = decode<Reply>(*bytes);
        if (!reply) {
            status_ = reply.error();
            return std::nullopt;
        }
        return std::move(*reply);
    }
}

std::optional<AccountRecord> RemoteState::account(const Address& address) {
    auto account = memory_.account(root_, address);
    if (!account) {
        const auto reply = ask<remote::AccountReply>(remote::query::account, remote::AccountQuery{address});
        if (!reply) return std::nullopt;
        account = reply->record();
        memory_.keep_account(root_, address, *account);
    }
    // Its code at once: analyses are kept by code hash, so that an empty code in place of one that can't be had would
    // outlive this call.
    if (*account && !take_code((*account)->code_hash)) return std::nullopt;
    return *account;
}

uint256 RemoteState::storage(const Address& address, const uint256& slot) {
    if (const auto known = memory_.slot(root_, address, slot)) return *known;
    const auto value = ask<uint256>(remote::query::slot, remote::SlotQuery{address, slot});
    if (!value) return {};
    memory_.keep_slot(root_, address, slot, *value);
    return *value;
}

bool RemoteState::has_storage(const Address& address) {
    return ask<bool>(remote::query::has_storage, remote::AccountQuery{address}).value_or(false);
}

bool RemoteState::take_code(const CodeHash& hash) {
    if (hash == empty_code_hash || codes_.contains(hash)) return true;
    auto code = memory_.code(hash);
    if (!code) {
        auto bytes = ask<Bytes>(remote::query::code, hash);
        if (!bytes) return false;
        // The memory serves other callers too: only what is the hash's goes in.
        if (CodeHash::from(keccak256(*bytes)) != hash) {
            status_ = make_error(ErrorCode::malformed, "a code that is not its hash's");
            return false;
        }
        code = std::make_shared<const Bytes>(std::move(*bytes));
        memory_.keep_code(hash, code);
    }
    codes_.emplace(hash, std::move(code));
    return true;
}

std::shared_ptr<const Bytes> RemoteState::code(const CodeHash& hash) {
    static const auto nothing = std::make_shared<const Bytes>();
    const auto it = codes_.find(hash);
    return it == codes_.end() ? nothing : it->second;
}

Hash256 RemoteState::block_hash(std::uint64_t number) {
    return ask<Hash256>(remote::query::block_hash, number).value_or(Hash256{});
}

}  // namespace troupe::vm_pool
