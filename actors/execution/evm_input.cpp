#include "actors/execution/evm_input.hpp"

#include "runtime/crypto/sha256.hpp"

namespace troupe {

evm::TransactionInput to_evm_input(const RecoveredTransaction& transaction, const ChainParameters& parameters) {
    const auto& tx = transaction.transaction;
    evm::TransactionInput input;
    const bool is_native = tx.type == TransactionType::native;
    input.type = is_native ? 0 : static_cast<std::uint8_t>(tx.type);
    input.sender = transaction.sender;
    input.to = tx.to;
    input.nonce = tx.nonce;
    input.gas_limit = tx.gas_limit;
    input.max_fee_per_gas = is_native ? parameters.base_fee : tx.max_fee_per_gas;
    input.max_priority_fee_per_gas = is_native ? uint256{} : tx.max_priority_fee_per_gas;
    input.value = tx.value;
    input.data = tx.data;
    for (const auto& entry : tx.access_list) {
        evm::AccessListItem item{entry.address, {}};
        for (const auto& slot : entry.slots) item.slots.push_back(from_big_endian(slot.view()));
        input.access_list.push_back(std::move(item));
    }
    for (const auto& authorization : tx.authorization_list)
        input.authorization_list.push_back(
            {authorization.chain_id, authorization.address, authorization.nonce, recover_authority(authorization)});
    return input;
}

std::optional<std::string> check_intrinsic(const RecoveredTransaction& transaction, const ChainParameters& parameters) {
    const auto input = to_evm_input(transaction, parameters);
    const auto block = block_context(parameters, Height{0}, TimeMs{0}, {}, {});
    auto wrong = evm::validate_stateless(input, block, chain_revision);
    return wrong ? std::optional{std::move(wrong->message)} : std::nullopt;
}

Address beneficiary_of(const Genesis& genesis, ValidatorIndex validator) {
    return validator.value < genesis.validators.size() ? genesis.validators[validator.value].beneficiary : Address{};
}

evm::BlockContext block_context(const ChainParameters& parameters, Height height, TimeMs timestamp,
                                const Address& coinbase, std::function<Hash256(std::uint64_t)> block_hash) {
    evm::BlockContext block;
    block.number = height.value;
    block.timestamp = timestamp.value / 1000;
    block.coinbase = coinbase;
    block.gas_limit = parameters.block_gas_limit;
    block.base_fee = parameters.base_fee;
    block.chain_id = uint256{parameters.chain_id};
    block.block_hash = std::move(block_hash);
    // A value that the proposing primary can't choose freely: the hash of the parent, which a quorum has signed.
    if (height.value > 0 && block.block_hash)
        block.prevrandao = from_big_endian(sha256(block.block_hash(height.value - 1).view()).view());
    return block;
}

}  // namespace troupe
