// Hashing to the groups of BLS12-381: RFC 9380, the suites BLS12381G1_XMD:SHA-256_SSWU_{RO,NU}_ and
// BLS12381G2_XMD:SHA-256_SSWU_{RO,NU}_. The domain separation tag (`tag`) may be of any length; longer than 255 bytes
// it is hashed first (section 5.3.3). Time depends on the message.
#pragma once

#include "runtime/base/bytes.hpp"
#include "runtime/crypto/bls12_381_group.hpp"

namespace troupe::bls12_381 {

/// RFC 9380, section 5.3.1, with SHA-256. `size` is at most 8160.
[[nodiscard]] Bytes expand_message(ByteView message, ByteView tag, std::size_t size);

/// A random oracle: hash_to_curve.
[[nodiscard]] G1Affine hash_to_g1(ByteView message, ByteView tag);
[[nodiscard]] G2Affine hash_to_g2(ByteView message, ByteView tag);

/// Not uniform: encode_to_curve.
[[nodiscard]] G1Affine encode_to_g1(ByteView message, ByteView tag);
[[nodiscard]] G2Affine encode_to_g2(ByteView message, ByteView tag);

/// The simplified Shallue-van de Woestijne-Ulas map with its isogeny: a point of the curve, not of the group.
[[nodiscard]] G1 map_to_curve_1(const Fp& u) noexcept;
[[nodiscard]] G2 map_to_curve_2(const Fp2& u) noexcept;

}  // namespace troupe::bls12_381
