// A small state in memory, and one call on it.
#pragma once

#include <map>

#include "runtime/crypto/keccak.hpp"
#include "vm/evm/transaction.hpp"

namespace troupe::evm::testing {

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
    bool has_storage(const Address& address) override {
        const auto it = slots.lower_bound({address, uint256{}});
        return it != slots.end() && it->first.first == address;
    }
    std::shared_ptr<const Bytes> code(const CodeHash& hash) override {
        const auto it = codes.find(hash);
        return it == codes.end() ? std::make_shared<const Bytes>() : it->second;
    }
    void put(const Address& address, const uint256& balance, Bytes code = {}) {
        const auto hash = code.empty() ? empty_code_hash : CodeHash::from(keccak256(code));
        accounts[address] = {0, balance, hash};
        codes[hash] = std::make_shared<const Bytes>(std::move(code));
    }

    std::map<Address, AccountRecord> accounts;
    std::map<std::pair<Address, uint256>, uint256> slots;
    std::map<CodeHash, std::shared_ptr<const Bytes>> codes;
};

[[nodiscard]] inline Address address(std::uint8_t last) {
    Address out;
    out[0] = 0xaa;
    out[19] = last;
    return out;
}
inline const Address sender = address(1);
inline const Address target = address(2);

/// One transaction from `sender` to `target`, which has `code`.
struct Run {
    ExecutionReceipt receipt;
    StateDiff diff;
};
[[nodiscard]] inline Run execute(World& world, std::uint64_t gas, AnalysisCache& codes, Tracer* tracer = nullptr,
                                 Bytes data = {}, Revision revision = Revision::Osaka) {
    BlockContext block;
    block.gas_limit = 1'000'000'000;
    block.number = 100;
    block.chain_id = uint256{1};
    TransactionInput tx;
    tx.sender = sender;
    tx.to = target;
    tx.gas_limit = gas;
    tx.data = std::move(data);
    JournaledState state{world};
    Run out;
    out.receipt = execute_transaction(state, block, tx, revision, codes, Charging::call, tracer);
    out.diff = state.diff();
    return out;
}

}  // namespace troupe::evm::testing
