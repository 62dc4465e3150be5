#include "actors/gateway/simulate.hpp"

#include "actors/execution/evm_input.hpp"
#include "runtime/base/limits.hpp"
#include "runtime/crypto/keccak.hpp"

namespace troupe::gateway {
namespace {

/// execution-apis, eth_simulateV1.
constexpr int code_nonce_low = -38010;
constexpr int code_nonce_high = -38011;
constexpr int code_base_fee = -38012;
constexpr int code_intrinsic_gas = -38013;
constexpr int code_funds = -38014;
constexpr int code_block_gas = -38015;
constexpr int code_block_order = -38020;
constexpr int code_time_order = -38021;

[[nodiscard]] int code_of(evm::Invalid invalid) {
    using evm::Invalid;
    switch (invalid) {
        case Invalid::nonce_too_low: return code_nonce_low;
        case Invalid::nonce_too_high: return code_nonce_high;
        case Invalid::fee_cap_below_base: return code_base_fee;
        case Invalid::intrinsic_gas: return code_intrinsic_gas;
        case Invalid::funds: return code_funds;
        case Invalid::gas_over_block: return code_block_gas;
        default: return -32602;
    }
}

[[nodiscard]] Transaction to_transaction(const evm::TransactionInput& input, const uint256& chain_id) {
    Transaction tx;
    tx.type = TransactionType::dynamic_fee;
    tx.chain_id = chain_id.low64();
    tx.nonce = input.nonce;
    tx.max_fee_per_gas = input.max_fee_per_gas;
    tx.max_priority_fee_per_gas = input.max_priority_fee_per_gas;
    tx.gas_limit = input.gas_limit;
    tx.to = input.to;
    tx.value = input.value;
    tx.data = input.data;
    return tx;
}

class Simulator {
public:
    Simulator(const CallRunner& runner, const Simulation& simulation, StateReader& base, const ExecutedBlock& parent)
        : runner_(runner),
          simulation_(simulation),
          state_(base),
          previous_(parent.hash),
          context_(runner.context(parent)),
          parent_height_(parent.result.height.value) {}

    SimulationResult run() {
        const auto known = context_.block_hash;
        context_.block_hash = [this, known](std::uint64_t height) {
            if (height <= parent_height_) return known(height);
            const auto it = hashes_.find(height);
            return it == hashes_.end() ? Hash256{} : it->second;
        };
        for (const auto& block : simulation_.blocks)
            if (!run_block(block)) break;
        return std::move(result_);
    }

private:
    bool fail(int code, std::string message) {
        result_.error = SimulationError{code, std::move(message)};
        return false;
    }

    bool run_block(const SimulatedBlock& asked) {
        const auto number = context_.number;
        const auto time = context_.timestamp;
        const auto base_fee = context_.base_fee;
        context_.number = number + 1;
        context_.timestamp = time + 1;
        // Nobody pays, so that BASEFEE is what makes any gas price valid.
        if (!simulation_.validates) context_.base_fee = {};
        apply_overrides(context_, asked.block);
        if (context_.number <= number)
            return fail(code_block_order, "block numbers must be in order: " + std::to_string(context_.number) +
                                              " <= " + std::to_string(number));
        if (context_.timestamp <= time)
            return fail(code_time_order, "block timestamps must be in order: " + std::to_string(context_.timestamp) +
                                             " <= " + std::to_string(time));
        apply_overrides(state_, asked.state);

        auto& out = result_.blocks.emplace_back();
        out.context = context_;
        out.block.previous = previous_;
        out.block.timestamp = TimeMs{context_.timestamp * 1000};
        out.block.result.height = Height{context_.number};
        for (const auto& call : asked.calls)
            if (!run_call(call, out)) return false;
        Bytes identity{previous_.begin(), previous_.end()};
        const auto word = to_big_endian(uint256{context_.number});
        identity.insert(identity.end(), word.begin(), word.end());
        for (const auto& transaction : out.block.transactions)
            identity.insert(identity.end(), transaction.receipt.transaction.begin(),
                            transaction.receipt.transaction.end());
        const auto hash = keccak256(identity);
        out.block.hash = BlockHash::from(hash);
        previous_ = out.block.hash;
        hashes_[context_.number] = hash;
        context_.base_fee = base_fee;
        return true;
    }

    bool run_call(const SimulatedBlock::Call& call, SimulatedBlockResult& out) {
        auto input = call.request.transaction;
        const auto nonce = state_.nonce(input.sender);
        if (!call.nonce_named) input.nonce = nonce;
        const auto left = std::min(call_gas_max - gas_used_, context_.gas_limit - out.block.result.gas_used);
        if (!call.request.gas_named)
            input.gas_limit = simulation_.validates ? std::min(left, limits::transaction_gas_max) : left;
        if (input.gas_limit > left)
            return fail(code_block_gas, "block gas limit reached: " + std::to_string(input.gas_limit) + " > " +
                                            std::to_string(left) + " left");
        const auto charging = simulation_.validates ? evm::Charging::ordinary : evm::Charging::call;
        if (const auto wrong = evm::validate_transaction(state_, input, context_, chain_revision, charging))
            return fail(code_of(wrong->reason), wrong->message);
        auto receipt = evm::execute_transaction(state_, context_, input, chain_revision, runner_.codes(), charging);
        show_created_code(state_, receipt);
        // As a transaction would, so that what is created next has an address of its own.
        if (state_.nonce(input.sender) == nonce) state_.set_nonce(input.sender, nonce + 1);
        gas_used_ += receipt.gas_used;
        record(input, receipt, out.block);
        out.calls.push_back({to_transaction(input, context_.chain_id), std::move(receipt)});
        return true;
    }

    void record(const evm::TransactionInput& input, const evm::ExecutionReceipt& executed, ExecutedBlock& block) {
        block.result.gas_used += executed.gas_used;
        Receipt receipt;
        receipt.transaction = transaction_hash(encode_transaction(to_transaction(input, context_.chain_id)));
        receipt.sender = input.sender;
        receipt.succeeded = executed.succeeded;
        receipt.gas_used = executed.gas_used;
        receipt.cumulative_gas_used = block.result.gas_used;
        for (const auto& log : executed.logs) {
            receipt.logs.push_back({log.address, log.topics, log.data});
            add_to_bloom(block.logs_bloom, receipt.logs.back());
        }
        block.transactions.push_back({{}, std::move(receipt)});
    }

    const CallRunner& runner_;
    const Simulation& simulation_;
    JournaledState state_;
    BlockHash previous_;
    evm::BlockContext context_;
    std::uint64_t parent_height_;
    std::map<std::uint64_t, Hash256> hashes_;
    std::uint64_t gas_used_ = 0;
    SimulationResult result_;
};

}  // namespace

std::optional<SimulationResult> simulate(const CallRunner& runner, const Simulation& simulation, Height height) {
    const auto parent = runner.chain().block(height);
    const auto state = runner.chain().state_at(height);
    if (!parent || !state) return std::nullopt;
    return Simulator{runner, simulation, *state, *parent}.run();
}

}  // namespace troupe::gateway
