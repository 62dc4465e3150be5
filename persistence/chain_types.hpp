// What the chain database takes and gives. Ids and bytes only: what the bytes mean is their owners' affair.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "runtime/base/bytes.hpp"
#include "runtime/base/strong.hpp"

namespace troupe {

/// The state of one account after a block; accounts that did not change are not listed.
struct AccountUpdate {
    Address address;
    /// Nothing: the account is gone, and its storage with it.
    std::optional<Bytes> data;
    /// Storage from before is dropped first; `storage` then holds everything.
    bool storage_cleared = false;
    /// Slot and new value; zero removes the slot.
    std::vector<std::pair<Hash256, Hash256>> storage;
};

/// One trie node as it is from a height on.
struct TrieNodeUpdate {
    /// Zero for the account trie, keccak256(address) for a storage trie.
    Hash256 owner;
    /// Path from the root in any form that is unique, at most 255 bytes.
    Bytes path;
    /// Nothing: there is no node at the path any more.
    std::optional<Bytes> node;
};

struct SeenTransaction {
    TransactionHash hash;
    /// When it can be forgotten: nothing with this hash can execute any more.
    TimeMs expiry;

    bool operator==(const SeenTransaction&) const = default;
};

/// Everything that executing one block changes.
struct ExecutionUpdate {
    /// The executed tip plus one; any height in a database that has none (genesis, snapshot).
    Height height;
    BlockHash hash;
    Bytes executed_block;
    LogsBloom bloom;
    std::vector<AccountUpdate> accounts;
    std::vector<std::pair<CodeHash, Bytes>> codes;
    std::vector<TrieNodeUpdate> trie_nodes;
    std::vector<SeenTransaction> seen;
    /// In order; their place is what the transaction index keeps, where it is enabled.
    std::vector<TransactionHash> transactions;
};

struct TransactionPlace {
    Height height;
    std::uint64_t index = 0;

    bool operator==(const TransactionPlace&) const = default;
};

struct StoredBlock {
    Height height;
    BlockHash hash;
    Bytes data;
};

}  // namespace troupe
