// What executed blocks have changed and the database does not have yet. Blocks that follow one another under load
// change the same accounts again and again: written together, each goes to disk once.
#pragma once

#include <map>
#include <memory>
#include <optional>

#include "persistence/chain_types.hpp"
#include "vm/state/state_diff.hpp"
#include "vm/state/state_view.hpp"

namespace troupe::executor {

class UnsavedState {
public:
    /// After the changes of the blocks before.
    void add(const StateDiff& diff);

    /// Outer nothing: as in the database. Inner nothing: there is no such account.
    [[nodiscard]] std::optional<std::optional<AccountRecord>> account(const Address& address) const;
    /// Nothing: as in the database.
    [[nodiscard]] std::optional<uint256> storage(const Address& address, const uint256& slot) const;
    /// Null: as in the database.
    [[nodiscard]] std::shared_ptr<const Bytes> code(const CodeHash& hash) const;

    /// Accounts and slots.
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::vector<AccountUpdate> account_updates() const;
    [[nodiscard]] std::vector<std::pair<CodeHash, Bytes>> code_updates() const;
    void clear() noexcept;

private:
    struct Account {
        std::optional<AccountRecord> record;
        /// What the database has of its storage is gone.
        bool storage_cleared = false;
        std::map<uint256, uint256> storage;
    };

    std::map<Address, Account> accounts_;
    std::map<CodeHash, std::shared_ptr<const Bytes>> codes_;
    std::size_t size_ = 0;
};

}  // namespace troupe::executor
