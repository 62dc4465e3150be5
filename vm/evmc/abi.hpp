// EVMC 12, the C interface between Ethereum clients and EVMs (https://evmc.ethereum.org, ABI version 12), as far as a
// VM needs it. Order, size and meaning of every field are the interface: clients are compiled against the same layout.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

namespace troupe::evmc {

inline constexpr int abi_version = 12;

struct Bytes32 {
    std::uint8_t bytes[32];
};
struct Address20 {
    std::uint8_t bytes[20];
};

enum CallKind : int { CALL = 0, DELEGATECALL = 1, CALLCODE = 2, CREATE = 3, CREATE2 = 4, EOFCREATE = 5 };
enum Flags : std::uint32_t {
    STATIC = 1,
    /// EIP-7702: the code is that of the called account's delegate.
    DELEGATED = 2,
};

struct Message {
    CallKind kind;
    std::uint32_t flags;
    std::int32_t depth;
    std::int64_t gas;
    Address20 recipient;
    Address20 sender;
    const std::uint8_t* input_data;
    std::size_t input_size;
    Bytes32 value;
    Bytes32 create2_salt;
    Address20 code_address;
    const std::uint8_t* code;  // for EOFCREATE
    std::size_t code_size;
};

struct InitCode {
    Bytes32 hash;
    const std::uint8_t* code;
    std::size_t code_size;
};

struct TransactionContext {
    Bytes32 gas_price;
    Address20 origin;
    Address20 coinbase;
    std::int64_t block_number;
    std::int64_t timestamp;  // seconds
    std::int64_t gas_limit;
    Bytes32 prev_randao;
    Bytes32 chain_id;
    Bytes32 base_fee;
    Bytes32 blob_base_fee;
    const Bytes32* blob_hashes;
    std::size_t blob_hashes_count;
    const InitCode* init_codes;
    std::size_t init_codes_count;
};

enum StatusCode : int {
    SUCCESS = 0,
    FAILURE = 1,
    REVERT = 2,
    OUT_OF_GAS = 3,
    INVALID_INSTRUCTION = 4,
    UNDEFINED_INSTRUCTION = 5,
    STACK_OVERFLOW = 6,
    STACK_UNDERFLOW = 7,
    BAD_JUMP_DESTINATION = 8,
    INVALID_MEMORY_ACCESS = 9,
    CALL_DEPTH_EXCEEDED = 10,
    STATIC_MODE_VIOLATION = 11,
    PRECOMPILE_FAILURE = 12,
    CONTRACT_VALIDATION_FAILURE = 13,
    ARGUMENT_OUT_OF_RANGE = 14,
    INSUFFICIENT_BALANCE = 17,
    INTERNAL_ERROR = -1,
    REJECTED = -2,
    OUT_OF_MEMORY = -3,
};

struct Result {
    StatusCode status_code;
    std::int64_t gas_left;
    std::int64_t gas_refund;
    const std::uint8_t* output_data;
    std::size_t output_size;
    /// Null: nothing to release.
    void (*release)(const Result*);
    Address20 create_address;
    /// The interface leaves these to whoever made the result.
    std::uint8_t padding[4];
};

enum StorageStatus : int {
    ASSIGNED = 0,
    ADDED = 1,
    DELETED = 2,
    MODIFIED = 3,
    DELETED_ADDED = 4,
    MODIFIED_DELETED = 5,
    DELETED_RESTORED = 6,
    ADDED_DELETED = 7,
    MODIFIED_RESTORED = 8,
};
enum AccessStatus : int { COLD = 0, WARM = 1 };

/// The client's own; a VM only passes it back.
struct HostContext;

struct HostInterface {
    bool (*account_exists)(HostContext*, const Address20*);
    Bytes32 (*get_storage)(HostContext*, const Address20*, const Bytes32* key);
    StorageStatus (*set_storage)(HostContext*, const Address20*, const Bytes32* key, const Bytes32* value);
    Bytes32 (*get_balance)(HostContext*, const Address20*);
    std::size_t (*get_code_size)(HostContext*, const Address20*);
    Bytes32 (*get_code_hash)(HostContext*, const Address20*);
    std::size_t (*copy_code)(HostContext*, const Address20*, std::size_t offset, std::uint8_t* to, std::size_t size);
    bool (*selfdestruct)(HostContext*, const Address20*, const Address20* beneficiary);
    Result (*call)(HostContext*, const Message*);
    TransactionContext (*get_tx_context)(HostContext*);
    Bytes32 (*get_block_hash)(HostContext*, std::int64_t number);
    void (*emit_log)(HostContext*, const Address20*, const std::uint8_t* data, std::size_t size, const Bytes32 topics[],
                     std::size_t topics_count);
    AccessStatus (*access_account)(HostContext*, const Address20*);
    AccessStatus (*access_storage)(HostContext*, const Address20*, const Bytes32* key);
    Bytes32 (*get_transient_storage)(HostContext*, const Address20*, const Bytes32* key);
    void (*set_transient_storage)(HostContext*, const Address20*, const Bytes32* key, const Bytes32* value);
};

enum SetOptionResult : int { OPTION_SET = 0, OPTION_INVALID_NAME = 1, OPTION_INVALID_VALUE = 2 };
enum Capabilities : std::uint32_t { CAPABILITY_EVM1 = 1, CAPABILITY_EWASM = 2, CAPABILITY_PRECOMPILES = 4 };

/// Revisions have the numbers of troupe::evm::Revision, up to Osaka; 15 is EVMC's "experimental".
inline constexpr int experimental_revision = 15;

struct Vm {
    int version_of_abi;
    const char* name;
    const char* version;
    void (*destroy)(Vm*);
    Result (*execute)(Vm*, const HostInterface*, HostContext*, int revision, const Message*, const std::uint8_t* code,
                      std::size_t code_size);
    std::uint32_t (*get_capabilities)(Vm*);
    SetOptionResult (*set_option)(Vm*, const char* name, const char* value);
};

// What a client on a 64-bit machine was compiled with.
static_assert(sizeof(Message) == 184 && offsetof(Message, value) == 80 && offsetof(Message, code) == 168);
static_assert(sizeof(Result) == 72 && offsetof(Result, create_address) == 48);
static_assert(sizeof(TransactionContext) == 256 && offsetof(TransactionContext, block_number) == 72);
static_assert(sizeof(HostInterface) == 16 * sizeof(void*) && sizeof(Vm) == 7 * sizeof(void*));

}  // namespace troupe::evmc

// What EVMC's loaders look for, by the library's name or, failing that, without it. Options: tier=interp, trace=0|1
// (EIP-3155 lines to stderr).
[[gnu::visibility("default")]] troupe::evmc::Vm* evmc_create_troupe();
[[gnu::visibility("default")]] troupe::evmc::Vm* evmc_create();
}
