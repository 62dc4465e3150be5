// The state while a fragment is replayed: in memory, from the genesis or a snapshot, with its tries.
#pragma once

#include <map>
#include <memory>
#include <unordered_map>

#include "actors/storage_node/bundle.hpp"
#include "runtime/ledger/genesis.hpp"
#include "vm/state/state_trie.hpp"
#include "vm/state/state_view.hpp"

namespace troupe::batch_validator {

class FragmentState final : public StateReader {
public:
    [[nodiscard]] static std::unique_ptr<FragmentState> of_genesis(const Genesis& genesis);
    /// `codes` are those that the entries name. ErrorCode::malformed if an entry is none, invalid if the entries do not
    /// make the state root.
    [[nodiscard]] static Result<std::unique_ptr<FragmentState>> of_snapshot(
        const RootHash& state_root, const std::vector<storage_node::Entry>& entries,
        const std::map<CodeHash, Bytes>& codes);

    /// Moves on by a block and gives the new state root.
    [[nodiscard]] Result<RootHash> apply(const StateDiff& diff,
                                         const std::vector<std::pair<TransactionHash, TimeMs>>& natives);
    [[nodiscard]] bool native_executed(const TransactionHash& hash) const { return natives_.contains(hash); }
    void forget_natives(TimeMs before);

    [[nodiscard]] std::optional<AccountRecord> account(const Address& address) override;
    [[nodiscard]] uint256 storage(const Address& address, const uint256& slot) override;
    [[nodiscard]] std::shared_ptr<const Bytes> code(const CodeHash& hash) override;

private:
    struct Nodes final : TrieNodeSource {
        [[nodiscard]] std::optional<Bytes> node(const TrieOwner& owner, const NibblePath& path) const override;
        std::map<std::pair<TrieOwner, Bytes>, Bytes> by_path;
    };

    FragmentState() : trie_(nodes_, empty_trie_root) {}

    std::unordered_map<Address, AccountRecord, FixedBytesHash> accounts_;
    std::map<Address, std::map<uint256, uint256>> slots_;
    std::unordered_map<CodeHash, std::shared_ptr<const Bytes>, FixedBytesHash> codes_;
    std::unordered_map<TransactionHash, TimeMs, FixedBytesHash> natives_;
    Nodes nodes_;
    StateTrie trie_;
};

}  // namespace troupe::batch_validator
