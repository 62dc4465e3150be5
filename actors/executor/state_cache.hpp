// The state at the executed tip, read through bounded caches: what execution works on, and what builders and gateways
// ask about who pays. Execution reads from one thread at a time; payer() may be called from any.
#pragma once

#include <map>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

#include "actors/execution/outcome.hpp"
#include "actors/executor/stored_account.hpp"
#include "actors/executor/unsaved_state.hpp"
#include "persistence/chain_reader.hpp"

namespace troupe::executor {

class StateCache final : public StateReader, public PayerReader {
public:
    /// Both readers are on the state database; `execution_reader` is used by the executing thread only.
    StateCache(ChainReader& execution_reader, ChainReader payer_reader, std::size_t entries_max = 1 << 20)
        : reader_(execution_reader), payer_reader_(std::move(payer_reader)), entries_max_(entries_max) {}

    // StateReader
    [[nodiscard]] std::optional<AccountRecord> account(const Address& address) override;
    [[nodiscard]] uint256 storage(const Address& address, const uint256& slot) override;
    [[nodiscard]] std::shared_ptr<const Bytes> code(const CodeHash& hash) override;

    // PayerReader
    [[nodiscard]] PayerState payer(const Address& address) const override;
    [[nodiscard]] bool native_executed(const TransactionHash& hash) const override;

    /// A block has executed. What it changed counts as unsaved until `saved`.
    void apply(const StateDiff& diff, const std::vector<std::pair<TransactionHash, TimeMs>>& natives, TimeMs timestamp);
    [[nodiscard]] const UnsavedState& unsaved() const noexcept { return unsaved_; }
    /// All that is unsaved is in the database now.
    void saved();
    /// Native transactions that executed before a restart.
    void remember_native(const TransactionHash& hash, TimeMs expiry);

private:
    struct SlotKey {
        Address address;
        uint256 slot;
        bool operator==(const SlotKey&) const = default;
    };
    struct SlotKeyHash {
        std::size_t operator()(const SlotKey& key) const noexcept {
            const auto mix = key.slot.limb[0] ^ key.slot.limb[1] * 3 ^ key.slot.limb[2] * 5 ^ key.slot.limb[3] * 7;
            return FixedBytesHash{}(key.address) ^ static_cast<std::size_t>(mix * 0x9e3779b97f4a7c15ULL);
        }
    };

    [[nodiscard]] std::optional<uint256> known_slot(const SlotKey& key) const;

    ChainReader& reader_;
    /// Guards everything that payer() touches: the caches are written by the executing thread only.
    mutable std::shared_mutex mutex_;
    mutable std::mutex payer_reader_mutex_;
    mutable ChainReader payer_reader_;
    std::size_t entries_max_;
    std::unordered_map<Address, std::optional<AccountRecord>, FixedBytesHash> accounts_;
    std::unordered_map<SlotKey, uint256, SlotKeyHash> slots_;
    UnsavedState unsaved_;
    /// Bonds as read by payer(), until the registry changes; the count tells a reader that it did meanwhile.
    mutable std::unordered_map<Address, uint256, FixedBytesHash> bonds_read_;
    std::uint64_t registry_changes_ = 0;
    std::unordered_map<CodeHash, std::shared_ptr<const Bytes>, FixedBytesHash> codes_;
    std::unordered_map<TransactionHash, TimeMs, FixedBytesHash> natives_;
    std::multimap<TimeMs, TransactionHash> natives_by_expiry_;
};

}  // namespace troupe::executor
