// ERC-20 in C, with OpenZeppelin's errors. The constructor gives the whole supply to the deployer.
#include "troupe.h"

enum {
    name_selector = 0x06fdde03,
    symbol_selector = 0x95d89b41,
    decimals_selector = 0x313ce567,
    total_supply_selector = 0x18160ddd,
    balance_of_selector = 0x70a08231,
    transfer_selector = 0xa9059cbb,
    approve_selector = 0x095ea7b3,
    allowance_selector = 0xdd62ed3e,
    transfer_from_selector = 0x23b872dd,
};
enum {
    // ERC20InsufficientBalance(address,uint256,uint256) and so on, of OpenZeppelin 5.
    insufficient_balance = 0xe450d38c,
    insufficient_allowance = 0xfb8f41b2,
    invalid_receiver = 0xec442f05,
    invalid_spender = 0x94280d62,
};
enum { balances_slot, allowances_slot, supply_slot };

// keccak256 of "Transfer(address,address,uint256)" and "Approval(address,address,uint256)".
static const Word transfer_event = {{0xdd, 0xf2, 0x52, 0xad, 0x1b, 0xe2, 0xc8, 0x9b, 0x69, 0xc2, 0xb0,
                                     0x68, 0xfc, 0x37, 0x8d, 0xaa, 0x95, 0x2b, 0xa7, 0xf1, 0x63, 0xc4,
                                     0xa1, 0x16, 0x28, 0xf5, 0x5a, 0x4d, 0xf5, 0x23, 0xb3, 0xef}};
static const Word approval_event = {{0x8c, 0x5b, 0xe1, 0xe5, 0xeb, 0xec, 0x7d, 0x5b, 0xd1, 0x4f, 0x71,
                                     0x42, 0x7d, 0x1e, 0x84, 0xf3, 0xdd, 0x03, 0x14, 0xc0, 0xf7, 0xb2,
                                     0x29, 0x1e, 0x5b, 0x20, 0x0a, 0xc8, 0xc7, 0xc3, 0xb9, 0x25}};

static Word balance_slot(Word owner) { return map_slot(owner, word_from_u64(balances_slot)); }
static Word allowance_slot(Word owner, Word spender) {
    return map_slot(spender, map_slot(owner, word_from_u64(allowances_slot)));
}

static Word caller(void) {
    Address out;
    troupe_caller(&out);
    return word_from_address(&out);
}

static Word argument_address(uint32_t index) {
    const Address out = input_address(index);
    return word_from_address(&out);
}

static void emit(Word event, Word first, Word second, Word amount) {
    const Word topics[3] = {event, first, second};
    troupe_log(&amount, 32, topics, 3);
}

static void move(Word from, Word to, Word amount) {
    if (word_is_zero(&to)) revert_error(invalid_receiver, &to, 1);
    const Word from_slot = balance_slot(from);
    Word balance = storage_get(from_slot);
    if (word_compare(&balance, &amount) < 0) {
        const Word words[3] = {from, balance, amount};
        revert_error(insufficient_balance, words, 3);
    }
    word_subtract(&balance, &amount, &balance);
    storage_set(from_slot, balance);
    const Word to_slot = balance_slot(to);
    Word received = storage_get(to_slot);
    word_add(&received, &amount, &received);
    storage_set(to_slot, received);
    emit(transfer_event, from, to, amount);
}

static void spend(Word owner, Word spender, Word amount) {
    const Word slot = allowance_slot(owner, spender);
    Word allowed = storage_get(slot);
    Word unlimited;
    __builtin_memset(&unlimited, 0xff, 32);
    if (word_compare(&allowed, &unlimited) == 0) return;
    if (word_compare(&allowed, &amount) < 0) {
        const Word words[3] = {spender, allowed, amount};
        revert_error(insufficient_allowance, words, 3);
    }
    word_subtract(&allowed, &amount, &allowed);
    storage_set(slot, allowed);
}

TROUPE_EXPORT(deploy) void deploy(void) {
    const Word supply = input_word_at(0, 0), owner = caller();
    storage_set(word_from_u64(supply_slot), supply);
    storage_set(balance_slot(owner), supply);
    emit(transfer_event, word_from_u64(0), owner, supply);
}

TROUPE_EXPORT(call) void call(void) {
    Word value;
    troupe_call_value(&value);
    if (!word_is_zero(&value)) troupe_revert(0, 0);
    switch (input_selector()) {
        case name_selector: return_text("Test Token");
        case symbol_selector: return_text("TT");
        case decimals_selector: return_u64(18);
        case total_supply_selector: return_word(storage_get(word_from_u64(supply_slot)));
        case balance_of_selector: return_word(storage_get(balance_slot(argument_address(0))));
        case allowance_selector: return_word(storage_get(allowance_slot(argument_address(0), argument_address(1))));
        case transfer_selector: {
            move(caller(), argument_address(0), input_word(1));
            return_u64(1);
        }
        case approve_selector: {
            const Word owner = caller(), spender = argument_address(0), amount = input_word(1);
            if (word_is_zero(&spender)) revert_error(invalid_spender, &spender, 1);
            storage_set(allowance_slot(owner, spender), amount);
            emit(approval_event, owner, spender, amount);
            return_u64(1);
        }
        case transfer_from_selector: {
            const Word owner = argument_address(0), amount = input_word(2);
            spend(owner, caller(), amount);
            move(owner, argument_address(1), amount);
            return_u64(1);
        }
        default: troupe_revert(0, 0);
    }
}
