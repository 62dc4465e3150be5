#include "vm/evm/transaction.hpp"

#include <algorithm>

#include "runtime/base/limits.hpp"
#include "vm/evm/code_engine.hpp"
#include "vm/evm/precompiles.hpp"

namespace troupe::evm {
namespace {

constexpr std::uint64_t gas_per_blob = 131072;

struct DataBytes {
    std::uint64_t zero = 0;
    std::uint64_t other = 0;
};

[[nodiscard]] DataBytes count(ByteView data) {
    DataBytes out;
    out.zero = static_cast<std::uint64_t>(std::ranges::count(data, 0));
    out.other = data.size() - out.zero;
    return out;
}

[[nodiscard]] uint256 effective_price(const TransactionInput& tx, const BlockContext& block, Revision revision) {
    if (revision < Revision::London) return tx.max_fee_per_gas;
    const auto tip_room = tx.max_fee_per_gas - block.base_fee;
    return block.base_fee + std::min(tx.max_priority_fee_per_gas, tip_room);
}

[[nodiscard]] uint256 blob_gas(const TransactionInput& tx) { return uint256{tx.blob_hashes.size() * gas_per_blob}; }

[[nodiscard]] InvalidTransaction invalid(Invalid reason, std::string message) { return {reason, std::move(message)}; }

/// EIP-7702: each authorization by itself; those that do not hold are skipped. Gives the refund.
[[nodiscard]] std::int64_t apply_authorizations(JournaledState& state, const TransactionInput& tx,
                                                const BlockContext& block) {
    std::int64_t refund = 0;
    for (const auto& item : tx.authorization_list) {
        if (!item.chain_id.is_zero() && item.chain_id != block.chain_id) continue;
        if (item.nonce == ~std::uint64_t{0} || !item.authority) continue;
        const auto& authority = *item.authority;
        state.warm_address(authority);
        const auto code = state.code(authority);
        if (!code->empty() && !delegate_of(*code)) continue;
        if (state.nonce(authority) != item.nonce) continue;
        if (state.exists(authority) && !state.is_empty(authority)) refund += 25000 - 12500;
        Bytes designator;
        if (!item.address.is_zero()) {
            designator = {0xef, 0x01, 0x00};
            append(designator, item.address.view());
        }
        state.set_code(authority, std::move(designator));
        state.set_nonce(authority, item.nonce + 1);
    }
    return refund;
}

}  // namespace

std::uint64_t intrinsic_gas(const TransactionInput& tx, Revision revision) {
    const auto bytes = count(tx.data);
    std::uint64_t gas = 21000 + 4 * bytes.zero + (revision >= Revision::Istanbul ? 16 : 68) * bytes.other;
    if (!tx.to) {
        if (revision >= Revision::Homestead) gas += 32000;
        if (revision >= Revision::Shanghai) gas += 2 * ((tx.data.size() + 31) / 32);
    }
    for (const auto& item : tx.access_list) gas += 2400 + 1900 * item.slots.size();
    gas += 25000 * tx.authorization_list.size();
    return gas;
}

std::uint64_t floor_gas(const TransactionInput& tx, Revision revision) {
    if (revision < Revision::Prague) return 0;
    const auto bytes = count(tx.data);
    return 21000 + 10 * (bytes.zero + 4 * bytes.other);
}

std::optional<InvalidTransaction> validate_stateless(const TransactionInput& tx, const BlockContext& block,
                                                     Revision revision, Charging charging) {
    static constexpr Revision type_since[] = {Revision::Frontier, Revision::Berlin, Revision::London, Revision::Cancun,
                                              Revision::Prague};
    if (tx.type > 4 || revision < type_since[tx.type])
        return invalid(Invalid::type_unsupported, "transaction type not supported");
    if (tx.gas_limit > block.gas_limit) return invalid(Invalid::gas_over_block, "exceeds block gas limit");
    if (revision >= Revision::Osaka && charging != Charging::call && tx.gas_limit > limits::transaction_gas_max)
        return invalid(Invalid::gas_over_cap,
                       "transaction gas limit too high (cap: 16777216, tx: " + std::to_string(tx.gas_limit) + ")");
    if (charging == Charging::ordinary && revision >= Revision::London) {
        if (tx.max_fee_per_gas < tx.max_priority_fee_per_gas)
            return invalid(Invalid::tip_above_cap,
                           "max priority fee per gas higher than max fee per gas: "
                           "maxPriorityFeePerGas: " +
                               to_decimal(tx.max_priority_fee_per_gas) +
                               ", maxFeePerGas: " + to_decimal(tx.max_fee_per_gas));
        if (tx.max_fee_per_gas < block.base_fee)
            return invalid(Invalid::fee_cap_below_base,
                           "max fee per gas less than block base fee: maxFeePerGas: " + to_decimal(tx.max_fee_per_gas) +
                               ", baseFee: " + to_decimal(block.base_fee));
    }
    if (!tx.to && revision >= Revision::Shanghai && tx.data.size() > init_code_limit(tx.data))
        return invalid(Invalid::init_code_size, "max initcode size exceeded: code size " +
                                                    std::to_string(tx.data.size()) + " limit " +
                                                    std::to_string(init_code_limit(tx.data)));
    if (tx.type == 3) {
        if (!tx.to || tx.blob_hashes.empty())
            return invalid(Invalid::blob_rules, "blob transaction without target or blobs");
        for (const auto& hash : tx.blob_hashes)
            if (hash[0] != 0x01) return invalid(Invalid::blob_rules, "blob hash of an unknown version");
        const std::size_t blobs_max = revision >= Revision::Osaka ? 6 : revision >= Revision::Prague ? 9 : 6;
        if (tx.blob_hashes.size() > blobs_max) return invalid(Invalid::blob_rules, "too many blobs");
        if (tx.max_fee_per_blob_gas < block.blob_base_fee)
            return invalid(Invalid::blob_rules, "max fee per blob gas less than block blob gas fee");
    }
    if (tx.type == 4 && (!tx.to || tx.authorization_list.empty()))
        return invalid(Invalid::authorization_rules, "set code transaction without target or authorizations");
    const auto needed = std::max(intrinsic_gas(tx, revision), floor_gas(tx, revision));
    if (tx.gas_limit < needed)
        return invalid(Invalid::intrinsic_gas, "intrinsic gas too low: have " + std::to_string(tx.gas_limit) +
                                                   ", want " + std::to_string(needed));
    return std::nullopt;
}

std::optional<InvalidTransaction> validate_transaction(JournaledState& state, const TransactionInput& tx,
                                                       const BlockContext& block, Revision revision,
                                                       Charging charging) {
    if (auto wrong = validate_stateless(tx, block, revision, charging)) return wrong;
    if (charging == Charging::call) return std::nullopt;
    if (charging == Charging::ordinary) {
        const auto nonce = state.nonce(tx.sender);
        const auto text = ": address " + to_hex_prefixed(tx.sender.view()) + ", tx: " + std::to_string(tx.nonce) +
                          " state: " + std::to_string(nonce);
        if (tx.nonce < nonce) return invalid(Invalid::nonce_too_low, "nonce too low" + text);
        if (tx.nonce > nonce) return invalid(Invalid::nonce_too_high, "nonce too high" + text);
        if (nonce == ~std::uint64_t{0}) return invalid(Invalid::nonce_max, "nonce has max value" + text);
    }
    if (revision >= Revision::London || charging == Charging::ordinary) {
        // EIP-3607, with EIP-7702's exception.
        const auto code = state.code(tx.sender);
        if (!code->empty() && !(revision >= Revision::Prague && delegate_of(*code)))
            return invalid(Invalid::sender_has_code, "sender not an eoa: address " + to_hex_prefixed(tx.sender.view()));
    }
    std::optional<uint256> cost = tx.value;
    if (charging == Charging::ordinary) {
        const auto gas = checked_mul(uint256{tx.gas_limit}, tx.max_fee_per_gas);
        cost = gas ? checked_add(*gas, tx.value) : std::nullopt;
        if (cost && tx.type == 3) {
            const auto blobs = checked_mul(blob_gas(tx), tx.max_fee_per_blob_gas);
            cost = blobs ? checked_add(*cost, *blobs) : std::nullopt;
        }
        if (!cost || *cost > state.balance(tx.sender))
            return invalid(Invalid::funds, "insufficient funds for gas * price + value: address " +
                                               to_hex_prefixed(tx.sender.view()) + " have " +
                                               to_decimal(state.balance(tx.sender)) + " want " +
                                               (cost ? to_decimal(*cost) : "more than 2^256"));
    }
    return std::nullopt;
}

ExecutionReceipt execute_transaction(JournaledState& state, const BlockContext& block, const TransactionInput& tx,
                                     Revision revision, AnalysisCache& codes, Charging charging, Tracer* tracer) {
    state.begin_transaction();
    ExecutionReceipt receipt;
    const bool pays = charging == Charging::ordinary;
    const auto price = pays ? effective_price(tx, block, revision) : uint256{};
    receipt.effective_gas_price = price;
    const auto creation_nonce = state.nonce(tx.sender);
    if (pays) {
        state.subtract_balance(tx.sender, uint256{tx.gas_limit} * price + blob_gas(tx) * block.blob_base_fee);
        state.set_nonce(tx.sender, creation_nonce + 1);
    } else if (charging == Charging::call) {
        if (state.balance(tx.sender) < tx.value) state.set_balance(tx.sender, tx.value);
    } else if (!tx.to) {
        // A creation needs an address of its own even without nonces.
        state.set_nonce(tx.sender, creation_nonce + 1);
    }

    state.warm_address(tx.sender);
    if (revision >= Revision::Berlin) {
        if (tx.to) state.warm_address(*tx.to);
        if (revision >= Revision::Shanghai) state.warm_address(block.coinbase);
        for (const auto& item : tx.access_list) {
            state.warm_address(item.address);
            for (const auto& slot : item.slots) state.warm_slot(item.address, slot);
        }
    }
    std::int64_t authorization_refund = 0;
    if (tx.type == 4) {
        authorization_refund = apply_authorizations(state, tx, block);
    }
    Machine machine{state, block, revision, codes, tx.sender, price, tx.blob_hashes};
    machine.set_tracer(tracer);
    CallMessage message;
    message.kind = tx.to ? CallKind::call : CallKind::create;
    message.gas = static_cast<std::int64_t>(tx.gas_limit - intrinsic_gas(tx, revision));
    message.sender = tx.sender;
    message.value = tx.value;
    message.input = tx.data;
    message.recipient = tx.to ? *tx.to : create_address(tx.sender, creation_nonce);
    message.code_address = message.recipient;
    if (revision >= Revision::Prague && tx.to) {
        if (const auto delegate = delegate_of(*state.code(*tx.to))) {
            state.warm_address(*delegate);
            message.code_address = *delegate;
            message.is_delegated = true;
        }
    }
    CallOutcome outcome;
    if (charging == Charging::sponsored && state.balance(tx.sender) < tx.value) {
        outcome.status = Status::insufficient_balance;
    } else {
        outcome = machine.run(message);
    }

    const auto before_refund = tx.gas_limit - static_cast<std::uint64_t>(outcome.gas_left);
    const auto refund_max = before_refund / (revision >= Revision::London ? 5 : 2);
    const auto earned = outcome.refund + authorization_refund;
    receipt.gas_refunded = std::min(refund_max, static_cast<std::uint64_t>(std::max<std::int64_t>(earned, 0)));
    receipt.gas_used = std::max(before_refund - receipt.gas_refunded, floor_gas(tx, revision));
    receipt.succeeded = outcome.status == Status::success;
    receipt.reverted = outcome.status == Status::revert;
    receipt.error = describe(outcome.status, outcome.opcode);
    if (tx.to || receipt.reverted) receipt.output.assign(outcome.output.begin(), outcome.output.end());
    if (!tx.to && receipt.succeeded) receipt.created = message.recipient;
    if (pays) {
        state.add_balance(tx.sender, uint256{tx.gas_limit - receipt.gas_used} * price);
        const auto tip = uint256{receipt.gas_used} * (revision >= Revision::London ? price - block.base_fee : price);
        if (block.tips)
            state.credit(block.tips->recipient,
                         tip * uint256{block.tips->numerator} / uint256{block.tips->denominator});
        else
            state.credit(block.coinbase, tip);
    }
    receipt.logs = state.take_logs();
    state.finish_transaction(revision >= Revision::SpuriousDragon);
    return receipt;
}

}  // namespace troupe::evm
