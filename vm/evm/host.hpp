// What the interpreter stands on: the state, the block and other calls. Two things implement it: Machine over our own
// journal, and the adapter to an EVMC host.
#pragma once

#include <functional>
#include <optional>
#include <span>

#include "runtime/base/bytes.hpp"
#include "runtime/base/uint256.hpp"
#include "vm/evm/status.hpp"

namespace troupe::evm {

/// Who gets which part of a transaction's tip; the rest is burned.
struct TipShare {
    Address recipient;
    std::uint64_t numerator = 1;
    std::uint64_t denominator = 1;
};

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
    /// Nothing: the coinbase gets all of every tip.
    std::optional<TipShare> tips;
    /// Only asked for the 256 blocks before `number`; zero if unknown.
    std::function<Hash256(std::uint64_t)> block_hash;
};

/// Facts of the block and of the transaction.
struct TransactionContext {
    const BlockContext& block;
    Address origin;
    uint256 gas_price;
    std::span<const Hash256> blob_hashes;
};

enum class CallKind : std::uint8_t { call, callcode, delegatecall, staticcall, create, create2 };

[[nodiscard]] constexpr bool is_creation(CallKind kind) noexcept {
    return kind == CallKind::create || kind == CallKind::create2;
}

struct CallMessage {
    CallKind kind = CallKind::call;
    bool is_static = false;
    /// `code_address` is where the called account's EIP-7702 designator points: no precompile is run.
    bool is_delegated = false;
    std::uint32_t depth = 0;
    std::int64_t gas = 0;
    /// Whose storage and balance; for creation by an instruction the host finds it.
    Address recipient;
    /// Whose code.
    Address code_address;
    Address sender;
    uint256 value;
    /// Calldata, or init code for creation. Stays in place while the call runs.
    ByteView input;
    uint256 salt;
    /// Refund that the enclosing calls have earned so far; for tracers.
    std::int64_t refund_before = 0;
};

struct CallOutcome {
    Status status = Status::success;
    /// What an undefined instruction or a trap was.
    std::uint8_t opcode = 0;
    std::int64_t gas_left = 0;
    /// EIP-2200 and earlier; zero unless it succeeded.
    std::int64_t refund = 0;
    /// Returned or revert data. Valid until the same frame calls again.
    ByteView output;
    Address created;
};

/// What a write did to a slot, by its value at the start of the transaction, before and after (EIP-2200; EVMC's names).
enum class StorageStatus : std::uint8_t {
    assigned,           // no change, or one of a slot that was changed before
    added,              // 0 -> 0 -> Z
    deleted,            // X -> X -> 0
    modified,           // X -> X -> Z
    deleted_added,      // X -> 0 -> Z
    modified_deleted,   // X -> Y -> 0
    deleted_restored,   // X -> 0 -> X
    added_deleted,      // 0 -> Y -> 0
    modified_restored,  // X -> Y -> X
};

class Host {
public:
    struct Load {
        uint256 value;
        bool was_cold = false;
    };
    struct Store {
        StorageStatus status{};
        bool was_cold = false;
    };

    virtual ~Host() = default;

    /// Warms the account (EIP-2929); true if it was cold.
    virtual bool warm_account(const Address& address) = 0;
    /// Warms the slot.
    virtual Load load(const Address& address, const uint256& slot) = 0;
    virtual Store store(const Address& address, const uint256& slot, const uint256& value) = 0;
    [[nodiscard]] virtual uint256 load_transient(const Address& address, const uint256& slot) = 0;
    virtual void store_transient(const Address& address, const uint256& slot, const uint256& value) = 0;

    /// From Spurious Dragon on: exists and is not empty (EIP-161).
    [[nodiscard]] virtual bool is_alive(const Address& address) = 0;
    [[nodiscard]] virtual uint256 balance(const Address& address) = 0;
    [[nodiscard]] virtual std::size_t code_size(const Address& address) = 0;
    /// Zero for an account that is not alive.
    [[nodiscard]] virtual Hash256 code_hash(const Address& address) = 0;
    /// The code from `offset` on, at most to.size() bytes; gives how many.
    virtual std::size_t copy_code(const Address& address, std::size_t offset, std::span<std::uint8_t> to) = 0;
    /// Where the account's code delegates to (EIP-7702).
    [[nodiscard]] virtual std::optional<Address> delegate(const Address& address) = 0;

    /// Balance to the heir, and removal as the revision has it. True the first time in a transaction.
    virtual bool self_destruct(const Address& address, const Address& heir) = 0;
    virtual void log(const Address& address, std::span<const Hash256> topics, ByteView data) = 0;
    /// Includes value transfer, precompiles, nonce and creation rules. On failure the state is as before.
    [[nodiscard]] virtual CallOutcome call(const CallMessage& message) = 0;

    [[nodiscard]] virtual const TransactionContext& context() = 0;
    [[nodiscard]] virtual Hash256 block_hash(std::uint64_t number) = 0;
};

}  // namespace troupe::evm
