// A block of transactions made of bytes: few accounts, contracts that read and write each other's money and storage,
// create and destroy, and a coinbase that is sometimes one of them. Executed in order and in parallel.
#pragma once

#include <map>
#include <thread>

#include "runtime/crypto/keccak.hpp"
#include "vm/evm/opcodes.hpp"
#include "vm/evm/transaction.hpp"
#include "vm/parallel/parallel_run.hpp"

namespace troupe::fuzzing {

/// Zeros after its end.
class ByteSource {
public:
    explicit ByteSource(ByteView bytes) : bytes_(bytes) {}
    [[nodiscard]] std::uint8_t next() noexcept { return at_ < bytes_.size() ? bytes_[at_++] : std::uint8_t{0}; }
    [[nodiscard]] std::size_t below(std::size_t bound) noexcept { return next() % bound; }
    [[nodiscard]] bool is_empty() const noexcept { return at_ >= bytes_.size(); }

private:
    ByteView bytes_;
    std::size_t at_ = 0;
};

class EvmBlock final : public StateReader {
public:
    explicit EvmBlock(ByteView bytes, std::size_t transactions_max = 48) {
        ByteSource in{bytes};
        for (std::size_t i = 0; i < 4; ++i) accounts_[user(i)] = {0, uint256{1'000'000'000}, empty_code_hash};
        for (std::size_t i = 0; i < 4; ++i) put_contract(in, i);
        block_.number = 300;
        block_.gas_limit = 1'000'000'000;
        block_.base_fee = uint256{7};
        block_.chain_id = uint256{1};
        block_.coinbase = any(in);
        if (in.below(2) == 0) block_.tips = {any(in), in.below(5), 4};
        std::map<Address, std::uint64_t> nonces;
        while (!in.is_empty() && transactions_.size() < transactions_max) add_transaction(in, nonces);
    }

    [[nodiscard]] std::size_t size() const noexcept { return transactions_.size(); }

    struct Result {
        struct One {
            std::optional<evm::Invalid> invalid;
            std::string error;
            std::uint64_t gas_used = 0;
            Bytes output;
            std::vector<EvmLog> logs;
            bool operator==(const One&) const = default;
        };
        std::vector<One> transactions;
        StateDiff diff;
        bool operator==(const Result&) const = default;
    };

    [[nodiscard]] Result run_in_order() {
        Result out;
        JournaledState state{*this};
        for (std::size_t i = 0; i < size(); ++i) out.transactions.push_back(run_one(i, state));
        out.diff = state.diff();
        return out;
    }

    [[nodiscard]] Result run_in_parallel(std::size_t threads, parallel::Index group_size,
                                         parallel::Counters* counters = nullptr) {
        Result out;
        out.transactions.resize(size());
        std::vector<parallel::ParallelRun::Transaction> transactions(size());
        std::map<Address, parallel::Index> last;
        for (parallel::Index i = 0; i < size(); ++i) {
            const auto [it, is_first] = last.try_emplace(transactions_[i].sender, i);
            if (!is_first) transactions[i].after = std::exchange(it->second, i);
        }
        parallel::ParallelRun run{
            *this, transactions,
            [&](parallel::Index i, JournaledState& state) { out.transactions[i] = run_one(i, state); }, group_size};
        std::vector<std::jthread> helpers;
        for (std::size_t i = 1; i < threads; ++i) helpers.emplace_back([&] { run.work(); });
        run.finish();
        helpers.clear();
        out.diff = run.diff();
        if (counters != nullptr) *counters += run.counters();
        return out;
    }

    // StateReader
    [[nodiscard]] std::optional<AccountRecord> account(const Address& address) override {
        const auto it = accounts_.find(address);
        return it == accounts_.end() ? std::nullopt : std::optional{it->second};
    }
    [[nodiscard]] uint256 storage(const Address& address, const uint256& slot) override {
        return accounts_.contains(address) && slot < uint256{3} && address[18] == 0xcc ? slot : uint256{};
    }
    [[nodiscard]] std::shared_ptr<const Bytes> code(const CodeHash& hash) override {
        const auto it = codes_.find(hash);
        return it == codes_.end() ? std::make_shared<const Bytes>() : it->second;
    }

private:
    [[nodiscard]] static Address make(std::uint8_t kind, std::size_t n) {
        Address out;
        out[18] = kind;
        out[19] = static_cast<std::uint8_t>(n + 1);
        return out;
    }
    [[nodiscard]] static Address user(std::size_t n) { return make(0xaa, n); }
    [[nodiscard]] static Address contract(std::size_t n) { return make(0xcc, n); }
    /// A user, a contract, an account that does not exist, a precompile.
    [[nodiscard]] static Address any(ByteSource& in) {
        const auto n = in.below(12);
        return n < 4 ? user(n) : n < 8 ? contract(n - 4) : n < 11 ? make(0xee, n - 8) : make(0, 1);
    }

    void put_contract(ByteSource& in, std::size_t n) {
        auto code = make_code(in, 12);
        const auto hash = CodeHash::from(keccak256(code));
        accounts_[contract(n)] = {1, uint256{n * 1000}, hash};
        codes_[hash] = std::make_shared<const Bytes>(std::move(code));
    }

    static void push(Bytes& code, ByteView value) {
        code.push_back(static_cast<std::uint8_t>(evm::PUSH1 + value.size() - 1));
        append(code, value);
    }
    static void push(Bytes& code, std::uint8_t value) { push(code, Bytes{value}); }
    static void op(Bytes& code, std::initializer_list<std::uint8_t> opcodes) {
        code.insert(code.end(), opcodes.begin(), opcodes.end());
    }

    /// Pieces that each leave the stack as it was.
    [[nodiscard]] static Bytes make_code(ByteSource& in, std::size_t pieces_max) {
        using namespace evm;
        Bytes code;
        for (auto pieces = 1 + in.below(pieces_max); pieces > 0; --pieces) {
            const auto slot = static_cast<std::uint8_t>(in.below(4));
            switch (in.below(16)) {
                case 0:
                case 1:
                    push(code, slot);
                    op(code, {SLOAD, PUSH1, 1, ADD});
                    push(code, slot);
                    op(code, {SSTORE});
                    break;
                case 2:
                    push(code, any(in).view());
                    op(code, {BALANCE});
                    push(code, slot);
                    op(code, {SSTORE});
                    break;
                case 3:
                    op(code, {COINBASE, BALANCE});
                    push(code, slot);
                    op(code, {SSTORE});
                    break;
                case 4:
                case 5:
                    // Gives its argument on.
                    op(code, {CALLDATASIZE, PUSH0, PUSH0, CALLDATACOPY, PUSH0, PUSH0, CALLDATASIZE, PUSH0});
                    push(code, static_cast<std::uint8_t>(in.below(2) * slot));
                    push(code, any(in).view());
                    op(code, {PUSH1 + 1, 0xff, 0xff, CALL, POP});
                    break;
                case 6:
                    op(code, {PUSH0, PUSH0, PUSH0, PUSH0});
                    push(code, any(in).view());
                    op(code, {PUSH1 + 1, 0xff, 0xff, DELEGATECALL, POP});
                    break;
                case 7:
                    push(code, slot);
                    op(code, {SLOAD, PUSH0, PUSH0, LOG1});
                    break;
                case 8:
                case 9: {
                    // A small program creates what it returns, or destroys itself at once.
                    static const Bytes programs[] = {
                        {CALLER, SELFDESTRUCT},
                        {PUSH0, SLOAD, PUSH1, 1, SSTORE},
                        {PUSH1 + 1, CALLER, SELFDESTRUCT, PUSH0, MSTORE, PUSH1, 2, PUSH1, 30, RETURN},
                        {COINBASE, BALANCE, PUSH0, SSTORE}};
                    const auto& program = programs[in.below(4)];
                    push(code, program);
                    op(code, {PUSH0, MSTORE});
                    const bool is_salted = in.below(2) == 0;
                    if (is_salted) push(code, slot);
                    push(code, static_cast<std::uint8_t>(program.size()));
                    push(code, static_cast<std::uint8_t>(32 - program.size()));
                    push(code, static_cast<std::uint8_t>(in.below(3)));
                    op(code, {is_salted ? CREATE2 : CREATE});
                    // Calls what it has created.
                    op(code, {PUSH0, PUSH0, PUSH0, PUSH0, PUSH0, DUP1 + 5, GAS, CALL, POP, POP});
                    break;
                }
                case 10:
                    push(code, any(in).view());
                    op(code, {in.below(2) == 0 ? EXTCODEHASH : EXTCODESIZE});
                    push(code, slot);
                    op(code, {SSTORE});
                    break;
                case 11:
                    push(code, slot);
                    op(code, {TLOAD, PUSH1, 1, ADD});
                    push(code, slot);
                    op(code, {TSTORE});
                    break;
                case 12:
                    op(code, {PUSH0, CALLDATALOAD});
                    push(code, slot);
                    op(code, {SSTORE});
                    break;
                case 13:
                    op(code, {PUSH0});
                    push(code, slot);
                    op(code, {SSTORE});
                    break;
                case 14: code.push_back(in.next()); break;
                default:
                    if (in.below(3) != 0) break;
                    switch (in.below(3)) {
                        case 0:
                            push(code, any(in).view());
                            op(code, {SELFDESTRUCT});
                            break;
                        case 1: op(code, {PUSH0, PUSH0, REVERT}); break;
                        default: push(code, slot); op(code, {SLOAD, PUSH0, MSTORE, PUSH1, 32, PUSH0, RETURN});
                    }
            }
        }
        return code;
    }

    void add_transaction(ByteSource& in, std::map<Address, std::uint64_t>& nonces) {
        evm::TransactionInput tx;
        tx.type = 2;
        tx.sender = user(in.below(4));
        tx.gas_limit = 100'000 + 10'000 * in.next();
        tx.max_fee_per_gas = uint256{30};
        tx.max_priority_fee_per_gas = uint256{in.below(4)};
        tx.nonce = nonces[tx.sender];
        // Now and then not the next one.
        if (in.below(16) == 0) tx.nonce += in.below(3);
        nonces[tx.sender] = tx.nonce + 1;
        switch (in.below(8)) {
            case 0: tx.data = make_code(in, 4); break;
            case 1:
                tx.to = user(in.below(4));
                tx.value = uint256{in.below(100)};
                break;
            case 2: {
                tx.type = 4;
                tx.to = any(in);
                const auto authority = user(in.below(4));
                // Its nonce counts what came before, and its own transaction if it sends it.
                tx.authorization_list.push_back({uint256{}, any(in), nonces[authority], authority});
                ++nonces[authority];
                break;
            }
            default:
                tx.to = any(in);
                tx.value = uint256{in.below(3)};
                tx.data = Bytes(32, in.next());
        }
        transactions_.push_back(std::move(tx));
    }

    [[nodiscard]] Result::One run_one(std::size_t index, JournaledState& state) {
        const auto& tx = transactions_[index];
        Result::One out;
        if (const auto wrong = evm::validate_transaction(state, tx, block_, evm::Revision::Osaka)) {
            out.invalid = wrong->reason;
            return out;
        }
        auto receipt = evm::execute_transaction(state, block_, tx, evm::Revision::Osaka, analyzed_);
        out.error = std::move(receipt.error);
        out.gas_used = receipt.gas_used;
        out.output = std::move(receipt.output);
        out.logs = std::move(receipt.logs);
        return out;
    }

    std::map<Address, AccountRecord> accounts_;
    std::map<CodeHash, std::shared_ptr<const Bytes>> codes_;
    evm::BlockContext block_;
    std::vector<evm::TransactionInput> transactions_;
    evm::AnalysisCache analyzed_;
};

}  // namespace troupe::fuzzing
