// KZG commitments to polynomials over the scalars of BLS12-381 with the setup of Ethereum's ceremony (EIP-4844;
// consensus-specs, deneb/polynomial-commitments.md): what checking an evaluation takes.
#pragma once

#include <cstdint>
#include <span>

#include "runtime/base/bytes.hpp"

namespace troupe::kzg {

/// Field elements in a blob: the degree of polynomials is below this.
inline constexpr std::uint32_t elements_per_blob = 4096;

/// EIP-4844, kzg_to_versioned_hash.
[[nodiscard]] Hash256 versioned_hash(std::span<const std::uint8_t, 48> commitment) noexcept;

/// Whether the committed polynomial has the value y at z (both big-endian). False too for scalars that are not below
/// the group's order and for bytes that are not compressed points of the group.
[[nodiscard]] bool verify_proof(std::span<const std::uint8_t, 48> commitment, std::span<const std::uint8_t, 32> z,
                                std::span<const std::uint8_t, 32> y, std::span<const std::uint8_t, 48> proof);

}  // namespace troupe::kzg
