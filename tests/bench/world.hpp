// A state without storage below it but what is put into it, as an executor's caches are when they are warm.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "runtime/crypto/keccak.hpp"
#include "vm/state/key_hash.hpp"
#include "vm/state/state_diff.hpp"
#include "vm/state/state_view.hpp"

namespace troupe {

class World final : public StateReader {
public:
    std::optional<AccountRecord> account(const Address& address) override {
        const auto it = accounts.find(address);
        return it == accounts.end() ? std::nullopt : std::optional{it->second};
    }
    uint256 storage(const Address& address, const uint256& slot) override {
        const auto it = slots.find({address, slot});
        return it == slots.end() ? uint256{} : it->second;
    }
    std::shared_ptr<const Bytes> code(const CodeHash& hash) override {
        const auto it = codes.find(hash);
        return it == codes.end() ? std::make_shared<const Bytes>() : it->second;
    }
    void apply(const StateDiff& diff) {
        for (const auto& change : diff.accounts) {
            accounts[change.address] = {change.nonce, change.balance, change.code_hash};
            for (const auto& [slot, value] : change.storage) slots[{change.address, slot}] = value;
        }
        for (const auto& [hash, code] : diff.codes) codes[hash] = std::make_shared<const Bytes>(code);
    }

    std::unordered_map<Address, AccountRecord, AddressHash> accounts;
    std::unordered_map<SlotPlace, uint256, SlotPlaceHash> slots;
    std::map<CodeHash, std::shared_ptr<const Bytes>> codes;
};

[[nodiscard]] inline Address account_address(std::uint64_t n) {
    return *Address::from_view(keccak256(as_bytes(std::to_string(n))).view().last(20));
}

}  // namespace troupe
