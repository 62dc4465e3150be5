#include "vm/state/state_trie.hpp"

#include <algorithm>

#include "runtime/base/rlp.hpp"
#include "runtime/crypto/keccak.hpp"

namespace troupe {

Bytes encode_account(const TrieAccount& account) {
    const auto payload = rlp::encoded_size(account.nonce) + rlp::encoded_size(account.balance) + 33 + 33;
    rlp::Encoder encoder{payload + 3};
    encoder.list_header(payload).integer(account.nonce).integer(account.balance);
    encoder.bytes(account.storage_root).bytes(account.code_hash);
    return std::move(encoder).take();
}

std::optional<TrieAccount> decode_account(ByteView encoded) {
    rlp::Reader reader{encoded};
    auto list = reader.list();
    TrieAccount account;
    account.nonce = list.integer64();
    account.balance = list.integer256();
    account.storage_root = list.fixed<RootHash>();
    account.code_hash = list.fixed<CodeHash>();
    if (rlp::finish(list, reader)) return std::nullopt;
    return account;
}

Hash256 account_key(const Address& address) noexcept { return keccak256(address.view()); }

Hash256 slot_key(const uint256& slot) noexcept {
    std::array<std::uint8_t, 32> big_endian;
    for (std::size_t i = 0; i < 32; ++i)
        big_endian[31 - i] = static_cast<std::uint8_t>(slot.limb[i / 8] >> (8 * (i % 8)));
    return keccak256(big_endian);
}

StateTrie::StateTrie(const TrieNodeSource& source, const RootHash& root, Limits limits)
    : source_(&source), limits_(limits), accounts_(source, TrieOwner{}, root, limits.account_nodes_max) {}

void StateTrie::set_source(const TrieNodeSource& source) {
    source_ = &source;
    accounts_.set_source(source);
    for (auto& [owner, open_trie] : storages_) open_trie.trie.set_source(source);
}

Trie& StateTrie::open(const TrieOwner& owner, const RootHash& root) {
    auto found = storages_.find(owner);
    if (found == storages_.end())
        found = storages_.emplace(owner, OpenTrie{Trie{*source_, owner, root, limits_.storage_nodes_max}, 0}).first;
    found->second.last_used = period_;
    return found->second.trie;
}

// ---------------------------------------------------------------- changing

Result<RootHash> StateTrie::apply(const StateDiff& diff) {
    for (const auto& change : diff.accounts)
        if (auto status = apply_account(change); !status) return status.error();
    return accounts_.root();
}

Status StateTrie::apply_account(const AccountChange& change) {
    const auto key = account_key(change.address);
    const auto owner = TrieOwner::from(key);
    TrieAccount account{change.nonce, change.balance, empty_trie_root, change.code_hash};

    const auto before = accounts_.get(key.view());
    if (!before) return before.error();
    if (*before) {
        const auto decoded = decode_account(**before);
        if (!decoded)
            return make_error(ErrorCode::io, "state trie: account " + to_hex(change.address.view()) + " is malformed");
        account.storage_root = decoded->storage_root;
    }
    // A storage trie exists in memory before its root reaches the account, so an open one decides.
    const bool open_already = storages_.contains(owner);
    const bool drops_storage = change.deleted || change.storage_cleared;
    if (!change.storage.empty() || (drops_storage && (open_already || account.storage_root != empty_trie_root))) {
        auto& trie = open(owner, account.storage_root);
        if (auto status = apply_storage(trie, change); !status) return status;
        account.storage_root = trie.root();
    }
    if (change.deleted) return accounts_.erase(key.view());
    return accounts_.put(key.view(), encode_account(account));
}

Status StateTrie::apply_storage(Trie& trie, const AccountChange& change) {
    if (change.deleted || change.storage_cleared)
        if (auto status = trie.clear(); !status) return status;
    if (change.deleted) return Done{};
    for (const auto& [slot, value] : change.storage) {
        const auto key = slot_key(slot);
        rlp::Encoder encoded{33};
        if (!value.is_zero()) encoded.integer(value);
        if (auto status = trie.put(key.view(), encoded.view()); !status) return status;
    }
    return Done{};
}

std::vector<TrieChanges> StateTrie::commit() {
    std::vector<TrieChanges> out;
    if (auto nodes = accounts_.commit(); !nodes.empty()) out.push_back({TrieOwner{}, std::move(nodes)});
    for (auto& [owner, open_trie] : storages_) {
        if (!open_trie.trie.has_uncommitted_changes()) continue;
        if (auto nodes = open_trie.trie.commit(); !nodes.empty()) out.push_back({owner, std::move(nodes)});
    }
    close_unused();
    ++period_;
    return out;
}

/// Closes the storage tries that were not used for longest until all fit.
void StateTrie::close_unused() {
    std::size_t nodes = 0;
    std::vector<std::pair<std::uint32_t, TrieOwner>> by_use;
    for (const auto& [owner, open_trie] : storages_) {
        // An open trie costs memory even without nodes.
        nodes += open_trie.trie.cached_nodes() + 1;
        by_use.emplace_back(open_trie.last_used, owner);
    }
    if (nodes <= limits_.storage_nodes_max) return;
    std::sort(by_use.begin(), by_use.end());
    for (const auto& [last_used, owner] : by_use) {
        if (nodes <= limits_.storage_nodes_max) break;
        const auto found = storages_.find(owner);
        nodes -= found->second.trie.cached_nodes() + 1;
        storages_.erase(found);
    }
}

// ---------------------------------------------------------------- reading

Result<std::optional<TrieAccount>> StateTrie::account(const Address& address) {
    const auto found = accounts_.get(account_key(address).view());
    if (!found) return found.error();
    if (!*found) return std::optional<TrieAccount>{};
    const auto decoded = decode_account(**found);
    if (!decoded) return make_error(ErrorCode::io, "state trie: account " + to_hex(address.view()) + " is malformed");
    return decoded;
}

Result<uint256> StateTrie::storage(const Address& address, const uint256& slot) {
    const auto found = account(address);
    if (!found) return found.error();
    if (!*found) return uint256{};
    auto& trie = open(TrieOwner::from(account_key(address)), (*found)->storage_root);
    const auto value = trie.get(slot_key(slot).view());
    if (!value) return value.error();
    if (!*value) return uint256{};
    rlp::Reader reader{**value};
    const auto number = reader.integer256();
    if (reader.finish())
        return make_error(ErrorCode::io, "state trie: a slot of account " + to_hex(address.view()) + " is malformed");
    return number;
}

Result<AccountProof> StateTrie::prove_account(const Address& address) {
    const auto found = account(address);
    if (!found) return found.error();
    auto nodes = accounts_.prove(account_key(address).view());
    if (!nodes) return nodes.error();
    return AccountProof{std::move(*nodes), *found};
}

Result<std::vector<StorageProof>> StateTrie::prove_storage(const Address& address, const std::vector<uint256>& slots) {
    const auto found = account(address);
    if (!found) return found.error();
    std::vector<StorageProof> out;
    out.reserve(slots.size());
    for (const auto& slot : slots) {
        StorageProof proof{slot, {}, {}};
        if (*found) {
            const auto value = storage(address, slot);
            if (!value) return value.error();
            auto& trie = open(TrieOwner::from(account_key(address)), (*found)->storage_root);
            auto nodes = trie.prove(slot_key(slot).view());
            if (!nodes) return nodes.error();
            proof.value = *value;
            proof.nodes = std::move(*nodes);
        }
        out.push_back(std::move(proof));
    }
    return out;
}

}  // namespace troupe
