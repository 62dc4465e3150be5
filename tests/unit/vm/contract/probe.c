// Does one thing at a time, as the first byte of calldata says.
#include "troupe.h"

static uint8_t buffer[32768];
static uint32_t runs;

static Address address_at(uint32_t offset) {
    Address out;
    __builtin_memcpy(&out, buffer + offset, 20);
    return out;
}

static _Noreturn void finish_as(uint32_t succeeded) {
    const uint32_t size = troupe_returned_size();
    buffer[0] = (uint8_t)succeeded;
    troupe_returned_read(buffer + 1, 0, size);
    troupe_finish(buffer, size + 1);
}

__attribute__((noinline)) static uint32_t dive(uint32_t depth) {
    volatile uint32_t here = depth;
    return depth == 0 ? 0 : here + dive(depth - 1);
}

TROUPE_EXPORT(deploy) void deploy(void) {
    const uint32_t size = troupe_input_size();
    troupe_input_read(buffer, 0, size);
    if (size > 0 && buffer[0] == 'r') troupe_revert(buffer, size);
    if (size > 0 && buffer[0] == 'o') troupe_finish(buffer + 1, size - 1);
    const Word key = word_from_u64(1), value = word_from_u64(size);
    storage_set(key, value);
}

TROUPE_EXPORT(call) void call(void) {
    const uint32_t size = troupe_input_size();
    const Word zero = word_from_u64(0);
    troupe_input_read(buffer, 0, size);
    Address target;
    Word word;
    ++runs;
    switch (size == 0 ? 0 : buffer[0]) {
        case 0: return;
        case 'e': troupe_finish(buffer + 1, size - 1);
        case 'r': troupe_revert(buffer + 1, size - 1);
        case 's': {  // slot, value
            Word slot, value;
            __builtin_memcpy(&slot, buffer + 1, 32);
            __builtin_memcpy(&value, buffer + 33, 32);
            storage_set(slot, value);
            return_word(storage_get(slot));
        }
        case 't': {
            Word slot, value;
            __builtin_memcpy(&slot, buffer + 1, 32);
            __builtin_memcpy(&value, buffer + 33, 32);
            troupe_transient_store(&slot, &value);
            troupe_transient_load(&slot, &word);
            return_word(word);
        }
        case 'c':  // address, calldata
            target = address_at(1);
            finish_as(troupe_call(~0ull, &target, &zero, buffer + 21, size - 21));
        case 'v':  // as 'c' with one wei
            target = address_at(1);
            word = word_from_u64(1);
            finish_as(troupe_call(~0ull, &target, &word, buffer + 21, size - 21));
        case 'd': target = address_at(1); finish_as(troupe_delegate_call(~0ull, &target, buffer + 21, size - 21));
        case 'q': target = address_at(1); finish_as(troupe_static_call(~0ull, &target, buffer + 21, size - 21));
        case 'n':  // init code
            if (!troupe_create(&zero, buffer + 1, size - 1, &target)) finish_as(0);
            troupe_finish(&target, 20);
        case 'l': {
            const Word topics[2] = {word_from_u64(7), word_from_u64(8)};
            troupe_log(buffer + 1, size - 1, topics, 2);
            return;
        }
        case 'g': return_u64(troupe_gas_left());
        case 'k': troupe_keccak256(buffer + 1, size - 1, &word); return_word(word);
        case 'h': troupe_sha256(buffer + 1, size - 1, &word); return_word(word);
        case 'i':
            for (;;) *(volatile uint8_t*)buffer += 1;
        case 'u': __builtin_trap();
        case 'o': return_u64(*(volatile uint8_t*)0xfffffff0);
        case 'p': return_u64(dive(buffer[1] * 256u + buffer[2]));
        case 'm': {  // writes to so many chunks of grown memory
            const uint32_t chunks = buffer[1] * 256u + buffer[2];
            uint8_t* at = (uint8_t*)(__builtin_wasm_memory_grow(0, (chunks + 15) / 16) << 16);
            for (uint32_t i = 0; i < chunks; ++i) at[i * 4096] = buffer[3];
            return;
        }
        case 'a': {  // calls itself until it can't
            Address self;
            troupe_self_address(&self);
            const uint8_t again[1] = {'a'};
            if (!troupe_call(~0ull, &self, &zero, again, 1)) return_u64(1);
            troupe_returned_read(&word, 0, 32);
            return_u64(word_limb(&word, 3) + 1);
        }
        case 'w': return_u64(runs);
        case 'T': return_u64(troupe_clock_ns());
        case 'b': troupe_log(0, 0xffffffff, 0, 0); return;
        default: troupe_revert(0, 0);
    }
}
