#include "actors/gateway/calls.hpp"

#include "actors/execution/evm_input.hpp"

namespace troupe::gateway {

evm::BlockContext CallRunner::context(const ExecutedBlock& block) const {
    const auto& validators = genesis_->validators;
    const auto coinbase =
        block.proposer.value < validators.size() ? validators[block.proposer.value].beneficiary : Address{};
    return block_context(genesis_->parameters, block.result.height, block.timestamp, coinbase,
                         [&chain = chain_](std::uint64_t height) {
                             const auto earlier = chain.block(Height{height});
                             return earlier ? Hash256::from(earlier->hash) : Hash256{};
                         });
}

std::optional<vm_pool::ReadBase> CallRunner::open(Height height) const {
    const auto block = chain_.block(height);
    auto state = chain_.state_at(height);
    if (!block || !state) return std::nullopt;
    return vm_pool::ReadBase{block->result.state_root, context(*block), std::move(state)};
}

}  // namespace troupe::gateway
