//! Contracts for Troupe in Rust without its standard library: the host's functions, words of the Ethereum ABI, storage
//! as Solidity lays it out. The whole SDK is this file:
//!
//!   #[path = ".../troupe.rs"] mod troupe;
//!
//!   rustc --target wasm32-unknown-unknown --crate-type cdylib -O -C panic=abort -C linker=wasm-ld
//!     -C link-arg=-zstack-size=8192 -C link-arg=--stack-first -C link-arg=--strip-all contract.rs -o contract.wasm
//!
//! A contract exports `call`, and `deploy` if it has a constructor. A panic is a trap. What each function of the host
//! does and costs stands in vm/contract/README.md.
#![allow(dead_code)]

/// 32 bytes, big-endian, as in the ABI and in storage.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(transparent)]
pub struct Word(pub [u8; 32]);

#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct Address(pub [u8; 20]);

pub mod host {
    #[link(wasm_import_module = "troupe")]
    extern "C" {
        pub fn input_size() -> u32;
        pub fn input_read(to: *mut u8, offset: u32, size: u32);
        pub fn finish(data: *const u8, size: u32) -> !;
        pub fn revert(data: *const u8, size: u32) -> !;
        pub fn returned_size() -> u32;
        pub fn returned_read(to: *mut u8, offset: u32, size: u32);
        pub fn self_address(to: *mut u8);
        pub fn caller(to: *mut u8);
        pub fn call_value(to: *mut u8);
        pub fn gas_left() -> u64;
        pub fn storage_load(key: *const u8, to: *mut u8);
        pub fn storage_store(key: *const u8, value: *const u8);
        pub fn transient_load(key: *const u8, to: *mut u8);
        pub fn transient_store(key: *const u8, value: *const u8);
        pub fn log(data: *const u8, size: u32, topics: *const u8, count: u32);
        pub fn call(gas: u64, to: *const u8, value: *const u8, input: *const u8, size: u32) -> u32;
        pub fn delegate_call(gas: u64, to: *const u8, input: *const u8, size: u32) -> u32;
        pub fn static_call(gas: u64, to: *const u8, input: *const u8, size: u32) -> u32;
        pub fn create(value: *const u8, code: *const u8, size: u32, to: *mut u8) -> u32;
        pub fn balance(of: *const u8, to: *mut u8);
        pub fn block_number() -> u64;
        pub fn block_timestamp() -> u64;
        pub fn keccak256(data: *const u8, size: u32, to: *mut u8);
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    core::arch::wasm32::unreachable()
}

impl Word {
    pub const ZERO: Word = Word([0; 32]);
    pub const MAX: Word = Word([0xff; 32]);

    pub const fn from_u64(number: u64) -> Word {
        let low = number.to_be_bytes();
        let mut out = [0; 32];
        let mut i = 0;
        while i < 8 {
            out[24 + i] = low[i];
            i += 1;
        }
        Word(out)
    }
    fn limb(&self, from_high: usize) -> u64 {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.0[8 * from_high..8 * from_high + 8]);
        u64::from_be_bytes(bytes)
    }
    fn set_limb(&mut self, from_high: usize, limb: u64) {
        self.0[8 * from_high..8 * from_high + 8].copy_from_slice(&limb.to_be_bytes());
    }
    /// Nothing if it is 2^256 or more.
    pub fn checked_add(&self, other: &Word) -> Option<Word> {
        let (mut out, mut carry) = (Word::ZERO, false);
        for i in (0..4).rev() {
            let (sum, first) = self.limb(i).overflowing_add(other.limb(i));
            let (sum, second) = sum.overflowing_add(carry as u64);
            out.set_limb(i, sum);
            carry = first | second;
        }
        if carry { None } else { Some(out) }
    }
    /// Nothing if it is less than zero.
    pub fn checked_sub(&self, other: &Word) -> Option<Word> {
        let (mut out, mut borrow) = (Word::ZERO, false);
        for i in (0..4).rev() {
            let (difference, first) = self.limb(i).overflowing_sub(other.limb(i));
            let (difference, second) = difference.overflowing_sub(borrow as u64);
            out.set_limb(i, difference);
            borrow = first | second;
        }
        if borrow { None } else { Some(out) }
    }
}

impl From<Address> for Word {
    fn from(address: Address) -> Word {
        let mut out = Word::ZERO;
        out.0[12..].copy_from_slice(&address.0);
        out
    }
}

// Calldata and results ------------------------------------------------------------------------------------------------

pub fn finish(data: &[u8]) -> ! {
    unsafe { host::finish(data.as_ptr(), data.len() as u32) }
}
pub fn revert(data: &[u8]) -> ! {
    unsafe { host::revert(data.as_ptr(), data.len() as u32) }
}

/// The first four bytes; zero if there are fewer.
pub fn selector() -> u32 {
    let mut out = [0; 4];
    unsafe {
        if host::input_size() >= 4 {
            host::input_read(out.as_mut_ptr(), 0, 4);
        }
    }
    u32::from_be_bytes(out)
}
/// Word `index` from byte `offset` on: 4 after a selector, 0 for a constructor. Reverts where calldata ends before.
pub fn word_at(offset: u32, index: u32) -> Word {
    let mut out = Word::ZERO;
    let at = offset + 32 * index;
    unsafe {
        if host::input_size() < at + 32 {
            revert(&[]);
        }
        host::input_read(out.0.as_mut_ptr(), at, 32);
    }
    out
}
/// Argument `index` of a function.
pub fn word(index: u32) -> Word {
    word_at(4, index)
}
/// The same as an address, left-padded; reverts if it is none.
pub fn address(index: u32) -> Word {
    let out = word(index);
    if out.0[..12] != [0; 12] {
        revert(&[]);
    }
    out
}

pub fn return_word(word: Word) -> ! {
    finish(&word.0)
}
/// At most 32 bytes.
pub fn return_text(text: &str) -> ! {
    let mut out = [0; 96];
    out[31] = 32;
    out[63] = text.len() as u8;
    out[64..64 + text.len()].copy_from_slice(text.as_bytes());
    finish(&out)
}
/// A custom error of at most three words.
pub fn revert_error(selector: u32, words: &[Word]) -> ! {
    let mut out = [0; 4 + 3 * 32];
    out[..4].copy_from_slice(&selector.to_be_bytes());
    for (i, word) in words.iter().enumerate() {
        out[4 + 32 * i..36 + 32 * i].copy_from_slice(&word.0);
    }
    revert(&out[..4 + 32 * words.len()])
}

// State ---------------------------------------------------------------------------------------------------------------

pub fn caller() -> Word {
    let mut out = Address([0; 20]);
    unsafe { host::caller(out.0.as_mut_ptr()) };
    out.into()
}
pub fn call_value() -> Word {
    let mut out = Word::ZERO;
    unsafe { host::call_value(out.0.as_mut_ptr()) };
    out
}
pub fn get(slot: Word) -> Word {
    let mut out = Word::ZERO;
    unsafe { host::storage_load(slot.0.as_ptr(), out.0.as_mut_ptr()) };
    out
}
pub fn set(slot: Word, value: Word) {
    unsafe { host::storage_store(slot.0.as_ptr(), value.0.as_ptr()) }
}
pub fn keccak256(data: &[u8]) -> Word {
    let mut out = Word::ZERO;
    unsafe { host::keccak256(data.as_ptr(), data.len() as u32, out.0.as_mut_ptr()) };
    out
}
/// mapping(key => ...) at `slot`, as Solidity has it. For a mapping of mappings use it twice.
pub fn map_slot(key: Word, slot: Word) -> Word {
    let mut both = [0; 64];
    both[..32].copy_from_slice(&key.0);
    both[32..].copy_from_slice(&slot.0);
    keccak256(&both)
}
pub fn log(topics: &[Word], data: &[u8]) {
    unsafe { host::log(data.as_ptr(), data.len() as u32, topics.as_ptr() as *const u8, topics.len() as u32) }
}
