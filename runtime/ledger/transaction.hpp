// Transactions as clients sign them: Ethereum's legacy, EIP-2930, EIP-1559 and EIP-7702 types, and Troupe's native one.
//
// The native transaction (EIP-2718 type 0x54, "T") has no nonce. It names an expiry, after which it can never execute,
// and a sponsor, whose bond covers its maximum fee from the moment a chunk builder takes it:
//
//     0x54 || rlp([chain_id, expiry_ms, sponsor, max_fee, gas_limit, kind, to, amount, data,
//                  sender_y_parity, sender_r, sender_s, sponsor_y_parity, sponsor_r, sponsor_s])
//
// `kind` 0 is a call (`to` empty: contract creation), 1 adds `amount` to the sponsor's bond from the sender's balance
// (`to` and `data` empty). The sender signs keccak256(0x54 || rlp(first nine fields)), the sponsor the same digest;
// when the sender sponsors itself (recovered sender = sponsor) the sponsor signature is three zeros.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "runtime/base/bytes.hpp"
#include "runtime/base/result.hpp"
#include "runtime/base/strong.hpp"
#include "runtime/base/uint256.hpp"
#include "runtime/crypto/secp256k1.hpp"

namespace troupe {

enum class TransactionType : std::uint8_t { legacy = 0, access_list = 1, dynamic_fee = 2, set_code = 4, native = 0x54 };

enum class NativeKind : std::uint8_t { call = 0, bond = 1 };

struct AccessListEntry {
    Address address;
    std::vector<Hash256> slots;
    bool operator==(const AccessListEntry&) const = default;
};

/// EIP-7702 authorization tuple.
struct Authorization {
    uint256 chain_id;
    Address address;
    std::uint64_t nonce = 0;
    uint256 y_parity;
    uint256 r;
    uint256 s;
    bool operator==(const Authorization&) const = default;
};

struct TransactionSignature {
    /// 0 or 1.
    std::uint8_t y_parity = 0;
    uint256 r;
    uint256 s;
    bool operator==(const TransactionSignature&) const = default;
    [[nodiscard]] bool is_zero() const noexcept { return y_parity == 0 && r.is_zero() && s.is_zero(); }
};

/// Fields that a type does not have keep their defaults. All fees are in wei.
struct Transaction {
    TransactionType type = TransactionType::legacy;
    /// Nothing only for legacy transactions signed without EIP-155.
    std::optional<std::uint64_t> chain_id;
    std::uint64_t nonce = 0;
    /// Gas price for types 0 and 1.
    uint256 max_fee_per_gas;
    /// Equal to max_fee_per_gas for types 0 and 1.
    uint256 max_priority_fee_per_gas;
    std::uint64_t gas_limit = 0;
    /// Nothing: contract creation.
    std::optional<Address> to;
    uint256 value;
    Bytes data;
    std::vector<AccessListEntry> access_list;
    std::vector<Authorization> authorization_list;
    TransactionSignature signature;

    // Native transactions only.
    TimeMs expiry;
    Address sponsor;
    uint256 max_fee;
    NativeKind kind = NativeKind::call;
    TransactionSignature sponsor_signature;

    bool operator==(const Transaction&) const = default;
};

/// A decoded transaction with what follows from its bytes. Immutable and shared once made.
struct RecoveredTransaction {
    Transaction transaction;
    /// keccak256 of the encoded bytes.
    TransactionHash hash;
    Address sender;
    /// Who pays the fee: the sender, or the sponsor of a native transaction (its signature is checked too).
    Address payer;
    Secp256k1PublicKey sender_key;
    /// As received.
    Bytes raw;
};
using RecoveredTransactionPtr = std::shared_ptr<const RecoveredTransaction>;

/// Strict: canonical RLP, no trailing bytes, at most limits::transaction_bytes_max, r and s in range with low s
/// (EIP-2), y_parity 0 or 1 (v 27, 28 or from EIP-155 for legacy). Errors: malformed, too_large, unsupported (blob and
/// unknown types), unauthorized (a signature out of range), and invalid for the rules that need no state: nonce below
/// 2^64 - 1 (EIP-2681), priority fee at most the fee (EIP-1559), gas times fee within 256 bits, an authorization list
/// that is not empty (EIP-7702). Not checked here, since they depend on the chain: chain id, intrinsic gas, size of
/// init code (EIP-3860), fees and expiry.
[[nodiscard]] Result<Transaction> decode_transaction(ByteView raw);
[[nodiscard]] Bytes encode_transaction(const Transaction& transaction);
[[nodiscard]] TransactionHash transaction_hash(ByteView raw);
/// What the sender (and the sponsor) sign.
[[nodiscard]] Hash256 signing_hash(const Transaction& transaction);

/// decode + hash + recovery of sender and, where it differs, sponsor. The expensive step (about 50 us).
[[nodiscard]] Result<RecoveredTransactionPtr> recover_transaction(ByteView raw);

/// EIP-7702: what an authority signs.
[[nodiscard]] Hash256 authorization_signing_hash(const Authorization& authorization);
/// Authority that signed an EIP-7702 authorization; nothing if the signature is invalid.
[[nodiscard]] std::optional<Address> recover_authority(const Authorization& authorization);

}  // namespace troupe
