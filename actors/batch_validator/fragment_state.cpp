#include "actors/batch_validator/fragment_state.hpp"

#include "actors/execution/block_execution.hpp"

namespace troupe::batch_validator {
namespace {

using storage_node::EntryTag;

/// The name within an entry's key, after the tag and `skipped` bytes.
template <class Fixed>
[[nodiscard]] std::optional<Fixed> name_of(const Bytes& key, std::size_t skipped = 0) {
    if (key.size() != 1 + skipped + Fixed::size_bytes) return std::nullopt;
    return Fixed::from_view(ByteView{key}.subspan(1 + skipped));
}

}  // namespace

std::optional<Bytes> FragmentState::Nodes::node(const TrieOwner& owner, const NibblePath& path) const {
    const auto it = by_path.find({owner, path.packed()});
    return it == by_path.end() ? std::nullopt : std::optional{it->second};
}

std::unique_ptr<FragmentState> FragmentState::of_genesis(const Genesis& genesis) {
    std::unique_ptr<FragmentState> state{new FragmentState};
    const auto applied = state->apply(genesis_state(genesis), {});
    TROUPE_ASSERT(applied.ok());
    return state;
}

Result<std::unique_ptr<FragmentState>> FragmentState::of_snapshot(const RootHash& state_root,
                                                                  const std::vector<storage_node::Entry>& entries,
                                                                  const std::map<CodeHash, Bytes>& codes) {
    const auto malformed = [] { return make_error(ErrorCode::malformed, "snapshot: an entry is malformed"); };
    std::map<Address, AccountChange> accounts;
    std::vector<std::pair<TransactionHash, TimeMs>> natives;
    for (const auto& [key, value] : entries) {
        if (key.empty()) return malformed();
        if (key[0] == static_cast<std::uint8_t>(EntryTag::account)) {
            const auto address = name_of<Address>(key);
            const auto account = decode<storage_node::StateAccount>(value);
            if (!address || !account) return malformed();
            auto& change = accounts[*address];
            change.nonce = account->nonce;
            change.balance = account->balance;
            change.code_hash = account->code_hash;
        } else if (key[0] == static_cast<std::uint8_t>(EntryTag::slot)) {
            const auto slot = name_of<Hash256>(key, Address::size_bytes);
            if (!slot || value.size() != 32) return malformed();
            const auto address = Address::from_view(ByteView{key}.subspan(1, Address::size_bytes));
            accounts[*address].storage.emplace_back(from_big_endian(slot->view()), from_big_endian(value));
        } else if (key[0] == static_cast<std::uint8_t>(EntryTag::native)) {
            const auto hash = name_of<TransactionHash>(key);
            const auto expiry = decode<TimeMs>(value);
            if (!hash || !expiry) return malformed();
            natives.emplace_back(*hash, *expiry);
        } else if (key[0] != static_cast<std::uint8_t>(EntryTag::code)) {
            return malformed();
        }
    }
    StateDiff diff;
    for (auto& [address, change] : accounts) {
        change.address = address;
        std::ranges::sort(change.storage, {}, &std::pair<uint256, uint256>::first);
        diff.accounts.push_back(std::move(change));
    }
    diff.codes.assign(codes.begin(), codes.end());
    std::unique_ptr<FragmentState> state{new FragmentState};
    const auto root = state->apply(diff, natives);
    if (!root) return root.error();
    if (*root != state_root)
        return make_error(ErrorCode::invalid, "snapshot: its entries are not the state that the chain agreed on");
    return state;
}

Result<RootHash> FragmentState::apply(const StateDiff& diff,
                                      const std::vector<std::pair<TransactionHash, TimeMs>>& natives) {
    auto root = trie_.apply(diff);
    if (!root) return root.error();
    for (auto& trie : trie_.commit())
        for (auto& node : trie.nodes) {
            std::pair key{trie.owner, node.path.packed()};
            if (node.encoded)
                nodes_.by_path.insert_or_assign(std::move(key), std::move(*node.encoded));
            else
                nodes_.by_path.erase(key);
        }
    for (const auto& [hash, code] : diff.codes) codes_.try_emplace(hash, std::make_shared<const Bytes>(code));
    for (const auto& change : diff.accounts) {
        if (change.deleted)
            accounts_.erase(change.address);
        else
            accounts_.insert_or_assign(change.address, AccountRecord{change.nonce, change.balance, change.code_hash});
        if (change.deleted || change.storage_cleared) slots_.erase(change.address);
        if (change.storage.empty()) continue;
        auto& slots = slots_[change.address];
        for (const auto& [slot, value] : change.storage) {
            if (value.is_zero())
                slots.erase(slot);
            else
                slots.insert_or_assign(slot, value);
        }
    }
    for (const auto& [hash, expiry] : natives) natives_.insert_or_assign(hash, expiry);
    return *root;
}

void FragmentState::forget_natives(TimeMs before) {
    std::erase_if(natives_, [&](const auto& native) { return native.second < before; });
}

std::optional<AccountRecord> FragmentState::account(const Address& address) {
    const auto it = accounts_.find(address);
    return it == accounts_.end() ? std::nullopt : std::optional{it->second};
}

uint256 FragmentState::storage(const Address& address, const uint256& slot) {
    const auto slots = slots_.find(address);
    if (slots == slots_.end()) return {};
    const auto it = slots->second.find(slot);
    return it == slots->second.end() ? uint256{} : it->second;
}

std::shared_ptr<const Bytes> FragmentState::code(const CodeHash& hash) {
    const auto it = codes_.find(hash);
    return it == codes_.end() ? std::make_shared<const Bytes>() : it->second;
}

}  // namespace troupe::batch_validator
