// Ethereum's world state as tries: the account trie and one storage trie per account with storage (yellow paper 4.1).
// Takes a block's StateDiff, gives the state root, the changed nodes of every trie, and the proofs of eth_getProof.
#pragma once

#include <cstddef>
#include <map>
#include <vector>

#include "runtime/base/bytes.hpp"
#include "runtime/base/result.hpp"
#include "runtime/base/uint256.hpp"
#include "vm/state/state_diff.hpp"
#include "vm/state/trie.hpp"

namespace troupe {

/// The account trie's value: rlp([nonce, balance, storage root, code hash]).
struct TrieAccount {
    std::uint64_t nonce = 0;
    uint256 balance;
    RootHash storage_root = empty_trie_root;
    CodeHash code_hash;

    bool operator==(const TrieAccount&) const = default;
};

[[nodiscard]] Bytes encode_account(const TrieAccount& account);
/// Nothing on what is not an account's one canonical form.
[[nodiscard]] std::optional<TrieAccount> decode_account(ByteView encoded);

/// Key of an account in the account trie and owner of its storage trie: keccak256(address).
[[nodiscard]] Hash256 account_key(const Address& address) noexcept;
/// Key of a slot in a storage trie: keccak256 of its 32 bytes.
[[nodiscard]] Hash256 slot_key(const uint256& slot) noexcept;

/// Changed nodes of one trie.
struct TrieChanges {
    TrieOwner owner;
    /// Ascending by path.
    std::vector<TrieNodeChange> nodes;

    bool operator==(const TrieChanges&) const = default;
};

struct AccountProof {
    std::vector<Bytes> nodes;
    /// Nothing if the account does not exist (which `nodes` then prove).
    std::optional<TrieAccount> account;
};

struct StorageProof {
    uint256 slot;
    uint256 value;
    std::vector<Bytes> nodes;
};

/// Not thread-safe. A node that is missing or damaged in the source makes the call fail with ErrorCode::io, and every
/// later call too.
class StateTrie {
public:
    struct Limits {
        /// Nodes kept in memory of the account trie, and of all storage tries together, between commits.
        std::size_t account_nodes_max = 1 << 17;
        std::size_t storage_nodes_max = 1 << 17;
    };

    /// The state with that root, whose nodes `source` gives. For an old height: the source and the root of that height.
    StateTrie(const TrieNodeSource& source, const RootHash& root) : StateTrie(source, root, Limits{}) {}
    StateTrie(const TrieNodeSource& source, const RootHash& root, Limits limits);

    /// Applies a diff and gives the new state root. Several diffs may be applied before one commit.
    [[nodiscard]] Result<RootHash> apply(const StateDiff& diff);
    [[nodiscard]] RootHash root() { return accounts_.root(); }

    /// Changed nodes since the last commit, ascending by owner (the account trie, owner zero, first); tries without
    /// changes are left out. From now on the source must give them.
    [[nodiscard]] std::vector<TrieChanges> commit();
    /// For the next height. Must agree with what was committed.
    void set_source(const TrieNodeSource& source);

    [[nodiscard]] Result<std::optional<TrieAccount>> account(const Address& address);
    [[nodiscard]] Result<uint256> storage(const Address& address, const uint256& slot);
    [[nodiscard]] Result<AccountProof> prove_account(const Address& address);
    /// One proof per slot, in the order asked for.
    [[nodiscard]] Result<std::vector<StorageProof>> prove_storage(const Address& address,
                                                                  const std::vector<uint256>& slots);

private:
    struct OpenTrie {
        Trie trie;
        std::uint32_t last_used = 0;
    };

    Status apply_account(const AccountChange& change);
    Status apply_storage(Trie& trie, const AccountChange& change);
    Trie& open(const TrieOwner& owner, const RootHash& root);
    void close_unused();

    const TrieNodeSource* source_;
    Limits limits_;
    Trie accounts_;
    std::map<TrieOwner, OpenTrie> storages_;
    std::uint32_t period_ = 0;
};

}  // namespace troupe
