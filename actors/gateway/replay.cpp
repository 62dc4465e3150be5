#include "actors/gateway/replay.hpp"

#include "actors/execution/evm_input.hpp"

namespace troupe::gateway {

Replay::Replay(const CallRunner& runner, const Genesis& genesis, ExecutedBlockPtr block,
               std::function<Result<RecoveredTransactionPtr>(ByteView raw)> recover)
    : genesis_(genesis),
      block_(std::move(block)),
      recover_(std::move(recover)),
      codes_(runner.codes()),
      context_(runner.context(*block_)) {
    if (block_->result.height.value == 0) return;
    base_ = runner.chain().state_at(Height{block_->result.height.value - 1});
    if (base_) state_.emplace(*base_);
    if (!block_->tips.empty()) range_end_ = block_->tips[0].transactions;
}

void Replay::find_tips() {
    const auto& ranges = block_->tips;
    while (next_ >= range_end_ && range_ + 1 < ranges.size()) range_end_ += ranges[++range_].transactions;
    if (range_ < ranges.size())
        context_.tips = {ranges[range_].recipient, ranges[range_].signers, genesis_.validators.size()};
}

std::variant<std::string, ReplayError> Replay::run(JsonTracer* tracer) {
    TROUPE_ASSERT(is_possible() && next_ < block_->transactions.size());
    find_tips();
    const auto& [raw, expected] = block_->transactions[next_++];
    const auto recovered = recover_(raw);
    if (!recovered) return ReplayError{"transaction can't be decoded"};
    const auto& transaction = **recovered;
    const bool is_native = transaction.transaction.type == TransactionType::native;
    if (is_native && transaction.transaction.kind == NativeKind::bond)
        return ReplayError{"a bond runs no code: there is nothing to trace in or after it"};

    const auto input = to_evm_input(transaction, genesis_.parameters);
    JournaledState state{*state_};
    const auto charging = is_native ? evm::Charging::sponsored : evm::Charging::ordinary;
    if (evm::validate_transaction(state, input, context_, chain_revision, charging))
        return ReplayError{"re-execution does not come to the transaction's receipt"};
    if (tracer != nullptr) tracer->begin(state);
    const auto receipt = evm::execute_transaction(state, context_, input, chain_revision, codes_, charging, tracer);
    if (receipt.gas_used != expected.gas_used || receipt.succeeded != expected.succeeded ||
        receipt.logs.size() != expected.logs.size())
        return ReplayError{"re-execution does not come to the transaction's receipt"};
    std::string result;
    if (tracer != nullptr) {
        auto json = tracer->finish(
            {input, receipt, *state_, state, context_.tips ? context_.tips->recipient : context_.coinbase});
        if (!json) return ReplayError{"trace is larger than this node gives out: use a limit or another tracer"};
        result = std::move(*json);
    }
    state_->apply(state.diff());
    return result;
}

}  // namespace troupe::gateway
