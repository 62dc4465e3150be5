// Signatures for the simulator ONLY. INSECURE: the "signature" is a 64-bit keyed hash whose secrets anybody derives
// from the seed, and the verifier holds them all. It is thousands of times as fast as Ed25519 and the same on every
// run, so that a simulated day of a cluster takes seconds. Simulated Byzantine nodes are given only their own signer.
#pragma once

#include <cstdint>
#include <memory>

#include "runtime/crypto/multi_signature.hpp"

namespace troupe {

/// 16 bytes, so that a signature is not mistaken for any other field.
inline constexpr std::size_t sim_signature_bytes = 16;

[[nodiscard]] std::unique_ptr<SignatureScheme> make_sim_scheme(std::uint64_t seed, std::size_t validators);
/// The signer of validator `index` in the scheme of the same seed.
[[nodiscard]] std::unique_ptr<Signer> make_sim_signer(std::uint64_t seed, ValidatorIndex index);

}  // namespace troupe
