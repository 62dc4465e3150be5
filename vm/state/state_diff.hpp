// What one block (or one transaction) changed: the journal's output, the input of storage and of the state trie.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "runtime/base/bytes.hpp"
#include "runtime/base/uint256.hpp"

namespace troupe {

/// The state of one account after the change. Accounts that did not change are not listed.
struct AccountChange {
    Address address;
    /// The account no longer exists; all fields below are then at their defaults and its storage is gone.
    bool deleted = false;
    std::uint64_t nonce = 0;
    uint256 balance;
    /// keccak256 of the code; of the empty string for an account without code.
    CodeHash code_hash;
    /// All storage from before was dropped first (the account was created anew); `storage` then holds everything.
    bool storage_cleared = false;
    /// New slot values in ascending slot order, each slot once. A zero value removes the slot.
    std::vector<std::pair<uint256, uint256>> storage;

    bool operator==(const AccountChange&) const = default;
};

struct StateDiff {
    /// Ascending by address, each address once.
    std::vector<AccountChange> accounts;
    /// Code that was deployed, by its hash. May repeat code that is stored already: it is content-addressed.
    std::vector<std::pair<CodeHash, Bytes>> codes;

    bool operator==(const StateDiff&) const = default;
};

}  // namespace troupe
