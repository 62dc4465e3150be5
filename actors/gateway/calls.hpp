// Read calls: eth_call, eth_estimateGas, eth_createAccessList over the state of one height. Run on a pool worker.
#pragma once

#include <map>
#include <set>

#include "actors/gateway/chain_view.hpp"
#include "vm/evm/transaction.hpp"

namespace troupe::gateway {

/// State overrides of eth_call, as geth takes them.
struct AccountOverride {
    std::optional<uint256> balance;
    std::optional<std::uint64_t> nonce;
    std::optional<Bytes> code;
    /// Slots that replace the account's (`state`) or are set besides (`stateDiff`): the latter only.
    std::vector<std::pair<uint256, uint256>> slots;
};

struct CallRequest {
    evm::TransactionInput transaction;
    /// No limit was named: the most a call may use.
    bool gas_named = false;
    std::map<Address, AccountOverride> overrides;
    std::optional<uint256> block_number;
    std::optional<uint256> block_timestamp;
};

struct CallResult {
    bool succeeded = false;
    bool reverted = false;
    std::string error;
    Bytes output;
    std::uint64_t gas = 0;  // used, or estimated
    std::map<Address, std::set<uint256>> accessed;
};

class CallRunner {
public:
    CallRunner(const ChainView& chain, std::shared_ptr<const Genesis> genesis,
               std::shared_ptr<evm::AnalysisCache> codes)
        : chain_(chain), genesis_(std::move(genesis)), codes_(std::move(codes)) {}

    /// Nothing: there is no state of that height.
    [[nodiscard]] std::optional<CallResult> call(const CallRequest& request, Height height) const;
    /// Least gas with which it succeeds, within 1.5 % (geth's tolerance).
    [[nodiscard]] std::optional<CallResult> estimate(CallRequest request, Height height) const;
    [[nodiscard]] std::optional<CallResult> access_list(const CallRequest& request, Height height) const;

private:
    [[nodiscard]] CallResult run(StateReader& base, const CallRequest& request, const ExecutedBlock& block,
                                 std::uint64_t gas, evm::Tracer* tracer) const;

    const ChainView& chain_;
    std::shared_ptr<const Genesis> genesis_;
    std::shared_ptr<evm::AnalysisCache> codes_;
};

}  // namespace troupe::gateway
