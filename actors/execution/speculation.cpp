#include "actors/execution/speculation.hpp"

#include <algorithm>
#include <map>

#include "actors/execution/evm_input.hpp"

namespace troupe {
namespace {

/// What is handed out must take longer here than bringing it, and the state it reads, to another host and back.
constexpr std::uint64_t worth_ns = 10'000'000;
/// Blocks without, after one whose results were of little use.
constexpr std::uint64_t blocks_to_rest = 32;

/// The state that earlier transactions have left, noting what is read of it.
class NotingReader final : public StateReader {
public:
    using Codes = std::map<CodeHash, std::shared_ptr<const Bytes>>;
    NotingReader(JournaledState& state, StateReader& base, const Codes& deployed)
        : state_(state), base_(base), deployed_(deployed) {}

    [[nodiscard]] std::optional<AccountRecord> account(const Address& address) override {
        std::optional<AccountRecord> record;
        if (state_.exists(address))
            record = {state_.nonce(address), state_.balance(address), state_.code_hash(address)};
        reads_.accounts.emplace_back(address, record);
        return record;
    }
    [[nodiscard]] uint256 storage(const Address& address, const uint256& slot) override {
        const auto value = state_.storage(address, slot);
        reads_.slots.emplace_back(SlotPlace{address, slot}, value);
        return value;
    }
    [[nodiscard]] bool has_storage(const Address& address) override {
        const bool has = state_.has_storage(address);
        reads_.storages.emplace_back(address, has);
        return has;
    }
    [[nodiscard]] std::shared_ptr<const Bytes> code(const CodeHash& hash) override {
        const auto it = deployed_.find(hash);
        return it != deployed_.end() ? it->second : base_.code(hash);
    }
    [[nodiscard]] StateReads take_reads() noexcept { return std::move(reads_); }

private:
    JournaledState& state_;
    StateReader& base_;
    const Codes& deployed_;
    StateReads reads_;
};

}  // namespace

std::vector<SpeculativeResult> speculate(StateReader& base, const evm::BlockContext& context,
                                         const std::vector<evm::TransactionInput>& transactions,
                                         evm::AnalysisCache& codes) {
    std::vector<SpeculativeResult> out;
    JournaledState state{base};
    NotingReader::Codes deployed;
    for (const auto& transaction : transactions) {
        NotingReader reader{state, base, deployed};
        JournaledState journal{reader, Credits::apart};
        auto& result = out.emplace_back();
        if (const auto wrong = evm::validate_transaction(journal, transaction, context, chain_revision))
            result.invalid = wrong->reason;
        else
            result.receipt = evm::execute_transaction(journal, context, transaction, chain_revision, codes);
        result.effects = journal.take_effects();
        result.reads = reader.take_reads();
        state.begin_transaction();
        state.apply(result.effects);
        for (const auto& write : result.effects.accounts)
            if (write.code && write.record) deployed[write.record->code_hash] = write.code;
    }
    return out;
}

bool holds(const StateReads& reads, JournaledState& state) {
    const auto same_account = [&](const auto& read) {
        const auto& [address, record] = read;
        if (!record || !state.exists(address)) return record.has_value() == state.exists(address);
        return *record == AccountRecord{state.nonce(address), state.balance(address), state.code_hash(address)};
    };
    return std::ranges::all_of(reads.accounts, same_account) &&
           std::ranges::all_of(
               reads.slots,
               [&](const auto& read) { return state.storage(read.first.address, read.first.slot) == read.second; }) &&
           std::ranges::all_of(reads.storages,
                               [&](const auto& read) { return state.has_storage(read.first) == read.second; });
}

bool Speculation::with_state(const std::function<void(StateReader&)>& use) {
    const std::lock_guard lock{mutex_};
    if (base_ == nullptr) return false;
    use(*base_);
    return true;
}

void Speculation::deliver(std::vector<SpeculativeResult> results) {
    const std::lock_guard lock{mutex_};
    is_over_ = true;
    // Once closed, nobody looks any more.
    if (base_ != nullptr && results.size() == transactions_.size()) results_ = std::move(results);
    changed_.notify_all();
}

void Speculation::give_up() { deliver({}); }

const std::vector<SpeculativeResult>* Speculation::results(std::chrono::nanoseconds patience) {
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, patience, [this] { return is_over_; });
    // Written once, before is_over_.
    return results_.empty() ? nullptr : &results_;
}

void Speculation::close() {
    const std::lock_guard lock{mutex_};
    base_ = nullptr;
}

std::size_t Speculator::share(std::size_t transactions) {
    const auto half = transactions / 2;
    if (cost_ns_ * half < worth_ns) return 0;
    if (blocks_to_rest_ > 0) {
        --blocks_to_rest_;
        return 0;
    }
    return half;
}

void Speculator::note(Nanoseconds a_transaction, const Counters& block) {
    if (a_transaction.count() > 0) {
        const auto now = static_cast<std::uint64_t>(a_transaction.count());
        cost_ns_ = cost_ns_ == 0 ? now : (3 * cost_ns_ + now) / 4;
    }
    counters_.used += block.used;
    counters_.outdated += block.outdated;
    counters_.missing += block.missing;
    if (block.outdated + block.missing > block.used) blocks_to_rest_ = blocks_to_rest;
}

}  // namespace troupe
