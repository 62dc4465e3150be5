// The signature scheme that a genesis chooses for chunks and blocks.
#pragma once

#include "runtime/crypto/multi_signature.hpp"
#include "runtime/ledger/genesis.hpp"

namespace troupe {

/// Of the genesis' validators. An error if a key is not valid or, with BLS, the possession of one is not proven.
[[nodiscard]] Result<std::unique_ptr<SignatureScheme>> make_scheme(const Genesis& genesis);

/// Of the validator whose identity has this seed. With BLS the secret key is derived from the seed
/// (draft-irtf-cfrg-bls-signature-05, KeyGen), so that a node has one secret to keep.
[[nodiscard]] std::unique_ptr<Signer> make_signer(SignatureKind kind, const Ed25519Seed& seed);

/// Sets the node's BLS key and the proof of its possession from its identity's seed.
void register_bls_key(GenesisNode& node, const Ed25519Seed& seed);

}  // namespace troupe
