// Aggregates that are just signatures of one size, one after another in ascending order of their signers: what the
// Ed25519 scheme and the simulation scheme share. Only the schemes include this.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "runtime/base/limits.hpp"
#include "runtime/crypto/multi_signature.hpp"

namespace troupe::detail {

[[nodiscard]] Result<MultiSignature> concatenate_signatures(std::vector<std::pair<ValidatorIndex, Bytes>> signatures,
                                                            std::size_t validators, std::size_t signature_bytes);

/// The signer set is canonical and in range, and the signature has the size that belongs to it.
[[nodiscard]] Status check_concatenation(const MultiSignature& aggregate, std::size_t validators,
                                         std::size_t signature_bytes);

/// `check_concatenation`, then each signature by `scheme.verify`.
[[nodiscard]] Status verify_concatenation(const SignatureScheme& scheme, ByteView message,
                                          const MultiSignature& aggregate, std::size_t signature_bytes);

}  // namespace troupe::detail
