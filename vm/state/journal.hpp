// The state while transactions execute: reads through to a StateReader, keeps every change with the way back, and
// gives at the end what changed. One object executes any number of transactions in a row.
#pragma once

#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "vm/state/effects.hpp"
#include "vm/state/key_hash.hpp"
#include "vm/state/state_diff.hpp"
#include "vm/state/state_view.hpp"

namespace troupe {

struct EvmLog {
    Address address;
    std::vector<Hash256> topics;
    Bytes data;

    bool operator==(const EvmLog&) const = default;
};

/// What credit() does with an account that was not read.
enum class Credits : std::uint8_t { at_once, apart };

/// Not thread-safe.
class JournaledState {
public:
    explicit JournaledState(StateReader& base, Credits credits = Credits::at_once)
        : base_(base), credits_apart_(credits == Credits::apart) {}
    JournaledState(const JournaledState&) = delete;
    JournaledState& operator=(const JournaledState&) = delete;

    // Transactions ----------------------------------------------------------------------------------------------------

    /// Clears what lives for one transaction: warm sets, transient storage, logs, original values.
    void begin_transaction();
    /// Removes accounts that self-destructed, and touched empty ones if `delete_empty` (EIP-161).
    void finish_transaction(bool delete_empty);
    /// What changed since construction, in canonical order. The state can be used on.
    [[nodiscard]] StateDiff diff() const;

    /// What changed since construction, credits apart. The state ends with it.
    [[nodiscard]] TransactionEffects take_effects();
    /// Between transactions: as if the transactions that had these effects had run here.
    void apply(const TransactionEffects& effects);

    using Snapshot = std::size_t;
    [[nodiscard]] Snapshot snapshot() const noexcept { return journal_.size(); }
    void revert(Snapshot to);

    // Accounts --------------------------------------------------------------------------------------------------------

    [[nodiscard]] bool exists(const Address& address) { return load(address).exists; }
    /// EIP-161: no code, nonce 0, balance 0. True too for what does not exist.
    [[nodiscard]] bool is_empty(const Address& address);
    [[nodiscard]] uint256 balance(const Address& address) { return load(address).record.balance; }
    [[nodiscard]] std::uint64_t nonce(const Address& address) { return load(address).record.nonce; }
    [[nodiscard]] const CodeHash& code_hash(const Address& address) { return load(address).record.code_hash; }
    /// Never null. The reference holds until the account changes.
    [[nodiscard]] const std::shared_ptr<const Bytes>& code(const Address& address);
    /// Any slot not zero? EIP-7610: no contract is created over old storage.
    [[nodiscard]] bool has_storage(const Address& address);

    void touch(const Address& address);
    /// The touch outlives a revert, as one of the RIPEMD-160 precompile must (yellow paper, appendix K.1).
    void touch_for_good(const Address& address);
    void add_balance(const Address& address, const uint256& amount);
    /// add_balance() as a transaction's last step. With Credits::apart an account that was not looked at is not read
    /// for it: the credit goes to the effects by itself.
    void credit(const Address& address, const uint256& amount);
    /// The caller has checked that there is enough.
    void subtract_balance(const Address& address, const uint256& amount);
    void set_balance(const Address& address, const uint256& amount);
    void set_nonce(const Address& address, std::uint64_t nonce);
    void set_code(const Address& address, Bytes code);
    /// Makes the account anew, keeping its balance; its storage from before is gone.
    void create_account(const Address& address);
    [[nodiscard]] bool created_in_transaction(const Address& address) { return load(address).created == transaction_; }
    void self_destruct(const Address& address);
    [[nodiscard]] bool has_self_destructed(const Address& address) { return load(address).destructed == transaction_; }

    // Storage ---------------------------------------------------------------------------------------------------------

    [[nodiscard]] uint256 storage(const Address& address, const uint256& slot);
    /// Value at the start of the transaction (EIP-2200).
    [[nodiscard]] uint256 original_storage(const Address& address, const uint256& slot);
    void set_storage(const Address& address, const uint256& slot, const uint256& value);
    [[nodiscard]] uint256 transient_storage(const Address& address, const uint256& slot) const;
    void set_transient_storage(const Address& address, const uint256& slot, const uint256& value);

    // Warmth (EIP-2929): true if it was cold --------------------------------------------------------------------------

    bool warm_address(const Address& address);
    bool warm_slot(const Address& address, const uint256& slot);
    struct SlotAccess {
        uint256 current;
        uint256 original;
        bool was_cold = false;
    };
    /// warm_slot(), storage() and original_storage() in one.
    [[nodiscard]] SlotAccess access_slot(const Address& address, const uint256& slot);
    /// access_slot() and set_storage() in one; gives what was before.
    SlotAccess write_slot(const Address& address, const uint256& slot, const uint256& value);

    // Logs ------------------------------------------------------------------------------------------------------------

    void add_log(EvmLog log);
    [[nodiscard]] const std::vector<EvmLog>& logs() const noexcept { return logs_; }
    [[nodiscard]] std::vector<EvmLog> take_logs() noexcept { return std::move(logs_); }

private:
    /// Numbers that name a transaction mean "in that one", so that nothing needs clearing between transactions.
    using TransactionNumber = std::uint64_t;

    struct Slot {
        uint256 current;
        uint256 original;          // at the start of transaction `of`
        uint256 base;              // in the base state
        TransactionNumber of = 0;  // transaction that `original` belongs to
        TransactionNumber warm = 0;
        bool dirty = false;  // may differ from base
    };
    using Slots = std::unordered_map<uint256, Slot, SlotHash>;

    struct Account {
        AccountRecord record;
        std::optional<AccountRecord> base;
        std::shared_ptr<const Bytes> code;  // null: not loaded
        Slots slots;
        /// False: only its warmth is known.
        bool is_loaded = false;
        bool exists = false;
        bool code_changed = false;
        /// The base state's storage no longer shows through.
        bool storage_cleared = false;
        TransactionNumber created = 0;
        TransactionNumber destructed = 0;
        TransactionNumber touched = 0;
        TransactionNumber touched_for_good = 0;
        TransactionNumber warm = 0;

        [[nodiscard]] bool is_empty() const noexcept { return troupe::is_empty(record); }
        void remove();
    };

    /// One step back. Small, and without a destructor: most transactions end without looking at theirs again.
    struct Entry {
        enum class Kind : std::uint8_t {
            balance,       // account, number, flag: existed
            nonce,         // account, number, flag: existed
            code,          // account, index into saved_codes_
            slot,          // slot, number
            transient,     // word, number
            touched,       // account
            destructed,    // account
            warm_account,  // account
            warm_slot,     // slot
            log,
            recreated  // account, index into saved_accounts_
        };
        Kind kind{};
        bool flag = false;
        union {
            Account* account = nullptr;
            Slot* slot;
            uint256* word;
        };
        uint256 number{};
    };
    struct SavedCode {
        CodeHash hash;
        std::shared_ptr<const Bytes> code;
        bool existed = false;
        bool changed = false;
    };

    /// Known or not; not read.
    Account& entry(const Address& address);
    Account& load(const Address& address) {
        auto& account = entry(address);
        if (!account.is_loaded) fetch(address, account);
        return account;
    }
    void fetch(const Address& address, Account& account);
    /// What was credited to the account before it was looked at.
    void take_credit(const Address& address, Account& account);
    Slot& load_slot(const Address& address, Account& account, const uint256& slot);
    bool warm(Slot& slot);
    void write(Slot& slot, const uint256& value);
    void touch(Account& account);
    void set_balance(Account& account, const uint256& amount);
    void note(Entry::Kind kind, Account& account, const uint256& number = {}, bool flag = false);

    StateReader& base_;
    const bool credits_apart_;
    std::vector<TransactionEffects::Credit> credits_;
    /// Accounts and slots keep their places in memory: the journal points at them.
    std::unordered_map<Address, Account, AddressHash> accounts_;
    /// What load() gave last: instructions ask about their own account again and again.
    std::pair<const Address, Account>* last_ = nullptr;
    std::unordered_map<SlotPlace, uint256, SlotPlaceHash> transient_;
    std::vector<Entry> journal_;
    std::vector<SavedCode> saved_codes_;
    std::vector<Account> saved_accounts_;
    /// Accounts to look at when the transaction ends, each at least once.
    std::vector<Account*> touched_;
    std::vector<EvmLog> logs_;
    TransactionNumber transaction_ = 1;
};

}  // namespace troupe
