// What a pool and a worker of another process say to each other over an operator link. The pool calls; while the worker
// works it asks for the state that it lacks, key by key.
#pragma once

#include "actors/vm_pool/read_work.hpp"
#include "runtime/base/codec.hpp"
#include "vm/state/state_view.hpp"

namespace troupe::vm_pool::remote {

/// Raised when a message changes its meaning.
inline constexpr std::uint32_t protocol_version = 2;

namespace method {
inline constexpr const char* hello = "hello";
inline constexpr const char* read = "read";
inline constexpr const char* speculate = "speculate";
}  // namespace method

namespace query {
inline constexpr const char* account = "account";
inline constexpr const char* slot = "slot";
inline constexpr const char* code = "code";
inline constexpr const char* has_storage = "has_storage";
inline constexpr const char* block_hash = "block_hash";
/// Nothing is asked: the worker is still at work.
inline constexpr const char* alive = "alive";
}  // namespace query

/// Both ways.
struct Hello {
    std::uint32_t version = protocol_version;
    std::string name;

    static constexpr auto reflect() {
        return fields("Hello", field("version", &Hello::version), field("name", &Hello::name));
    }
};

/// evm::BlockContext without block_hash, and the state's root.
struct Context {
    RootHash root;
    std::uint64_t number = 0;
    std::uint64_t timestamp = 0;
    Address coinbase;
    std::uint64_t gas_limit = 0;
    uint256 base_fee;
    uint256 prevrandao;
    uint256 chain_id;
    uint256 blob_base_fee;
    /// evm::TipShare; a denominator of 0: the coinbase gets all.
    Address tips_to;
    std::uint64_t tips_numerator = 0;
    std::uint64_t tips_denominator = 0;

    [[nodiscard]] static Context of(const RootHash& root, const evm::BlockContext& context);
    [[nodiscard]] evm::BlockContext block() const;

    static constexpr auto reflect() {
        using C = Context;
        return fields("Context", field("root", &C::root), field("number", &C::number),
                      field("timestamp", &C::timestamp), field("coinbase", &C::coinbase),
                      field("gas_limit", &C::gas_limit), field("base_fee", &C::base_fee),
                      field("prevrandao", &C::prevrandao), field("chain_id", &C::chain_id),
                      field("blob_base_fee", &C::blob_base_fee), field("tips_to", &C::tips_to),
                      field("tips_numerator", &C::tips_numerator), field("tips_denominator", &C::tips_denominator));
    }
};

struct ReadCall {
    ReadKind kind{};
    evm::TransactionInput transaction;
    bool gas_named = false;
    std::vector<std::pair<Address, AccountOverride>> overrides;
    BlockOverride block;
    Context context;

    static constexpr auto reflect() {
        using C = ReadCall;
        return fields("ReadCall", field("kind", &C::kind), field("transaction", &C::transaction),
                      field("gas_named", &C::gas_named), field("overrides", &C::overrides), field("block", &C::block),
                      field("context", &C::context));
    }
};

struct ReadReply {
    bool succeeded = false;
    bool reverted = false;
    std::string error;
    Bytes output;
    std::uint64_t gas = 0;
    std::vector<evm::AccessListItem> accessed;

    static constexpr auto reflect() {
        using R = ReadReply;
        return fields("ReadReply", field("succeeded", &R::succeeded), field("reverted", &R::reverted),
                      field("error", &R::error), field("output", &R::output), field("gas", &R::gas),
                      field("accessed", &R::accessed));
    }
};

struct AccountQuery {
    Address address;
    static constexpr auto reflect() { return fields("AccountQuery", field("address", &AccountQuery::address)); }
};
struct AccountReply {
    bool exists = false;
    std::uint64_t nonce = 0;
    uint256 balance;
    CodeHash code_hash;

    [[nodiscard]] static AccountReply of(const std::optional<AccountRecord>& record);
    [[nodiscard]] std::optional<AccountRecord> record() const;

    static constexpr auto reflect() {
        using R = AccountReply;
        return fields("AccountReply", field("exists", &R::exists), field("nonce", &R::nonce),
                      field("balance", &R::balance), field("code_hash", &R::code_hash));
    }
};
struct SlotQuery {
    Address address;
    uint256 slot;
    static constexpr auto reflect() {
        return fields("SlotQuery", field("address", &SlotQuery::address), field("slot", &SlotQuery::slot));
    }
};

[[nodiscard]] ReadCall to_message(const ReadWork& work, const ReadBase& base);
[[nodiscard]] CallRequest request_of(const ReadCall& message);
[[nodiscard]] ReadReply to_message(CallResult result);
[[nodiscard]] CallResult result_of(ReadReply message);

/// What the pool answers to a worker's query about `state` or a block before it. ErrorCode::malformed for what is none.
[[nodiscard]] Result<Bytes> answer_query(StateReader& state, const evm::BlockContext& context,
                                         const std::string& method, ByteView body);

}  // namespace troupe::vm_pool::remote
