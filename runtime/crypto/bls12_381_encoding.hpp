// Points of BLS12-381 as bytes, in the ZCash format (draft-irtf-cfrg-pairing-friendly-curves-11, appendix C):
// coordinates big-endian, the imaginary part of an Fp2 first; the first byte's highest bits say compressed (0x80),
// infinity (0x40), and, in compressed form, that y is the greater of the two roots (0x20).
#pragma once

#include <array>
#include <cstdint>

#include "runtime/base/bytes.hpp"
#include "runtime/base/result.hpp"
#include "runtime/crypto/bls12_381_group.hpp"

namespace troupe::bls12_381 {

inline constexpr std::size_t g1_compressed_bytes = 48;
inline constexpr std::size_t g2_compressed_bytes = 96;

[[nodiscard]] std::array<std::uint8_t, g1_compressed_bytes> compress(const G1Affine& point) noexcept;
[[nodiscard]] std::array<std::uint8_t, g2_compressed_bytes> compress(const G2Affine& point) noexcept;
[[nodiscard]] std::array<std::uint8_t, 2 * g1_compressed_bytes> serialize(const G1Affine& point) noexcept;
[[nodiscard]] std::array<std::uint8_t, 2 * g2_compressed_bytes> serialize(const G2Affine& point) noexcept;

/// From either form, told apart by the first bit. `malformed` on a wrong length, on flags or coordinates that are not
/// canonical; `invalid` on a point that is not on the curve. Subgroup membership is the caller's to check.
[[nodiscard]] Result<G1Affine> parse_g1(ByteView bytes);
[[nodiscard]] Result<G2Affine> parse_g2(ByteView bytes);

}  // namespace troupe::bls12_381
