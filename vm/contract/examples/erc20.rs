//! ERC-20 in Rust, with OpenZeppelin's errors. The constructor gives the whole supply to the deployer.
#![no_std]
#![no_main]

#[path = "../sdk/troupe.rs"]
mod troupe;
use troupe::*;

const BALANCES: Word = Word::from_u64(0);
const ALLOWANCES: Word = Word::from_u64(1);
const SUPPLY: Word = Word::from_u64(2);

// ERC20InsufficientBalance(address,uint256,uint256) and so on, of OpenZeppelin 5.
const INSUFFICIENT_BALANCE: u32 = 0xe450d38c;
const INSUFFICIENT_ALLOWANCE: u32 = 0xfb8f41b2;
const INVALID_RECEIVER: u32 = 0xec442f05;
const INVALID_SPENDER: u32 = 0x94280d62;

// keccak256 of "Transfer(address,address,uint256)" and "Approval(address,address,uint256)".
const TRANSFER: Word = Word([
    0xdd, 0xf2, 0x52, 0xad, 0x1b, 0xe2, 0xc8, 0x9b, 0x69, 0xc2, 0xb0, 0x68, 0xfc, 0x37, 0x8d, 0xaa, 0x95, 0x2b, 0xa7,
    0xf1, 0x63, 0xc4, 0xa1, 0x16, 0x28, 0xf5, 0x5a, 0x4d, 0xf5, 0x23, 0xb3, 0xef,
]);
const APPROVAL: Word = Word([
    0x8c, 0x5b, 0xe1, 0xe5, 0xeb, 0xec, 0x7d, 0x5b, 0xd1, 0x4f, 0x71, 0x42, 0x7d, 0x1e, 0x84, 0xf3, 0xdd, 0x03, 0x14,
    0xc0, 0xf7, 0xb2, 0x29, 0x1e, 0x5b, 0x20, 0x0a, 0xc8, 0xc7, 0xc3, 0xb9, 0x25,
]);

fn balance_slot(owner: Word) -> Word {
    map_slot(owner, BALANCES)
}
fn allowance_slot(owner: Word, spender: Word) -> Word {
    map_slot(spender, map_slot(owner, ALLOWANCES))
}

fn transfer(from: Word, to: Word, amount: Word) {
    if to == Word::ZERO {
        revert_error(INVALID_RECEIVER, &[to]);
    }
    let balance = get(balance_slot(from));
    match balance.checked_sub(&amount) {
        Some(rest) => set(balance_slot(from), rest),
        None => revert_error(INSUFFICIENT_BALANCE, &[from, balance, amount]),
    }
    // The supply bounds the sum.
    let received = get(balance_slot(to)).checked_add(&amount).unwrap_or(Word::MAX);
    set(balance_slot(to), received);
    log(&[TRANSFER, from, to], &amount.0);
}

fn spend(owner: Word, spender: Word, amount: Word) {
    let slot = allowance_slot(owner, spender);
    let allowed = get(slot);
    if allowed == Word::MAX {
        return;
    }
    match allowed.checked_sub(&amount) {
        Some(rest) => set(slot, rest),
        None => revert_error(INSUFFICIENT_ALLOWANCE, &[spender, allowed, amount]),
    }
}

#[no_mangle]
pub extern "C" fn deploy() {
    let (supply, owner) = (word_at(0, 0), caller());
    set(SUPPLY, supply);
    set(balance_slot(owner), supply);
    log(&[TRANSFER, Word::ZERO, owner], &supply.0);
}

#[no_mangle]
pub extern "C" fn call() {
    if call_value() != Word::ZERO {
        revert(&[]);
    }
    let done = Word::from_u64(1);
    match selector() {
        0x06fdde03 => return_text("Test Token"),
        0x95d89b41 => return_text("TT"),
        0x313ce567 => return_word(Word::from_u64(18)),
        0x18160ddd => return_word(get(SUPPLY)),
        0x70a08231 => return_word(get(balance_slot(address(0)))),
        0xdd62ed3e => return_word(get(allowance_slot(address(0), address(1)))),
        0xa9059cbb => {
            transfer(caller(), address(0), word(1));
            return_word(done)
        }
        0x095ea7b3 => {
            let (owner, spender, amount) = (caller(), address(0), word(1));
            if spender == Word::ZERO {
                revert_error(INVALID_SPENDER, &[spender]);
            }
            set(allowance_slot(owner, spender), amount);
            log(&[APPROVAL, owner, spender], &amount.0);
            return_word(done)
        }
        0x23b872dd => {
            let (owner, amount) = (address(0), word(2));
            spend(owner, caller(), amount);
            transfer(owner, address(1), amount);
            return_word(done)
        }
        _ => revert(&[]),
    }
}
