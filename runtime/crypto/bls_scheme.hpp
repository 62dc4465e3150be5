// BLS as a signature scheme of validators: an aggregate is one signature of 96 bytes, however many signed, and is
// checked with one pairing product.
#pragma once

#include <memory>
#include <vector>

#include "runtime/crypto/bls.hpp"
#include "runtime/crypto/multi_signature.hpp"

namespace troupe {

/// A validator's key, with the proof that somebody holds its secret: without it a validator could choose a key that
/// cancels others' keys and sign in their names.
struct BlsRegistration {
    bls::PublicKeyBytes key;
    bls::SignatureBytes possession;
};

/// An error if a key is not valid, its proof does not hold, or there are more than limits::validators_max.
[[nodiscard]] Result<std::unique_ptr<SignatureScheme>> make_bls_scheme(
    const std::vector<BlsRegistration>& registrations);
[[nodiscard]] std::unique_ptr<Signer> make_bls_signer(const bls::SecretKey& key);

}  // namespace troupe
