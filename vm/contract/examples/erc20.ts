// ERC-20 in AssemblyScript, with OpenZeppelin's errors. The constructor gives the whole supply to the deployer.
import {
  Word, add, address, call_value, caller, compare, from_u64, get, hash_text, is_zero, log, map_slot, return_text,
  return_word, revert, revert_error, selector, set, subtract, word, word_at,
} from "../sdk/troupe";

// ERC20InsufficientBalance(address,uint256,uint256) and so on, of OpenZeppelin 5.
const insufficient_balance: u32 = 0xe450d38c;
const insufficient_allowance: u32 = 0xfb8f41b2;
const invalid_receiver: u32 = 0xec442f05;
const invalid_spender: u32 = 0x94280d62;

function balance_slot(owner: Word): Word {
  return map_slot(owner, from_u64(0));
}
function allowance_slot(owner: Word, spender: Word): Word {
  return map_slot(spender, map_slot(owner, from_u64(1)));
}
function supply_slot(): Word {
  return from_u64(2);
}
function log_transfer(from: Word, to: Word, amount: Word): void {
  log([hash_text("Transfer(address,address,uint256)"), from, to], amount);
}

function transfer(from: Word, to: Word, amount: Word): void {
  if (is_zero(to)) revert_error(invalid_receiver, [to]);
  const balance = get(balance_slot(from));
  if (compare(balance, amount) < 0) revert_error(insufficient_balance, [from, balance, amount]);
  set(balance_slot(from), subtract(balance, amount));
  set(balance_slot(to), add(get(balance_slot(to)), amount));
  log_transfer(from, to, amount);
}

function spend(owner: Word, spender: Word, amount: Word): void {
  const slot = allowance_slot(owner, spender);
  const allowed = get(slot);
  const unlimited = from_u64(0);
  memory.fill(unlimited, 0xff, 32);
  if (compare(allowed, unlimited) == 0) return;
  if (compare(allowed, amount) < 0) revert_error(insufficient_allowance, [spender, allowed, amount]);
  set(slot, subtract(allowed, amount));
}

export function deploy(): void {
  const supply = word_at(0, 0), owner = caller();
  set(supply_slot(), supply);
  set(balance_slot(owner), supply);
  log_transfer(from_u64(0), owner, supply);
}

export function call(): void {
  if (!is_zero(call_value())) revert(0, 0);
  switch (selector()) {
    case 0x06fdde03: return_text("Test Token");
    case 0x95d89b41: return_text("TT");
    case 0x313ce567: return_word(from_u64(18));
    case 0x18160ddd: return_word(get(supply_slot()));
    case 0x70a08231: return_word(get(balance_slot(address(0))));
    case 0xdd62ed3e: return_word(get(allowance_slot(address(0), address(1))));
    case 0xa9059cbb: {
      transfer(caller(), address(0), word(1));
      return_word(from_u64(1));
    }
    case 0x095ea7b3: {
      const owner = caller(), spender = address(0), amount = word(1);
      if (is_zero(spender)) revert_error(invalid_spender, [spender]);
      set(allowance_slot(owner, spender), amount);
      log([hash_text("Approval(address,address,uint256)"), owner, spender], amount);
      return_word(from_u64(1));
    }
    case 0x23b872dd: {
      const owner = address(0), amount = word(2);
      spend(owner, caller(), amount);
      transfer(owner, address(1), amount);
      return_word(from_u64(1));
    }
    default: revert(0, 0);
  }
}
