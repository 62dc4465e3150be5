// The state while transactions execute: reads through to a StateReader, keeps every change with the way back, and
// gives at the end what changed. One object executes any number of transactions in a row.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "vm/state/state_diff.hpp"
#include "vm/state/state_view.hpp"

namespace troupe {

struct EvmLog {
    Address address;
    std::vector<Hash256> topics;
    Bytes data;

    bool operator==(const EvmLog&) const = default;
};

/// Not thread-safe.
class JournaledState {
public:
    explicit JournaledState(StateReader& base) : base_(base) {}

    // Transactions ----------------------------------------------------------------------------------------------------

    /// Clears what lives for one transaction: warm sets, transient storage, logs, refund, original values.
    void begin_transaction();
    /// Removes accounts that self-destructed, and touched empty ones if `delete_empty` (EIP-161).
    void finish_transaction(bool delete_empty);
    /// What changed since construction, in canonical order. The state can be used on.
    [[nodiscard]] StateDiff diff() const;

    using Snapshot = std::size_t;
    [[nodiscard]] Snapshot snapshot() const noexcept { return journal_.size(); }
    void revert(Snapshot to);

    // Accounts --------------------------------------------------------------------------------------------------------

    [[nodiscard]] bool exists(const Address& address) { return load(address).exists; }
    /// EIP-161: no code, nonce 0, balance 0. True too for what does not exist.
    [[nodiscard]] bool is_empty(const Address& address);
    [[nodiscard]] uint256 balance(const Address& address) { return load(address).record.balance; }
    [[nodiscard]] std::uint64_t nonce(const Address& address) { return load(address).record.nonce; }
    [[nodiscard]] CodeHash code_hash(const Address& address);
    [[nodiscard]] std::shared_ptr<const Bytes> code(const Address& address);
    /// Any slot ever set? EIP-7610: no contract is created over old storage. Only what this object has seen.
    [[nodiscard]] bool has_storage(const Address& address);

    void touch(const Address& address);
    void add_balance(const Address& address, const uint256& amount);
    /// The caller has checked that there is enough.
    void subtract_balance(const Address& address, const uint256& amount);
    void set_balance(const Address& address, const uint256& amount);
    void set_nonce(const Address& address, std::uint64_t nonce);
    void set_code(const Address& address, Bytes code);
    /// Makes the account anew, keeping its balance; its storage from before is gone.
    void create_account(const Address& address);
    [[nodiscard]] bool created_in_transaction(const Address& address) { return load(address).created_now; }
    void self_destruct(const Address& address);
    [[nodiscard]] bool has_self_destructed(const Address& address) { return load(address).destructed; }

    // Storage ---------------------------------------------------------------------------------------------------------

    [[nodiscard]] uint256 storage(const Address& address, const uint256& slot);
    /// Value at the start of the transaction (EIP-2200).
    [[nodiscard]] uint256 original_storage(const Address& address, const uint256& slot);
    void set_storage(const Address& address, const uint256& slot, const uint256& value);
    [[nodiscard]] uint256 transient_storage(const Address& address, const uint256& slot) const;
    void set_transient_storage(const Address& address, const uint256& slot, const uint256& value);

    // Warmth (EIP-2929): true if it was cold.
    // ---------------------------------------------------------------------------

    bool warm_address(const Address& address);
    bool warm_slot(const Address& address, const uint256& slot);
    [[nodiscard]] bool is_warm(const Address& address) { return load(address).warm == transaction_; }

    // Logs and refund -------------------------------------------------------------------------------------------------

    void add_log(EvmLog log);
    [[nodiscard]] const std::vector<EvmLog>& logs() const noexcept { return logs_; }
    [[nodiscard]] std::vector<EvmLog> take_logs() noexcept { return std::move(logs_); }
    void add_refund(std::int64_t amount);
    [[nodiscard]] std::int64_t refund() const noexcept { return refund_; }

private:
    struct SlotHash {
        std::size_t operator()(const uint256& slot) const noexcept {
            const auto mix = slot.limb[0] ^ slot.limb[1] * 3 ^ slot.limb[2] * 5 ^ slot.limb[3] * 7;
            return static_cast<std::size_t>(mix * 0x9e3779b97f4a7c15ULL);
        }
    };
    struct Slot {
        uint256 current;
        uint256 original;        // at the start of transaction `of`
        uint256 base;            // in the base state
        std::uint64_t of = 0;    // transaction that `original` belongs to
        std::uint64_t warm = 0;  // transaction in which it is warm
        bool dirty = false;      // may differ from base
    };
    struct Account {
        AccountRecord record;
        std::optional<AccountRecord> base;
        std::shared_ptr<const Bytes> code;  // null: not loaded
        std::unordered_map<uint256, Slot, SlotHash> slots;
        bool exists = false;
        bool code_changed = false;
        /// The base state's storage no longer shows through.
        bool storage_cleared = false;
        bool created_now = false;
        bool destructed = false;
        bool touched = false;
        std::uint64_t warm = 0;
    };

    Account& load(const Address& address);
    Slot& load_slot(const Address& address, Account& account, const uint256& slot);
    void note_record(const Address& address, Account& account);
    void note_flag(const Address& address, bool Account::*flag, bool value);

    struct Entry {
        enum class Kind : std::uint8_t {
            record,
            code,
            slot,
            transient,
            flag,
            warm_account,
            warm_slot,
            log,
            refund,
            recreated
        };
        Kind kind{};
        Address address;
        uint256 slot;
        uint256 value;
        AccountRecord record;
        bool existed = false;
        bool Account::*flag = nullptr;
        bool flag_value = false;
        bool changed = false;
        std::int64_t refund = 0;
        std::shared_ptr<const Bytes> code;
        std::shared_ptr<Account> account;
    };

    StateReader& base_;
    std::unordered_map<Address, Account, FixedBytesHash> accounts_;
    std::map<std::pair<Address, uint256>, uint256> transient_;
    std::vector<Entry> journal_;
    /// Accounts to look at when the transaction ends.
    std::vector<Address> touched_;
    std::vector<EvmLog> logs_;
    std::int64_t refund_ = 0;
    std::uint64_t transaction_ = 1;
};

}  // namespace troupe
