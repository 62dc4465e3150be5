// Contracts for Troupe in C or C++: the host's functions, words of the Ethereum ABI, storage as Solidity lays it out.
// The whole SDK is this file. A contract exports `call`, and `deploy` if it has a constructor:
//
//   TROUPE_EXPORT(call) void call(void) { ... }
//
//   clang --target=wasm32 -O2 -nostdlib -mbulk-memory -Wl,--no-entry,--stack-first,-zstack-size=8192,--strip-all
//     -I vm/contract/sdk contract.c -o contract.wasm
//
// What each function of the host does and costs stands in vm/contract/README.md.
#ifndef TROUPE_H
#define TROUPE_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TROUPE_EXPORT(name) __attribute__((export_name(#name)))
#define TROUPE_NORETURN __attribute__((noreturn))
#define TROUPE_HOST(name) __attribute__((import_module("troupe"), import_name(#name)))

/// 32 bytes, big-endian, as in the ABI and in storage.
typedef struct {
    uint8_t bytes[32];
} Word;
typedef struct {
    uint8_t bytes[20];
} Address;

// The host ------------------------------------------------------------------------------------------------------------

TROUPE_HOST(input_size) uint32_t troupe_input_size(void);
TROUPE_HOST(input_read) void troupe_input_read(void* to, uint32_t offset, uint32_t size);
TROUPE_HOST(finish) TROUPE_NORETURN void troupe_finish(const void* data, uint32_t size);
TROUPE_HOST(revert) TROUPE_NORETURN void troupe_revert(const void* data, uint32_t size);
TROUPE_HOST(returned_size) uint32_t troupe_returned_size(void);
TROUPE_HOST(returned_read) void troupe_returned_read(void* to, uint32_t offset, uint32_t size);
TROUPE_HOST(self_address) void troupe_self_address(Address* to);
TROUPE_HOST(caller) void troupe_caller(Address* to);
TROUPE_HOST(call_value) void troupe_call_value(Word* to);
TROUPE_HOST(gas_left) uint64_t troupe_gas_left(void);
TROUPE_HOST(is_static) uint32_t troupe_is_static(void);
TROUPE_HOST(storage_load) void troupe_storage_load(const Word* key, Word* to);
TROUPE_HOST(storage_store) void troupe_storage_store(const Word* key, const Word* value);
TROUPE_HOST(transient_load) void troupe_transient_load(const Word* key, Word* to);
TROUPE_HOST(transient_store) void troupe_transient_store(const Word* key, const Word* value);
TROUPE_HOST(log) void troupe_log(const void* data, uint32_t size, const Word* topics, uint32_t count);
TROUPE_HOST(self_destruct) TROUPE_NORETURN void troupe_self_destruct(const Address* heir);
TROUPE_HOST(call)
uint32_t troupe_call(uint64_t gas, const Address* to, const Word* value, const void* input, uint32_t size);
TROUPE_HOST(delegate_call)
uint32_t troupe_delegate_call(uint64_t gas, const Address* to, const void* input, uint32_t size);
TROUPE_HOST(static_call)
uint32_t troupe_static_call(uint64_t gas, const Address* to, const void* input, uint32_t size);
TROUPE_HOST(create) uint32_t troupe_create(const Word* value, const void* code, uint32_t size, Address* to);
TROUPE_HOST(create2)
uint32_t troupe_create2(const Word* value, const void* code, uint32_t size, const Word* salt, Address* to);
TROUPE_HOST(balance) void troupe_balance(const Address* of, Word* to);
TROUPE_HOST(code_size) uint32_t troupe_code_size(const Address* of);
TROUPE_HOST(code_hash) void troupe_code_hash(const Address* of, Word* to);
TROUPE_HOST(code_read) void troupe_code_read(const Address* of, void* to, uint32_t offset, uint32_t size);
TROUPE_HOST(origin) void troupe_origin(Address* to);
TROUPE_HOST(gas_price) void troupe_gas_price(Word* to);
TROUPE_HOST(blob_hash) void troupe_blob_hash(uint32_t index, Word* to);
TROUPE_HOST(chain_id) void troupe_chain_id(Word* to);
TROUPE_HOST(block_number) uint64_t troupe_block_number(void);
TROUPE_HOST(block_timestamp) uint64_t troupe_block_timestamp(void);
TROUPE_HOST(block_gas_limit) uint64_t troupe_block_gas_limit(void);
TROUPE_HOST(block_coinbase) void troupe_block_coinbase(Address* to);
TROUPE_HOST(block_base_fee) void troupe_block_base_fee(Word* to);
TROUPE_HOST(block_blob_base_fee) void troupe_block_blob_base_fee(Word* to);
TROUPE_HOST(block_prevrandao) void troupe_block_prevrandao(Word* to);
TROUPE_HOST(block_hash) void troupe_block_hash(uint64_t number, Word* to);
TROUPE_HOST(clock_ns) uint64_t troupe_clock_ns(void);
TROUPE_HOST(keccak256) void troupe_keccak256(const void* data, uint32_t size, Word* to);
TROUPE_HOST(sha256) void troupe_sha256(const void* data, uint32_t size, Word* to);

#ifdef __cplusplus
}
#endif

// Words ---------------------------------------------------------------------------------------------------------------

static inline Word word_from_u64(uint64_t number) {
    Word out = {{0}};
    for (int i = 0; i < 8; ++i) out.bytes[31 - i] = (uint8_t)(number >> (8 * i));
    return out;
}

static inline Word word_from_address(const Address* address) {
    Word out = {{0}};
    __builtin_memcpy(out.bytes + 12, address->bytes, 20);
    return out;
}

static inline uint64_t word_limb(const Word* word, int from_high) {
    uint64_t out;
    __builtin_memcpy(&out, word->bytes + 8 * from_high, 8);
    return __builtin_bswap64(out);
}
static inline void word_set_limb(Word* word, int from_high, uint64_t limb) {
    limb = __builtin_bswap64(limb);
    __builtin_memcpy(word->bytes + 8 * from_high, &limb, 8);
}

static inline int word_compare(const Word* a, const Word* b) {
    for (int i = 0; i < 4; ++i) {
        const uint64_t x = word_limb(a, i), y = word_limb(b, i);
        if (x != y) return x < y ? -1 : 1;
    }
    return 0;
}
static inline bool word_is_zero(const Word* a) {
    return (word_limb(a, 0) | word_limb(a, 1) | word_limb(a, 2) | word_limb(a, 3)) == 0;
}

/// Modulo 2^256; true if it wrapped.
static inline bool word_add(const Word* a, const Word* b, Word* to) {
    uint64_t carry = 0;
    for (int i = 3; i >= 0; --i) {
        const uint64_t x = word_limb(a, i), y = word_limb(b, i);
        const uint64_t sum = x + y, with_carry = sum + carry;
        carry = (uint64_t)(sum < x) | (uint64_t)(with_carry < sum);
        word_set_limb(to, i, with_carry);
    }
    return carry != 0;
}
static inline bool word_subtract(const Word* a, const Word* b, Word* to) {
    uint64_t borrow = 0;
    for (int i = 3; i >= 0; --i) {
        const uint64_t x = word_limb(a, i), y = word_limb(b, i);
        const uint64_t difference = x - y, with_borrow = difference - borrow;
        borrow = (uint64_t)(x < y) | (uint64_t)(difference < borrow);
        word_set_limb(to, i, with_borrow);
    }
    return borrow != 0;
}

// Calldata ------------------------------------------------------------------------------------------------------------

/// The first four bytes; zero if there are fewer.
static inline uint32_t input_selector(void) {
    uint32_t out;
    if (troupe_input_size() < 4) return 0;
    troupe_input_read(&out, 0, 4);
    return __builtin_bswap32(out);
}

/// Word `index` from byte `offset` on: 4 after a selector, 0 for a constructor. Reverts where calldata ends before.
static inline Word input_word_at(uint32_t offset, uint32_t index) {
    Word out;
    if (troupe_input_size() < offset + 32 * index + 32) troupe_revert(0, 0);
    troupe_input_read(&out, offset + 32 * index, 32);
    return out;
}
/// Argument `index` of a function.
static inline Word input_word(uint32_t index) { return input_word_at(4, index); }
/// Reverts if it is no address.
static inline Address input_address(uint32_t index) {
    const Word word = input_word(index);
    Address out;
    for (int i = 0; i < 12; ++i)
        if (word.bytes[i] != 0) troupe_revert(0, 0);
    __builtin_memcpy(out.bytes, word.bytes + 12, 20);
    return out;
}

// Results -------------------------------------------------------------------------------------------------------------

static inline TROUPE_NORETURN void return_word(Word word) { troupe_finish(&word, 32); }
static inline TROUPE_NORETURN void return_u64(uint64_t number) { return_word(word_from_u64(number)); }

static inline uint32_t text_size(const char* text) {
    uint32_t out = 0;
    while (text[out] != 0) ++out;
    return out;
}

/// A string of at most 224 bytes after `prefix` (a selector, or nothing) into `to` of 4 + 64 + 224 bytes: its size.
static inline uint32_t encode_text(uint8_t* to, uint32_t prefix_size, const char* text) {
    const uint32_t size = text_size(text);
    const Word offset = word_from_u64(32), length = word_from_u64(size);
    if (size > 224) __builtin_trap();
    __builtin_memset(to + prefix_size, 0, 64 + 224);
    __builtin_memcpy(to + prefix_size, &offset, 32);
    __builtin_memcpy(to + prefix_size + 32, &length, 32);
    __builtin_memcpy(to + prefix_size + 64, text, size);
    return prefix_size + 64 + (size + 31) / 32 * 32;
}
static inline TROUPE_NORETURN void return_text(const char* text) {
    uint8_t data[4 + 64 + 224];
    troupe_finish(data, encode_text(data, 0, text));
}
/// As Solidity's require(false, text): Error(string).
static inline TROUPE_NORETURN void revert_text(const char* text) {
    uint8_t data[4 + 64 + 224] = {0x08, 0xc3, 0x79, 0xa0};
    troupe_revert(data, encode_text(data, 4, text));
}
/// A custom error of at most four words.
static inline TROUPE_NORETURN void revert_error(uint32_t selector, const Word* words, uint32_t count) {
    uint8_t data[4 + 4 * 32];
    selector = __builtin_bswap32(selector);
    if (count > 4) __builtin_trap();
    __builtin_memcpy(data, &selector, 4);
    for (uint32_t i = 0; i < count; ++i) __builtin_memcpy(data + 4 + 32 * i, words + i, 32);
    troupe_revert(data, 4 + 32 * count);
}
/// What the last call gave back, of at most 1024 bytes, as this call's own revert.
static inline TROUPE_NORETURN void revert_as_callee(void) {
    uint8_t data[1024];
    const uint32_t size = troupe_returned_size();
    const uint32_t used = size < sizeof data ? size : sizeof data;
    troupe_returned_read(data, 0, used);
    troupe_revert(data, used);
}

// Storage -------------------------------------------------------------------------------------------------------------

static inline Word storage_get(Word slot) {
    Word out;
    troupe_storage_load(&slot, &out);
    return out;
}
static inline void storage_set(Word slot, Word value) { troupe_storage_store(&slot, &value); }

/// mapping(key => ...) at `slot`, as Solidity has it. For a mapping of mappings use it twice.
static inline Word map_slot(Word key, Word slot) {
    const Word both[2] = {key, slot};
    Word out;
    troupe_keccak256(both, 64, &out);
    return out;
}

#endif
