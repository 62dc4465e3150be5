// Message calls and contract creation over the journal: the part of the yellow paper between a transaction and an
// instruction.
#pragma once

#include <array>
#include <vector>

#include "vm/evm/analysis.hpp"
#include "vm/evm/precompiles.hpp"
#include "vm/evm/revision.hpp"
#include "vm/evm/trace.hpp"
#include "vm/evm/word.hpp"
#include "vm/state/journal.hpp"

namespace troupe::evm {

/// One transaction's machine. Not thread-safe.
class Machine final : public Host {
public:
    Machine(JournaledState& state, const BlockContext& block, Revision revision, AnalysisCache& codes,
            const Address& origin, const uint256& gas_price, const std::vector<Hash256>& blob_hashes)
        : state_(state), revision_(revision), codes_(codes), context_{block, origin, gas_price, blob_hashes} {}

    void set_tracer(Tracer* tracer) noexcept { tracer_ = tracer; }

    /// The transaction's own call. A creation's recipient is given and the sender's nonce is counted already.
    [[nodiscard]] CallOutcome run(const CallMessage& message);

    // Host
    /// Precompiles are warm from the start (EIP-2929).
    bool warm_account(const Address& address) override {
        return find_precompile(address, revision_) == nullptr && state_.warm_address(address);
    }
    Load load(const Address& address, const uint256& slot) override;
    Store store(const Address& address, const uint256& slot, const uint256& value) override;
    [[nodiscard]] uint256 load_transient(const Address& address, const uint256& slot) override;
    void store_transient(const Address& address, const uint256& slot, const uint256& value) override;
    [[nodiscard]] bool is_alive(const Address& address) override;
    [[nodiscard]] uint256 balance(const Address& address) override { return state_.balance(address); }
    [[nodiscard]] std::size_t code_size(const Address& address) override;
    [[nodiscard]] Hash256 code_hash(const Address& address) override;
    std::size_t copy_code(const Address& address, std::size_t offset, std::span<std::uint8_t> to) override;
    [[nodiscard]] std::optional<Address> delegate(const Address& address) override;
    bool self_destruct(const Address& address, const Address& heir) override;
    void log(const Address& address, std::span<const Hash256> topics, ByteView data) override;
    [[nodiscard]] CallOutcome call(const CallMessage& message) override;
    [[nodiscard]] const TransactionContext& context() override { return context_; }
    [[nodiscard]] Hash256 block_hash(std::uint64_t number) override;

private:
    [[nodiscard]] CallOutcome run_call(const CallMessage& message);
    [[nodiscard]] CallOutcome run_precompile(const CallMessage& message, const struct Precompile& precompile);
    [[nodiscard]] CallOutcome run_create(const CallMessage& message);
    /// A code that this transaction runs: exactly one of the two is set.
    struct UsedCode {
        CodeHash hash;
        AnalyzedCodePtr analyzed;
        std::shared_ptr<const Bytes> foreign;
    };
    /// Null for an account without code. The pointer holds until the next call.
    [[nodiscard]] const UsedCode* used_code(const Address& address);
    [[nodiscard]] CallOutcome run_code(const CallMessage& message, const UsedCode& code);
    [[nodiscard]] bool is_foreign(ByteView code) const noexcept {
        return codes_.engine() != nullptr && code_kind(code) != CodeKind::evm;
    }
    /// Puts what a creation left into the account, or makes it fail.
    void deposit_code(const CallMessage& message, CallOutcome& out);
    [[nodiscard]] bool at_least(Revision revision) const noexcept { return revision_ >= revision; }

    JournaledState& state_;
    Revision revision_;
    AnalysisCache& codes_;
    TransactionContext context_;
    Tracer* tracer_ = nullptr;
    /// The transaction's codes: the shared cache is asked once for each.
    std::vector<UsedCode> used_codes_;
};

/// The delegate of an EIP-7702 designator (0xef0100 || address); nothing for other code.
[[nodiscard]] std::optional<Address> delegate_of(ByteView code) noexcept;

[[nodiscard]] Address create_address(const Address& sender, std::uint64_t nonce);
[[nodiscard]] Address create2_address(const Address& sender, const uint256& salt, ByteView init_code);

}  // namespace troupe::evm
