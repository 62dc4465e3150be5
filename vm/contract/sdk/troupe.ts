// Contracts for Troupe in AssemblyScript: the host's functions, words of the Ethereum ABI, storage as Solidity lays it
// out. The whole SDK is this file:
//
//   import { ... } from ".../troupe";
//
//   asc contract.ts -O3 --runtime stub --use abort= --disable simd -o contract.wasm
//
// A contract exports `call`, and `deploy` if it has a constructor. A word is a pointer to 32 bytes, big-endian, as in
// the ABI and in storage; nothing is freed, for memory ends with the call.

@external("troupe", "input_size") export declare function input_size(): u32;
@external("troupe", "input_read") export declare function input_read(to: usize, offset: u32, size: u32): void;
@external("troupe", "finish") export declare function finish(data: usize, size: u32): void;
@external("troupe", "revert") export declare function revert(data: usize, size: u32): void;
@external("troupe", "caller") declare function host_caller(to: usize): void;
@external("troupe", "call_value") declare function host_call_value(to: usize): void;
@external("troupe", "storage_load") declare function storage_load(key: usize, to: usize): void;
@external("troupe", "storage_store") declare function storage_store(key: usize, value: usize): void;
@external("troupe", "log") declare function host_log(data: usize, size: u32, topics: usize, count: u32): void;
@external("troupe", "keccak256") declare function host_keccak256(data: usize, size: u32, to: usize): void;

export type Word = usize;

/// New bytes, all zero.
export function bytes(size: u32): usize {
  const out = heap.alloc(size);
  memory.fill(out, 0, size);
  return out;
}
export function from_u64(number: u64): Word {
  const out = bytes(32);
  store<u64>(out + 24, bswap<u64>(number));
  return out;
}
export function limb(word: Word, from_high: i32): u64 {
  return bswap<u64>(load<u64>(word + 8 * from_high));
}
export function compare(a: Word, b: Word): i32 {
  for (let i = 0; i < 4; ++i) {
    const x = limb(a, i), y = limb(b, i);
    if (x != y) return x < y ? -1 : 1;
  }
  return 0;
}
export function is_zero(a: Word): bool {
  return (limb(a, 0) | limb(a, 1) | limb(a, 2) | limb(a, 3)) == 0;
}
/// Modulo 2^256.
export function add(a: Word, b: Word): Word {
  const out = bytes(32);
  let carry: u64 = 0;
  for (let i = 3; i >= 0; --i) {
    const x = limb(a, i), sum = x + limb(b, i), all = sum + carry;
    carry = u64(sum < x) | u64(all < sum);
    store<u64>(out + 8 * i, bswap<u64>(all));
  }
  return out;
}
export function subtract(a: Word, b: Word): Word {
  const out = bytes(32);
  let borrow: u64 = 0;
  for (let i = 3; i >= 0; --i) {
    const x = limb(a, i), y = limb(b, i), difference = x - y, all = difference - borrow;
    borrow = u64(x < y) | u64(difference < borrow);
    store<u64>(out + 8 * i, bswap<u64>(all));
  }
  return out;
}

// Calldata and results

/// The first four bytes; zero if there are fewer.
export function selector(): u32 {
  if (input_size() < 4) return 0;
  const at = bytes(4);
  input_read(at, 0, 4);
  return bswap<u32>(load<u32>(at));
}
/// Word `index` from byte `offset` on: 4 after a selector, 0 for a constructor. Reverts where calldata ends before.
export function word_at(offset: u32, index: u32): Word {
  const at = offset + 32 * index;
  if (input_size() < at + 32) revert(0, 0);
  const out = bytes(32);
  input_read(out, at, 32);
  return out;
}
/// Argument `index` of a function.
export function word(index: u32): Word {
  return word_at(4, index);
}
/// The same; reverts if it is no address.
export function address(index: u32): Word {
  const out = word(index);
  if ((load<u64>(out) | load<u32>(out + 8)) != 0) revert(0, 0);
  return out;
}
export function return_word(word: Word): void {
  finish(word, 32);
}
/// At most 32 characters of ASCII.
export function return_text(text: string): void {
  const out = bytes(96);
  store<u8>(out + 31, 32);
  store<u8>(out + 63, u8(text.length));
  for (let i = 0; i < text.length; ++i) store<u8>(out + 64 + i, u8(text.charCodeAt(i)));
  finish(out, 96);
}
/// A custom error.
export function revert_error(selector: u32, words: StaticArray<Word>): void {
  const size = 4 + 32 * words.length;
  const out = bytes(size);
  store<u32>(out, bswap<u32>(selector));
  for (let i = 0; i < words.length; ++i) memory.copy(out + 4 + 32 * i, words[i], 32);
  revert(out, size);
}

// State

export function caller(): Word {
  const out = bytes(32);
  host_caller(out + 12);
  return out;
}
export function call_value(): Word {
  const out = bytes(32);
  host_call_value(out);
  return out;
}
export function get(slot: Word): Word {
  const out = bytes(32);
  storage_load(slot, out);
  return out;
}
export function set(slot: Word, value: Word): void {
  storage_store(slot, value);
}
/// mapping(key => ...) at `slot`, as Solidity has it. For a mapping of mappings use it twice.
export function map_slot(key: Word, slot: Word): Word {
  const both = bytes(64), out = bytes(32);
  memory.copy(both, key, 32);
  memory.copy(both + 32, slot, 32);
  host_keccak256(both, 64, out);
  return out;
}
export function hash_text(text: string): Word {
  const at = bytes(text.length), out = bytes(32);
  for (let i = 0; i < text.length; ++i) store<u8>(at + i, u8(text.charCodeAt(i)));
  host_keccak256(at, text.length, out);
  return out;
}
export function log(topics: StaticArray<Word>, data: Word): void {
  const list = bytes(32 * topics.length);
  for (let i = 0; i < topics.length; ++i) memory.copy(list + 32 * i, topics[i], 32);
  host_log(data, 32, list, topics.length);
}
