// Signing transactions: for the CLI, tests, benchmarks, and a gateway's development accounts, whose keys everybody
// knows. Nodes hold no other keys of accounts.
#pragma once

#include "runtime/crypto/secp256k1.hpp"
#include "runtime/ledger/transaction.hpp"

namespace troupe {

/// Sets `tx.signature` by `sender` over signing_hash(tx). For every type.
void sign_transaction(Transaction& tx, const Secp256k1SecretKey& sender);

/// Signs a native transaction for its sender and its sponsor. Sets `tx.type` and `tx.sponsor` (the sponsor's address)
/// first, since both sign over them. With the sender as its own sponsor, pass the same key twice: the sponsor's
/// signature is then left zero, as the format demands.
void sign_native(Transaction& tx, const Secp256k1SecretKey& sender, const Secp256k1SecretKey& sponsor);
/// The sender sponsors itself.
void sign_native(Transaction& tx, const Secp256k1SecretKey& sender);

/// Sets `y_parity`, `r` and `s` of an EIP-7702 authorization.
void sign_authorization(Authorization& authorization, const Secp256k1SecretKey& authority);

}  // namespace troupe
