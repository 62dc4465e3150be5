#include "actors/execution/read_call.hpp"

#include "actors/execution/evm_input.hpp"
#include "runtime/base/limits.hpp"
#include "vm/evm/opcodes.hpp"

namespace troupe {
namespace {

class AccessTracer final : public evm::Tracer {
public:
    explicit AccessTracer(std::map<Address, std::set<uint256>>& accessed) : accessed_(accessed) {}
    void on_step(const Step& step) override {
        const auto top = [&](std::size_t i) { return step.stack[step.stack.size() - 1 - i]; };
        switch (step.opcode) {
            case evm::SLOAD:
            case evm::SSTORE:
                if (!step.stack.empty()) accessed_[step.self].insert(top(0));
                break;
            case evm::BALANCE:
            case evm::EXTCODESIZE:
            case evm::EXTCODECOPY:
            case evm::EXTCODEHASH:
            case evm::SELFDESTRUCT:
                if (!step.stack.empty()) accessed_[evm::to_address(top(0))];
                break;
            case evm::CALL:
            case evm::CALLCODE:
            case evm::DELEGATECALL:
            case evm::STATICCALL:
                if (step.stack.size() > 1) accessed_[evm::to_address(top(1))];
                break;
            default: break;
        }
    }

private:
    std::map<Address, std::set<uint256>>& accessed_;
};

/// One request on one state; each run begins from that state anew.
class Runner {
public:
    Runner(const CallRequest& request, StateReader& state, const evm::BlockContext& context, evm::AnalysisCache& codes)
        : request_(request), state_(state), context_(context), codes_(codes) {}

    [[nodiscard]] CallResult run(std::uint64_t gas, evm::Tracer* tracer = nullptr) const {
        JournaledState state{state_};
        apply_overrides(state, request_.overrides);
        auto context = context_;
        apply_overrides(context, request_.block);
        auto transaction = request_.transaction;
        transaction.gas_limit = gas;
        CallResult result;
        if (const auto wrong = evm::validate_stateless(transaction, context, chain_revision, evm::Charging::call)) {
            result.error = wrong->message;
            return result;
        }
        auto receipt =
            evm::execute_transaction(state, context, transaction, chain_revision, codes_, evm::Charging::call, tracer);
        show_created_code(state, receipt);
        result.succeeded = receipt.succeeded;
        result.reverted = receipt.reverted;
        result.error = std::move(receipt.error);
        result.output = std::move(receipt.output);
        result.gas = receipt.gas_used;
        return result;
    }

    [[nodiscard]] CallResult estimate() const;
    [[nodiscard]] CallResult access_list() const;
    [[nodiscard]] std::uint64_t gas_of_call() const {
        return request_.gas_named ? std::min(request_.transaction.gas_limit, call_gas_max) : call_gas_max;
    }

private:
    const CallRequest& request_;
    StateReader& state_;
    const evm::BlockContext& context_;
    evm::AnalysisCache& codes_;
};

CallResult Runner::estimate() const {
    auto cap = limits::transaction_gas_max;
    if (request_.gas_named) cap = std::min(cap, request_.transaction.gas_limit);
    const auto& tx = request_.transaction;
    const auto balance = [&] {
        const auto given = request_.overrides.find(tx.sender);
        if (given != request_.overrides.end() && given->second.balance) return *given->second.balance;
        const auto account = state_.account(tx.sender);
        return account ? account->balance : uint256{};
    }();
    if (balance < tx.value)
        return CallResult{false,
                          false,
                          "insufficient funds for gas * price + value: address " + to_hex_prefixed(tx.sender.view()) +
                              " have " + to_decimal(balance) + " want " + to_decimal(tx.value),
                          {},
                          0,
                          {}};
    if (!tx.max_fee_per_gas.is_zero()) {
        const auto affordable = (balance - tx.value) / tx.max_fee_per_gas;
        if (affordable < uint256{cap}) cap = affordable.low64();
    }
    auto highest = run(cap);
    if (!highest.succeeded) {
        if (!highest.reverted && highest.error == "out of gas")
            highest.error = "gas required exceeds allowance (" + std::to_string(cap) + ")";
        return highest;
    }
    std::uint64_t low = highest.gas - 1;
    std::uint64_t high = cap;
    // The first try is nearly always right: what was used, and what the 63/64 rule and refunds may hold back.
    auto guess = std::min(high, (highest.gas * 5 / 4 + 2300) * 64 / 63);
    if (run(highest.gas).succeeded) {
        highest.gas = std::max<std::uint64_t>(highest.gas, 21000);
        return highest;
    }
    while (low + 1 < high) {
        if ((high - low) * 1000 < high * 15) break;
        if (run(guess).succeeded)
            high = guess;
        else
            low = guess;
        guess = std::min(low + (high - low) / 2, low * 2);
    }
    highest.gas = high;
    return highest;
}

CallResult Runner::access_list() const {
    std::map<Address, std::set<uint256>> accessed;
    AccessTracer tracer{accessed};
    auto result = run(gas_of_call(), &tracer);
    const auto& transaction = request_.transaction;
    accessed.erase(transaction.sender);
    if (transaction.to && accessed.contains(*transaction.to) && accessed[*transaction.to].empty())
        accessed.erase(*transaction.to);
    result.accessed = std::move(accessed);
    return result;
}

}  // namespace

void apply_overrides(JournaledState& state, const StateOverrides& overrides) {
    for (const auto& [address, change] : overrides) {
        if (change.replaces_storage) {
            const auto nonce = state.nonce(address);
            const auto code = state.code(address);
            state.create_account(address);
            state.set_nonce(address, nonce);
            if (!code->empty()) state.set_code(address, *code);
        }
        if (change.balance) state.set_balance(address, *change.balance);
        if (change.nonce) state.set_nonce(address, *change.nonce);
        if (change.code) state.set_code(address, *change.code);
        for (const auto& [slot, value] : change.slots) state.set_storage(address, slot, value);
    }
}

void apply_overrides(evm::BlockContext& context, const BlockOverride& overrides) {
    if (overrides.number) context.number = overrides.number->low64();
    if (overrides.time) context.timestamp = overrides.time->low64();
    if (overrides.gas_limit) context.gas_limit = overrides.gas_limit->low64();
    if (overrides.base_fee) context.base_fee = *overrides.base_fee;
    if (overrides.prevrandao) context.prevrandao = *overrides.prevrandao;
    if (overrides.coinbase) context.coinbase = *overrides.coinbase;
}

void show_created_code(JournaledState& state, evm::ExecutionReceipt& receipt) {
    if (receipt.succeeded && receipt.created) receipt.output = *state.code(*receipt.created);
}

CallResult run_read_call(ReadKind kind, const CallRequest& request, StateReader& state,
                         const evm::BlockContext& context, evm::AnalysisCache& codes) {
    const Runner runner{request, state, context, codes};
    switch (kind) {
        case ReadKind::estimate: return runner.estimate();
        case ReadKind::access_list: return runner.access_list();
        case ReadKind::call: break;
    }
    return runner.run(runner.gas_of_call());
}

}  // namespace troupe
