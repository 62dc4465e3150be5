#include "actors/execution/block_execution.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <set>
#include <unordered_map>
#include <utility>

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

/// What one transaction came to.
struct Outcome {
    std::optional<FilterReason> filtered;
    evm::ExecutionReceipt receipt;
    /// A native transaction that must not execute again.
    bool is_remembered = false;
};

[[nodiscard]] Outcome filtered(FilterReason reason) { return {reason, {}, false}; }

/// What a chunk's transactions have in common.
struct ChunkContext {
    const Chunk* chunk = nullptr;
    evm::BlockContext block;
    ExecutedChunk executed;
};

/// Executes single transactions. Everything it uses besides the state it is given stays as it is, so that several
/// threads can share one.
class TransactionExecutor {
public:
    TransactionExecutor(const BlockInput& input, evm::AnalysisCache& codes) : input_(input), codes_(codes) {}

    [[nodiscard]] Outcome run(const ChunkContext& in, const RecoveredTransaction& transaction,
                              JournaledState& state) const {
        if (transaction.transaction.type == TransactionType::native) return run_native(in, transaction, state);
        const auto evm_input = to_evm_input(transaction, input_.parameters);
        if (const auto wrong = evm::validate_transaction(state, evm_input, in.block, chain_revision))
            return filtered(reason_of(wrong->reason));
        return {{}, evm::execute_transaction(state, in.block, evm_input, chain_revision, codes_), false};
    }

private:
    [[nodiscard]] Outcome run_native(const ChunkContext& in, const RecoveredTransaction& transaction,
                                     JournaledState& state) const {
        const auto& tx = transaction.transaction;
        const auto now = input_.block.block.header.timestamp;
        if (tx.expiry < now) return filtered(FilterReason::expired);
        if (tx.expiry > now + input_.parameters.transaction_lifetime_max + input_.parameters.transaction_lifetime_max)
            return filtered(FilterReason::expired);
        if (input_.native_executed(transaction.hash)) return filtered(FilterReason::duplicate);
        if (check_transaction(transaction, input_.parameters)) return filtered(FilterReason::rule);
        if (tx.kind == NativeKind::bond) return run_bond(in, transaction, state);

        const auto payer = transaction.payer;
        const auto bond = state.storage(bond_registry(), bond_slot(payer));
        if (is_frozen(bond) || bond_amount(bond) < tx.max_fee) return filtered(FilterReason::bond);
        if (state.balance(payer) < tx.max_fee) return claim_bond(in, transaction, bond, state);

        const auto evm_input = to_evm_input(transaction, input_.parameters);
        const auto& base_fee = in.block.base_fee;
        const auto reserved = uint256{tx.gas_limit} * base_fee;
        // Signed and covered, so it was right to replicate it: it pays even if it can't begin.
        const auto needed = checked_add(tx.value, payer == transaction.sender ? reserved : uint256{});
        if (!needed || state.balance(transaction.sender) < *needed ||
            evm::validate_transaction(state, evm_input, in.block, chain_revision, evm::Charging::sponsored)) {
            Outcome failure;
            failure.receipt.gas_used = std::min(evm::intrinsic_gas(evm_input, chain_revision), tx.gas_limit);
            failure.receipt.effective_gas_price = base_fee;
            change_balance(state, payer, uint256{failure.receipt.gas_used} * base_fee, false);
            failure.is_remembered = true;
            return failure;
        }
        // The fee is taken first, so that the call can't spend it; what is not used comes back.
        change_balance(state, payer, reserved, false);
        auto receipt =
            evm::execute_transaction(state, in.block, evm_input, chain_revision, codes_, evm::Charging::sponsored);
        receipt.effective_gas_price = base_fee;
        change_balance(state, payer, reserved - uint256{receipt.gas_used} * base_fee, true);
        return {{}, std::move(receipt), true};
    }

    /// C-1: locked in the registry account, increased only.
    [[nodiscard]] Outcome run_bond(const ChunkContext& in, const RecoveredTransaction& transaction,
                                   JournaledState& state) const {
        const auto& tx = transaction.transaction;
        const auto gas = evm::intrinsic_gas(to_evm_input(transaction, input_.parameters), chain_revision);
        const auto fee = uint256{gas} * in.block.base_fee;
        const auto cost = checked_add(fee, tx.value);
        if (tx.gas_limit < gas) return filtered(FilterReason::gas);
        if (!cost || state.balance(transaction.sender) < *cost) return filtered(FilterReason::funds);
        const auto slot = bond_slot(tx.sponsor);
        const auto bond = bond_amount(state.storage(bond_registry(), slot));
        const auto raised = checked_add(bond, tx.value);
        if (!raised || is_frozen(*raised)) return filtered(FilterReason::rule);
        state.begin_transaction();
        state.subtract_balance(transaction.sender, *cost);
        state.add_balance(bond_registry(), tx.value);
        state.set_storage(bond_registry(), slot, *raised);
        state.finish_transaction(true);
        Outcome outcome;
        outcome.receipt.succeeded = true;
        outcome.receipt.gas_used = gas;
        outcome.receipt.effective_gas_price = in.block.base_fee;
        outcome.is_remembered = true;
        return outcome;
    }

    /// C-8: replicated, but its sponsor can't pay: the bond pays the chunk's beneficiary, and freezes.
    [[nodiscard]] Outcome claim_bond(const ChunkContext& in, const RecoveredTransaction& transaction,
                                     const uint256& bond, JournaledState& state) const {
        const auto& max_fee = transaction.transaction.max_fee;
        // The registry holds every bond; only speculation can see one without the other.
        if (state.balance(bond_registry()) < max_fee) return filtered(FilterReason::bond);
        state.begin_transaction();
        state.subtract_balance(bond_registry(), max_fee);
        state.add_balance(in.chunk->beneficiary, max_fee);
        state.set_storage(bond_registry(), bond_slot(transaction.payer),
                          (bond_amount(bond) - max_fee) | bond_frozen_bit);
        state.finish_transaction(true);
        return {FilterReason::funds, {}, true};
    }

    static void change_balance(JournaledState& state, const Address& address, const uint256& amount, bool add) {
        state.begin_transaction();
        if (add)
            state.add_balance(address, amount);
        else
            state.subtract_balance(address, amount);
        state.finish_transaction(true);
    }

    const BlockInput& input_;
    evm::AnalysisCache& codes_;
};

class BlockExecutor {
public:
    BlockExecutor(const BlockInput& input, StateReader& base, evm::AnalysisCache& codes)
        : input_(input), base_(base), executor_(input, codes) {
        const auto& header = input.block.block.header;
        output_.executed.hash = input.block.commit.block;
        output_.executed.previous = header.previous;
        output_.executed.timestamp = header.timestamp;
        output_.executed.proposer = header.proposer;
        output_.executed.result.height = header.height;
    }

    BlockOutput run() {
        plan();
        hand_out();
        const auto start = std::chrono::steady_clock::now();
        const bool was_parallel = handed_out_.empty() && run_in_parallel();
        if (!was_parallel) run_in_order();
        if (input_.parallelism != nullptr)
            input_.parallelism->note(was_parallel, planned_.size(), std::chrono::steady_clock::now() - start);
        finish();
        return std::move(output_);
    }

private:
    struct Planned {
        std::size_t chunk = 0;
        TransactionHash hash;
        /// Null: filtered already.
        RecoveredTransactionPtr transaction;
        FilterReason reason{};
    };

    // Before execution: what depends on no account
    // ---------------------------------------------------------------------

    void plan() {
        const auto& certificates = input_.block.block.certificates;
        TROUPE_ASSERT(input_.chunks.size() == certificates.size());
        const auto& header = input_.block.block.header;
        const auto block_hash = [this](std::uint64_t height) {
            const std::lock_guard lock{block_hash_mutex_};
            return input_.block_hash(height);
        };
        auto block = block_context(input_.parameters, header.height, header.timestamp, input_.coinbase, block_hash);
        chunks_.reserve(certificates.size());
        for (std::size_t i = 0; i < certificates.size(); ++i) {
            const auto& chunk = *input_.chunks[i];
            // C-16: the producer's share of the tips is that of the validators who signed its chunk.
            block.tips = {chunk.beneficiary, signer_set::count(certificates[i].signatures.signers), input_.validators};
            chunks_.push_back({&chunk, block, {certificates[i].chunk.id, chunk.beneficiary, {}}});
            epoch_ = epoch_of(chunk.expiry, input_.parameters);
            builds_for_.clear();
            for (const auto& raw : chunk.transactions) planned_.push_back(plan_one(i, raw));
        }
    }

    [[nodiscard]] Planned plan_one(std::size_t chunk, const Bytes& raw) {
        auto recovered = input_.recover(raw);
        if (!recovered) return {chunk, transaction_hash(raw), nullptr, FilterReason::malformed};
        const auto& transaction = **recovered;
        const auto& chain_id = transaction.transaction.chain_id;
        if (!is_builder(chunks_[chunk].chunk->producer, transaction.payer))
            return {chunk, transaction.hash, nullptr, FilterReason::wrong_builder};
        if (chain_id && *chain_id != input_.parameters.chain_id)
            return {chunk, transaction.hash, nullptr, FilterReason::wrong_chain};
        return {chunk, transaction.hash, std::move(*recovered), {}};
    }

    [[nodiscard]] bool is_builder(ValidatorIndex producer, const Address& payer) {
        const auto [it, is_new] = builds_for_.try_emplace(payer, false);
        if (is_new) it->second = input_.tracker.builder(payer, epoch_) == producer;
        return it->second;
    }

    // Execution elsewhere
    // --------------------------------------------------------------------------------------------------

    /// The base state while others read it too.
    class SharedBase final : public StateReader {
    public:
        explicit SharedBase(StateReader& inner) : inner_(inner) {}
        [[nodiscard]] std::optional<AccountRecord> account(const Address& address) override {
            const std::lock_guard lock{mutex_};
            return inner_.account(address);
        }
        [[nodiscard]] uint256 storage(const Address& address, const uint256& slot) override {
            const std::lock_guard lock{mutex_};
            return inner_.storage(address, slot);
        }
        [[nodiscard]] bool has_storage(const Address& address) override {
            const std::lock_guard lock{mutex_};
            return inner_.has_storage(address);
        }
        [[nodiscard]] std::shared_ptr<const Bytes> code(const CodeHash& hash) override {
            const std::lock_guard lock{mutex_};
            return inner_.code(hash);
        }

    private:
        StateReader& inner_;
        std::mutex mutex_;
    };

    /// Transactions [first, first + size) of planned_, all of one chunk.
    struct HandedOut {
        std::size_t first = 0;
        SpeculationPtr speculation;
        /// Asked for once: waiting does not help a second time.
        bool is_known = false;
        const std::vector<SpeculativeResult>* results = nullptr;
    };

    /// Native transactions depend on more than the state.
    [[nodiscard]] bool may_hand_out(const Planned& planned) const {
        return planned.transaction && planned.transaction->transaction.type != TransactionType::native;
    }

    void hand_out() {
        if (input_.speculator == nullptr) return;
        auto first = planned_.size() - input_.speculator->share(planned_.size());
        while (first < planned_.size()) {
            const auto chunk = planned_[first].chunk;
            std::vector<evm::TransactionInput> transactions;
            auto end = first;
            for (; end < planned_.size() && planned_[end].chunk == chunk && may_hand_out(planned_[end]); ++end)
                transactions.push_back(to_evm_input(*planned_[end].transaction, input_.parameters));
            if (!transactions.empty()) {
                handed_out_.push_back(
                    {first, std::make_shared<Speculation>(base_, chunks_[chunk].block, std::move(transactions))});
                input_.speculator->start(handed_out_.back().speculation);
            }
            first = std::max(end, first + 1);
        }
    }

    /// The result of planned_[at] from elsewhere, if it has come and is of this state.
    [[nodiscard]] std::optional<Outcome> from_elsewhere(std::size_t at, std::chrono::nanoseconds patience,
                                                        JournaledState& state) {
        const auto it = std::ranges::find_if(handed_out_, [&](const HandedOut& part) {
            return at >= part.first && at - part.first < part.speculation->transactions().size();
        });
        if (it == handed_out_.end()) return std::nullopt;
        if (!std::exchange(it->is_known, true)) it->results = it->speculation->results(patience);
        if (it->results == nullptr) {
            ++speculated_.missing;
            return std::nullopt;
        }
        const auto& result = (*it->results)[at - it->first];
        if (!holds(result.reads, state)) {
            ++speculated_.outdated;
            return std::nullopt;
        }
        ++speculated_.used;
        if (result.invalid) return filtered(reason_of(*result.invalid));
        state.begin_transaction();
        state.apply(result.effects);
        return Outcome{{}, result.receipt, false};
    }

    // Execution
    // --------------------------------------------------------------------------------------------------------

    void run_in_order() {
        JournaledState state{base_};
        const auto start = std::chrono::steady_clock::now();
        std::size_t executed_here = 0;
        std::chrono::nanoseconds elsewhere{0};
        for (std::size_t i = 0; i < planned_.size(); ++i) {
            const auto& planned = planned_[i];
            const bool is_repeated = planned.transaction && natives_.contains(planned.hash);
            if (!planned.transaction) {
                keep(planned, filtered(planned.reason));
                continue;
            }
            if (is_repeated) {
                keep(planned, filtered(FilterReason::duplicate));
                continue;
            }
            // Whoever has the other half needs about as long as the first one took here.
            const auto before = std::chrono::steady_clock::now();
            auto outcome = handed_out_.empty() ? std::nullopt : from_elsewhere(i, before - start, state);
            elsewhere += std::chrono::steady_clock::now() - before;
            if (!outcome) {
                ++executed_here;
                outcome = executor_.run(chunks_[planned.chunk], *planned.transaction, state);
            }
            keep(planned, std::move(*outcome));
        }
        for (const auto& part : handed_out_) part.speculation->close();
        output_.diff = state.diff();
        if (input_.speculator == nullptr || executed_here == 0) return;
        const auto took = std::chrono::steady_clock::now() - start - elsewhere;
        input_.speculator->note(took / static_cast<std::int64_t>(executed_here), speculated_);
    }

    /// False: it is not worth it, or there is something that needs the order.
    [[nodiscard]] bool run_in_parallel() {
        if (input_.parallelism == nullptr) return false;
        std::vector<const Planned*> runs;
        std::vector<parallel::ParallelRun::Transaction> transactions;
        std::unordered_map<Address, parallel::Index, AddressHash> last_of;
        std::set<TransactionHash> natives;
        for (const auto& planned : planned_) {
            if (!planned.transaction) continue;
            const bool is_native = planned.transaction->transaction.type == TransactionType::native;
            // Which of two copies executes is told by what the first came to.
            if (is_native && !natives.insert(planned.hash).second) return false;
            const auto index = static_cast<parallel::Index>(runs.size());
            const auto [it, is_first] = last_of.try_emplace(planned.transaction->payer, index);
            transactions.push_back({is_first ? std::nullopt : std::optional{std::exchange(it->second, index)}});
            runs.push_back(&planned);
        }
        if (!input_.parallelism->is_worth_it(transactions)) return false;
        std::vector<Outcome> outcomes(runs.size());
        const auto run =
            input_.parallelism->run(base_, transactions, [&](parallel::Index index, JournaledState& state) {
                const auto& planned = *runs[index];
                outcomes[index] = executor_.run(chunks_[planned.chunk], *planned.transaction, state);
            });
        parallel::Index next = 0;
        for (const auto& planned : planned_) {
            if (!planned.transaction) {
                keep(planned, filtered(planned.reason));
                continue;
            }
            keep(planned, std::move(outcomes[next++]));
        }
        output_.diff = run->diff();
        return true;
    }

    // After execution, in order
    // ----------------------------------------------------------------------------------------

    void keep(const Planned& planned, Outcome&& outcome) {
        if (outcome.is_remembered) remember(*planned.transaction);
        if (outcome.filtered)
            output_.filtered.push_back({planned.hash, *outcome.filtered});
        else
            record(chunks_[planned.chunk].executed, *planned.transaction, std::move(outcome.receipt));
    }

    void remember(const RecoveredTransaction& transaction) {
        natives_.insert(transaction.hash);
        // Kept a little longer than it can be included: a chunk may carry it until its own expiry.
        output_.natives.emplace_back(transaction.hash,
                                     transaction.transaction.expiry + input_.parameters.chunk_lifetime);
    }

    void record(ExecutedChunk& chunk, const RecoveredTransaction& transaction, evm::ExecutionReceipt&& result) {
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
        chunk.transactions.push_back(transaction.hash);
    }

    void finish() {
        auto& executed = output_.executed;
        for (const auto& chunk : chunks_) {
            executed.result.executed_chunks.push_back(sha256(encode(chunk.executed)));
            executed.tips.push_back({chunk.executed.beneficiary,
                                     static_cast<std::uint32_t>(chunk.block.tips->numerator),
                                     static_cast<std::uint32_t>(chunk.executed.transactions.size())});
        }
        std::vector<Bytes> transactions;
        std::vector<Bytes> receipts;
        for (const auto& transaction : executed.transactions) {
            transactions.push_back(transaction.raw);
            receipts.push_back(encode_receipt(transaction.receipt));
        }
        executed.result.transactions_root = ordered_trie_root(transactions);
        executed.result.receipts_root = ordered_trie_root(receipts);
    }

    const BlockInput& input_;
    SharedBase base_;
    TransactionExecutor executor_;
    BlockOutput output_;
    std::mutex block_hash_mutex_;
    std::vector<ChunkContext> chunks_;
    std::vector<Planned> planned_;
    /// Of the chunk that is planned.
    Epoch epoch_;
    std::map<Address, bool> builds_for_;
    std::set<TransactionHash> natives_;
    std::vector<HandedOut> handed_out_;
    Speculator::Counters speculated_;
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
