// What transactions did to the state, apart from the state they ran on: what parallel execution keeps of a speculative
// run.
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "vm/state/state_view.hpp"

namespace troupe {

/// Each place once; in no particular order.
struct TransactionEffects {
    struct AccountWrite {
        Address address;
        /// Nothing: the account no longer exists, nor does its storage.
        std::optional<AccountRecord> record;
        /// Its storage from before is gone; `slots` holds what it has now.
        bool storage_cleared = false;
        /// Deployed code; null if none was.
        std::shared_ptr<const Bytes> code;
    };
    struct SlotWrite {
        Address address;
        uint256 slot;
        uint256 value;
    };
    /// Money for an account that they did not otherwise look at: these commute.
    struct Credit {
        Address address;
        uint256 amount;
        /// The first of it was nothing: that removes an account that is empty.
        bool removes_empty = false;
    };

    std::vector<AccountWrite> accounts;
    std::vector<SlotWrite> slots;
    std::vector<Credit> credits;
};

/// EIP-161.
[[nodiscard]] inline bool is_empty(const AccountRecord& account) noexcept {
    return account.nonce == 0 && account.balance.is_zero() && account.code_hash == empty_code_hash;
}

/// The account after a credit, which touches it: what stays empty is removed.
[[nodiscard]] inline std::optional<AccountRecord> with_credit(std::optional<AccountRecord> account,
                                                              const uint256& amount) {
    if (!account) account = AccountRecord{0, {}, empty_code_hash};
    account->balance = account->balance + amount;
    return is_empty(*account) ? std::nullopt : account;
}

}  // namespace troupe
