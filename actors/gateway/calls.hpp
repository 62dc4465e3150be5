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
    std::vector<std::pair<uint256, uint256>> slots;
    /// The slots are all there are (`state`), not set besides what is there (`stateDiff`).
    bool replaces_storage = false;
};
using StateOverrides = std::map<Address, AccountOverride>;

/// Block overrides of eth_call, likewise.
struct BlockOverride {
    std::optional<uint256> number;
    /// Seconds.
    std::optional<uint256> time;
    std::optional<uint256> gas_limit;
    std::optional<uint256> base_fee;
    std::optional<uint256> prevrandao;
    std::optional<Address> coinbase;
};

struct CallRequest {
    evm::TransactionInput transaction;
    /// No limit was named: the most a call may use.
    bool gas_named = false;
    StateOverrides overrides;
    BlockOverride block;
};

struct CallResult {
    bool succeeded = false;
    bool reverted = false;
    std::string error;
    Bytes output;
    std::uint64_t gas = 0;  // used, or estimated
    std::map<Address, std::set<uint256>> accessed;
};

/// Most gas of a call without a limit of its own: bounds what one request can cost the node.
inline constexpr std::uint64_t call_gas_max = 50'000'000;

void apply_overrides(JournaledState& state, const StateOverrides& overrides);
void apply_overrides(evm::BlockContext& context, const BlockOverride& overrides);

/// What a creation gives to its caller is the new code; viem reads through constructors so.
void show_created_code(JournaledState& state, evm::ExecutionReceipt& receipt);

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

    /// The block as instructions of a call on its state see it.
    [[nodiscard]] evm::BlockContext context(const ExecutedBlock& block) const;
    [[nodiscard]] const ChainView& chain() const noexcept { return chain_; }
    [[nodiscard]] evm::AnalysisCache& codes() const noexcept { return *codes_; }

private:
    [[nodiscard]] CallResult run(StateReader& base, const CallRequest& request, const ExecutedBlock& block,
                                 std::uint64_t gas, evm::Tracer* tracer) const;

    const ChainView& chain_;
    std::shared_ptr<const Genesis> genesis_;
    std::shared_ptr<evm::AnalysisCache> codes_;
};

}  // namespace troupe::gateway
