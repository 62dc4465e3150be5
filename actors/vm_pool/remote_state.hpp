// State that a worker reads from the process it works for, and remembers.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <unordered_map>

#include "runtime/base/result.hpp"
#include "vm/state/state_view.hpp"

namespace troupe::vm_pool {

/// What was read, by the root of the state it was read from: right for ever, and for whoever serves that state. The
/// oldest roots and codes go first. Thread-safe.
class StateMemory {
public:
    /// Accounts and slots of all roots together, and bytes of codes.
    explicit StateMemory(std::size_t entries_max = 500'000, std::size_t code_bytes_max = 64 << 20)
        : entries_max_(entries_max), code_bytes_max_(code_bytes_max) {}

    /// The outer optional: known.
    [[nodiscard]] std::optional<std::optional<AccountRecord>> account(const RootHash& root, const Address& address);
    [[nodiscard]] std::optional<uint256> slot(const RootHash& root, const Address& address, const uint256& slot);
    /// Null: not known.
    [[nodiscard]] std::shared_ptr<const Bytes> code(const CodeHash& hash);

    void keep_account(const RootHash& root, const Address& address, const std::optional<AccountRecord>& account);
    void keep_slot(const RootHash& root, const Address& address, const uint256& slot, const uint256& value);
    void keep_code(const CodeHash& hash, std::shared_ptr<const Bytes> code);

    [[nodiscard]] std::size_t entries() const;

private:
    struct State {
        std::unordered_map<Address, std::optional<AccountRecord>, FixedBytesHash> accounts;
        std::map<std::pair<Address, uint256>, uint256> slots;
    };
    [[nodiscard]] State& state(const RootHash& root);
    void make_room();

    const std::size_t entries_max_;
    const std::size_t code_bytes_max_;
    mutable std::mutex mutex_;
    std::unordered_map<RootHash, State, FixedBytesHash> states_;
    std::deque<RootHash> order_;
    std::size_t entries_ = 0;
    std::unordered_map<CodeHash, std::shared_ptr<const Bytes>, FixedBytesHash> codes_;
    std::deque<CodeHash> code_order_;
    std::size_t code_bytes_ = 0;
};

/// One read call's view. After a query that failed everything is empty, and what was computed is of no use.
class RemoteState final : public StateReader {
public:
    using Query = std::function<Result<Bytes>(const char* method, ByteView body)>;
    RemoteState(const RootHash& root, StateMemory& memory, Query query)
        : root_(root), memory_(memory), query_(std::move(query)) {}

    [[nodiscard]] std::optional<AccountRecord> account(const Address& address) override;
    [[nodiscard]] uint256 storage(const Address& address, const uint256& slot) override;
    [[nodiscard]] bool has_storage(const Address& address) override;
    [[nodiscard]] std::shared_ptr<const Bytes> code(const CodeHash& hash) override;
    [[nodiscard]] Hash256 block_hash(std::uint64_t number);

    [[nodiscard]] const Status& status() const noexcept { return status_; }

private:
    template <class Reply, class Body>
    [[nodiscard]] std::optional<Reply> ask(const char* method, const Body& body);
    [[nodiscard]] bool take_code(const CodeHash& hash);

    RootHash root_;
    StateMemory& memory_;
    Query query_;
    /// Of the accounts that were read.
    std::unordered_map<CodeHash, std::shared_ptr<const Bytes>, FixedBytesHash> codes_;
    Status status_ = Done{};
};

}  // namespace troupe::vm_pool
