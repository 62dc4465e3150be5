// A state with changes on top that were never stored: what a block's earlier transactions left for the next.
#pragma once

#include <map>
#include <set>

#include "vm/state/state_diff.hpp"
#include "vm/state/state_view.hpp"

namespace troupe::gateway {

class Overlay final : public StateReader {
public:
    explicit Overlay(StateReader& base) : base_(base) {}

    void apply(const StateDiff& diff);

    [[nodiscard]] std::optional<AccountRecord> account(const Address& address) override;
    [[nodiscard]] uint256 storage(const Address& address, const uint256& slot) override;
    [[nodiscard]] bool has_storage(const Address& address) override;
    [[nodiscard]] std::shared_ptr<const Bytes> code(const CodeHash& hash) override;

private:
    struct Changed {
        std::optional<AccountRecord> record;
        /// The base's slots no longer show through.
        bool is_cleared = false;
        std::map<uint256, uint256> slots;
    };

    StateReader& base_;
    std::map<Address, Changed> accounts_;
    std::map<CodeHash, std::shared_ptr<const Bytes>> codes_;
};

}  // namespace troupe::gateway
