// relay(address to, bytes data) returns (bytes): calls `to` and gives back what it gives, or reverts with it. Between
// two Solidity contracts it shows that one transaction goes through both machines.
#include "troupe.h"

enum { relay_selector = 0xc28e83fd, bytes_max = 4096 };

static uint8_t data[bytes_max + 64];

TROUPE_EXPORT(call) void call(void) {
    if (input_selector() != relay_selector) troupe_revert(0, 0);
    const Address to = input_address(0);
    // The second argument: where the bytes stand, counted from the first argument; their length; the bytes.
    const Word offset = input_word(1), size_word = input_word_at(4 + (uint32_t)word_limb(&offset, 3), 0);
    const uint32_t start = 4 + (uint32_t)word_limb(&offset, 3) + 32, size = (uint32_t)word_limb(&size_word, 3);
    if (size > bytes_max || start + size > troupe_input_size()) troupe_revert(0, 0);
    troupe_input_read(data, start, size);
    Word value;
    troupe_call_value(&value);
    if (!troupe_call(~0ull, &to, &value, data, size)) revert_as_callee();
    const uint32_t returned = troupe_returned_size();
    if (returned > bytes_max) revert_text("returned too much");
    const Word head = word_from_u64(32), length = word_from_u64(returned);
    __builtin_memset(data, 0, sizeof data);
    __builtin_memcpy(data, &head, 32);
    __builtin_memcpy(data + 32, &length, 32);
    troupe_returned_read(data + 64, 0, returned);
    troupe_finish(data, 64 + (returned + 31) / 32 * 32);
}
