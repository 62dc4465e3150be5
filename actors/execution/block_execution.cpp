#include "actors/execution/block_execution.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "actors/execution/admission.hpp"
#include "actors/execution/bonds.hpp"
#include "actors/execution/evm_input.hpp"
#include "runtime/crypto/keccak.hpp"
#include "runtime/crypto/sha256.hpp"
#include "vm/state/trie.hpp"

namespace troupe {
namespace {

using evm::Invalid;

[[nodiscard]] FilterReason reason_of(Invalid invalid) {
    switch (invalid) {
        case Invalid::nonce_too_low:
        case Invalid::nonce_too_high:
        case Invalid::nonce_max: return FilterReason::nonce;
        case Invalid::gas_over_block:
        case Invalid::gas_over_cap:
        case Invalid::intrinsic_gas: return FilterReason::gas;
        case Invalid::fee_cap_below_base:
        case Invalid::tip_above_cap: return FilterReason::fee_below_base;
        case Invalid::funds: return FilterReason::funds;
        default: return FilterReason::rule;
    }
}

class BlockExecutor {
public:
    BlockExecutor(const BlockInput& input, StateReader& base, evm::AnalysisCache& codes)
        : input_(input), state_(base), codes_(codes) {
        const auto& header = input.block.block.header;
        output_.executed.hash = input.block.commit.block;
        output_.executed.previous = header.previous;
        output_.executed.timestamp = header.timestamp;
        output_.executed.proposer = header.proposer;
        output_.executed.result.height = header.height;
    }

    BlockOutput run() {
        const auto& certificates = input_.block.block.certificates;
        TROUPE_ASSERT(input_.chunks.size() == certificates.size());
        for (std::size_t i = 0; i < certificates.size(); ++i) run_chunk(certificates[i], *input_.chunks[i]);
        finish();
        return std::move(output_);
    }

private:
    void run_chunk(const ChunkCertificate& certificate, const Chunk& chunk) {
        const auto& header = input_.block.block.header;
        block_ =
            block_context(input_.parameters, header.height, header.timestamp, chunk.beneficiary, input_.block_hash);
        signers_ = signer_set::count(certificate.signatures.signers);
        executed_chunk_ = {certificate.chunk.id, chunk.beneficiary, {}};
        epoch_ = epoch_of(chunk.expiry, input_.parameters);
        builds_for_.clear();
        for (const auto& raw : chunk.transactions) run_transaction(chunk, raw);
        const auto hash = sha256(encode(executed_chunk_));
        output_.executed.result.executed_chunks.push_back(hash);
    }

    void run_transaction(const Chunk& chunk, const Bytes& raw) {
        const auto recovered = input_.recover(raw);
        if (!recovered) return filter(transaction_hash(raw), FilterReason::malformed);
        const auto& transaction = **recovered;
        const auto& tx = transaction.transaction;
        if (!is_builder(chunk.producer, transaction.payer))
            return filter(transaction.hash, FilterReason::wrong_builder);
        if (tx.chain_id && *tx.chain_id != input_.parameters.chain_id)
            return filter(transaction.hash, FilterReason::wrong_chain);
        if (tx.type == TransactionType::native) return run_native(chunk, transaction);

        const auto evm_input = to_evm_input(transaction, input_.parameters);
        if (const auto wrong = evm::validate_transaction(state_, evm_input, block_, chain_revision))
            return filter(transaction.hash, reason_of(wrong->reason));
        auto receipt = evm::execute_transaction(state_, block_, evm_input, chain_revision, codes_);
        burn_unearned(chunk.beneficiary, receipt);
        record(transaction, std::move(receipt));
    }

    [[nodiscard]] bool is_builder(ValidatorIndex producer, const Address& payer) {
        const auto [it, is_new] = builds_for_.try_emplace(payer, false);
        if (is_new) it->second = input_.tracker.builder(payer, epoch_) == producer;
        return it->second;
    }

    /// C-16: the producer's share of the tips is that of the validators who signed its chunk; the rest is burned.
    void burn_unearned(const Address& beneficiary, const evm::ExecutionReceipt& receipt) {
        const auto tip = uint256{receipt.gas_used} * (receipt.effective_gas_price - block_.base_fee);
        const auto earned = tip * uint256{signers_} / uint256{input_.validators};
        if (earned == tip) return;
        state_.begin_transaction();
        state_.subtract_balance(beneficiary, tip - earned);
        state_.finish_transaction(true);
    }

    void run_native(const Chunk& chunk, const RecoveredTransaction& transaction) {
        const auto& tx = transaction.transaction;
        if (tx.expiry < input_.block.block.header.timestamp) return filter(transaction.hash, FilterReason::expired);
        if (tx.expiry > input_.block.block.header.timestamp + input_.parameters.transaction_lifetime_max +
                            input_.parameters.transaction_lifetime_max)
            return filter(transaction.hash, FilterReason::expired);
        if (input_.native_executed(transaction.hash) || natives_.contains(transaction.hash))
            return filter(transaction.hash, FilterReason::duplicate);
        if (check_transaction(transaction, input_.parameters)) return filter(transaction.hash, FilterReason::rule);
        if (tx.kind == NativeKind::bond) return run_bond(transaction);

        const auto payer = transaction.payer;
        const auto bond = state_.storage(bond_registry(), bond_slot(payer));
        if (is_frozen(bond) || bond_amount(bond) < tx.max_fee) return filter(transaction.hash, FilterReason::bond);
        if (state_.balance(payer) < tx.max_fee) return claim_bond(chunk, transaction, bond);

        const auto evm_input = to_evm_input(transaction, input_.parameters);
        const auto reserved = uint256{tx.gas_limit} * block_.base_fee;
        // Signed and covered, so it was right to replicate it: it pays even if it can't begin.
        const auto needed = checked_add(tx.value, payer == transaction.sender ? reserved : uint256{});
        if (!needed || state_.balance(transaction.sender) < *needed ||
            evm::validate_transaction(state_, evm_input, block_, chain_revision, evm::Charging::sponsored))
            return fail_native(transaction, evm::intrinsic_gas(evm_input, chain_revision));
        // The fee is taken first, so that the call can't spend it; what is not used comes back.
        change_balance(payer, reserved, false);
        auto receipt =
            evm::execute_transaction(state_, block_, evm_input, chain_revision, codes_, evm::Charging::sponsored);
        receipt.effective_gas_price = block_.base_fee;
        change_balance(payer, reserved - uint256{receipt.gas_used} * block_.base_fee, true);
        remember(transaction);
        record(transaction, std::move(receipt));
    }

    void fail_native(const RecoveredTransaction& transaction, std::uint64_t gas) {
        evm::ExecutionReceipt receipt;
        receipt.gas_used = std::min(gas, transaction.transaction.gas_limit);
        receipt.effective_gas_price = block_.base_fee;
        change_balance(transaction.payer, uint256{receipt.gas_used} * block_.base_fee, false);
        remember(transaction);
        record(transaction, std::move(receipt));
    }

    /// C-1: locked in the registry account, increased only.
    void run_bond(const RecoveredTransaction& transaction) {
        const auto& tx = transaction.transaction;
        const auto gas = evm::intrinsic_gas(to_evm_input(transaction, input_.parameters), chain_revision);
        const auto fee = uint256{gas} * block_.base_fee;
        const auto cost = checked_add(fee, tx.value);
        if (tx.gas_limit < gas) return filter(transaction.hash, FilterReason::gas);
        if (!cost || state_.balance(transaction.sender) < *cost) return filter(transaction.hash, FilterReason::funds);
        const auto slot = bond_slot(tx.sponsor);
        const auto bond = bond_amount(state_.storage(bond_registry(), slot));
        const auto raised = checked_add(bond, tx.value);
        if (!raised || is_frozen(*raised)) return filter(transaction.hash, FilterReason::rule);
        state_.begin_transaction();
        state_.subtract_balance(transaction.sender, *cost);
        state_.add_balance(bond_registry(), tx.value);
        state_.set_storage(bond_registry(), slot, *raised);
        state_.finish_transaction(true);
        evm::ExecutionReceipt receipt;
        receipt.succeeded = true;
        receipt.gas_used = gas;
        receipt.effective_gas_price = block_.base_fee;
        remember(transaction);
        record(transaction, std::move(receipt));
    }

    /// C-8: replicated, but its sponsor can't pay: the bond pays the chunk's beneficiary, and freezes.
    void claim_bond(const Chunk& chunk, const RecoveredTransaction& transaction, const uint256& bond) {
        const auto& max_fee = transaction.transaction.max_fee;
        state_.begin_transaction();
        state_.subtract_balance(bond_registry(), max_fee);
        state_.add_balance(chunk.beneficiary, max_fee);
        state_.set_storage(bond_registry(), bond_slot(transaction.payer),
                           (bond_amount(bond) - max_fee) | bond_frozen_bit);
        state_.finish_transaction(true);
        remember(transaction);
        filter(transaction.hash, FilterReason::funds);
    }

    void change_balance(const Address& address, const uint256& amount, bool add) {
        state_.begin_transaction();
        if (add)
            state_.add_balance(address, amount);
        else
            state_.subtract_balance(address, amount);
        state_.finish_transaction(true);
    }

    void remember(const RecoveredTransaction& transaction) {
        natives_.insert(transaction.hash);
        // Kept a little longer than it can be included: a chunk may carry it until its own expiry.
        output_.natives.emplace_back(transaction.hash,
                                     transaction.transaction.expiry + input_.parameters.chunk_lifetime);
    }

    void filter(const TransactionHash& hash, FilterReason reason) { output_.filtered.push_back({hash, reason}); }

    void record(const RecoveredTransaction& transaction, evm::ExecutionReceipt&& result) {
        auto& executed = output_.executed;
        const auto& tx = transaction.transaction;
        Receipt receipt;
        receipt.transaction = transaction.hash;
        receipt.type = static_cast<std::uint8_t>(tx.type);
        receipt.succeeded = result.succeeded;
        receipt.sender = transaction.sender;
        if (tx.to) receipt.to.push_back(*tx.to);
        if (result.created) receipt.contract_created.push_back(*result.created);
        receipt.gas_used = result.gas_used;
        executed.result.gas_used += result.gas_used;
        receipt.cumulative_gas_used = executed.result.gas_used;
        receipt.effective_gas_price = result.effective_gas_price;
        for (auto& log : result.logs) {
            receipt.logs.push_back({log.address, std::move(log.topics), std::move(log.data)});
            add_to_bloom(executed.logs_bloom, receipt.logs.back());
        }
        executed.transactions.push_back({transaction.raw, std::move(receipt)});
        executed_chunk_.transactions.push_back(transaction.hash);
    }

    void finish() {
        auto& executed = output_.executed;
        std::vector<Bytes> transactions;
        std::vector<Bytes> receipts;
        for (const auto& transaction : executed.transactions) {
            transactions.push_back(transaction.raw);
            receipts.push_back(encode_receipt(transaction.receipt));
        }
        executed.result.transactions_root = ordered_trie_root(transactions);
        executed.result.receipts_root = ordered_trie_root(receipts);
        output_.diff = state_.diff();
    }

    const BlockInput& input_;
    JournaledState state_;
    evm::AnalysisCache& codes_;
    BlockOutput output_;
    evm::BlockContext block_;
    std::size_t signers_ = 0;
    Epoch epoch_;
    ExecutedChunk executed_chunk_;
    std::map<Address, bool> builds_for_;
    std::set<TransactionHash> natives_;
};

}  // namespace

const char* to_string(FilterReason reason) noexcept {
    switch (reason) {
        case FilterReason::malformed: return "not a valid transaction";
        case FilterReason::wrong_builder: return "included by another validator than its builder";
        case FilterReason::wrong_chain: return "invalid chain id for signer";
        case FilterReason::nonce: return "nonce does not follow the account's";
        case FilterReason::funds: return "insufficient funds for gas * price + value";
        case FilterReason::fee_below_base: return "max fee per gas less than block base fee";
        case FilterReason::gas: return "intrinsic gas too low, or gas limit too high";
        case FilterReason::expired: return "transaction has expired";
        case FilterReason::duplicate: return "already known";
        case FilterReason::bond: return "the sponsor's bond does not cover the fee";
        case FilterReason::rule: return "breaks a transaction rule";
    }
    return "unknown";
}

BlockOutput execute_block(const BlockInput& input, StateReader& state, evm::AnalysisCache& code_cache) {
    return BlockExecutor{input, state, code_cache}.run();
}

StateDiff genesis_state(const Genesis& genesis) {
    std::map<Address, AccountChange> accounts;
    std::map<CodeHash, Bytes> codes;
    for (const auto& account : genesis.accounts) {
        auto& change = accounts[account.address];
        change.address = account.address;
        change.nonce = account.nonce;
        change.balance = account.balance;
        change.code_hash = account.code.empty() ? empty_code_hash : CodeHash::from(keccak256(account.code));
        if (!account.code.empty()) codes.emplace(change.code_hash, account.code);
        change.storage = account.storage;
        std::ranges::sort(change.storage, {}, &std::pair<uint256, uint256>::first);
        std::erase_if(change.storage, [](const auto& slot) { return slot.second.is_zero(); });
    }
    auto& registry = accounts[bond_registry()];
    if (registry.code_hash.is_zero()) registry.code_hash = empty_code_hash;
    registry.address = bond_registry();
    registry.nonce = std::max<std::uint64_t>(registry.nonce, 1);
    StateDiff diff;
    for (auto& [address, change] : accounts) diff.accounts.push_back(std::move(change));
    diff.codes.assign(codes.begin(), codes.end());
    return diff;
}

}  // namespace troupe
