// Message calls and contract creation: the part of the yellow paper between a transaction and an instruction.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "vm/evm/analysis.hpp"
#include "vm/evm/revision.hpp"
#include "vm/state/journal.hpp"

namespace troupe::evm {

/// Facts of the block that instructions can ask for.
struct BlockContext {
    std::uint64_t number = 0;
    /// Seconds since the Unix epoch.
    std::uint64_t timestamp = 0;
    Address coinbase;
    std::uint64_t gas_limit = 0;
    uint256 base_fee;
    /// PREVRANDAO from Paris on, DIFFICULTY before.
    uint256 prevrandao;
    uint256 chain_id;
    uint256 blob_base_fee{1};
    /// Only asked for the 256 blocks before `number`; zero if unknown.
    std::function<Hash256(std::uint64_t)> block_hash;
};

enum class CallKind : std::uint8_t { call, callcode, delegatecall, staticcall, create, create2 };

struct CallMessage {
    CallKind kind = CallKind::call;
    bool is_static = false;
    std::uint32_t depth = 0;
    std::int64_t gas = 0;
    /// Whose storage and balance; for creation the new account.
    Address recipient;
    /// Whose code.
    Address code_address;
    Address sender;
    uint256 value;
    /// Calldata, or init code for creation.
    ByteView input;
    uint256 salt;
};

struct CallOutcome {
    bool succeeded = false;
    bool reverted = false;
    /// geth's words; empty on success.
    std::string error;
    std::int64_t gas_left = 0;
    Bytes output;
    Address created;
};

/// Sees every instruction before it executes. For debug_traceTransaction and EIP-3155.
class Tracer {
public:
    struct Step {
        std::uint64_t pc = 0;
        std::uint8_t opcode = 0;
        std::int64_t gas = 0;
        std::uint32_t depth = 0;
        /// Whose storage.
        const Address& self;
        std::span<const uint256> stack;  // bottom first
        ByteView memory;
    };
    virtual ~Tracer() = default;
    virtual void on_step(const Step& step) = 0;
};

/// One transaction's machine. Not thread-safe.
class Machine {
public:
    Machine(JournaledState& state, const BlockContext& block, Revision revision, AnalysisCache& codes,
            const Address& origin, const uint256& gas_price, const std::vector<Hash256>& blob_hashes)
        : state_(state),
          block_(block),
          revision_(revision),
          codes_(codes),
          origin_(origin),
          gas_price_(gas_price),
          blob_hashes_(blob_hashes) {}

    void set_tracer(Tracer* tracer) noexcept { tracer_ = tracer; }

    /// Includes value transfer, precompiles, creation rules. On failure the state is as before.
    [[nodiscard]] CallOutcome run(const CallMessage& message);

private:
    struct Frame;
    struct FrameMemory {
        std::vector<uint256> stack;
        Bytes memory;
    };

    [[nodiscard]] CallOutcome run_call(const CallMessage& message);
    [[nodiscard]] CallOutcome run_create(const CallMessage& message);
    [[nodiscard]] CallOutcome execute(const CallMessage& message, const AnalyzedCode& code);
    /// Code that calling `address` executes: its own, or the one it delegates to (EIP-7702).
    [[nodiscard]] std::pair<AnalyzedCodePtr, bool> executable(const Address& address);
    [[nodiscard]] std::int64_t account_access(const Address& address, std::int64_t before_berlin);
    [[nodiscard]] bool at_least(Revision revision) const noexcept { return revision_ >= revision; }

    void run_frame(Frame& f);
    bool do_call(Frame& f, CallKind kind);
    bool do_create(Frame& f, CallKind kind);
    bool do_sstore(Frame& f);
    bool do_self_destruct(Frame& f);
    bool do_log(Frame& f, unsigned topics);

    JournaledState& state_;
    const BlockContext& block_;
    Revision revision_;
    AnalysisCache& codes_;
    Address origin_;
    uint256 gas_price_;
    const std::vector<Hash256>& blob_hashes_;
    Tracer* tracer_ = nullptr;
    /// Stacks and memories of frames that ended, to be used again.
    std::vector<std::unique_ptr<FrameMemory>> pool_;
};

/// The delegate of an EIP-7702 designator (0xef0100 || address); nothing for other code.
[[nodiscard]] std::optional<Address> delegate_of(ByteView code) noexcept;

[[nodiscard]] Address create_address(const Address& sender, std::uint64_t nonce);
[[nodiscard]] Address create2_address(const Address& sender, const uint256& salt, ByteView init_code);
[[nodiscard]] inline Address to_address(const uint256& word) noexcept {
    const auto bytes = to_big_endian(word);
    Address out;
    std::copy(bytes.begin() + 12, bytes.end(), out.bytes.begin());
    return out;
}
[[nodiscard]] inline uint256 to_word(const Address& address) noexcept { return from_big_endian(address.view()); }

}  // namespace troupe::evm
