// BN254 (alt_bn128): what Ethereum's precompiles 6, 7 and 8 need. Variable time: for public values only.
//
// G1 is E(Fp): y^2 = x^3 + 3, of prime order r. G2 is the subgroup of order r of E'(Fp2): y^2 = x^3 + 3 / (9 + i).
// Encodings are EIP-196's and EIP-197's: coordinates of 32 bytes, big-endian, an Fp2's imaginary part first; (0, 0) is
// the point at infinity.
#pragma once

#include <array>
#include <optional>
#include <span>

#include "runtime/base/bytes.hpp"
#include "runtime/base/uint256.hpp"
#include "runtime/crypto/bn254_field.hpp"
#include "runtime/crypto/short_weierstrass.hpp"

namespace troupe::bn254 {

struct G1Curve {
    using Field = Fp;
    static constexpr Fp b = Fp::from_uint64(3);
};
struct G2Curve {
    using Field = Fp2;
    /// 3 / (9 + i).
    static constexpr Fp2 b = Fp2{Fp::from_uint64(9), Fp::one()}.inverse() * Fp::from_uint64(3);
};
using G1 = AffinePoint<G1Curve>;
using G2 = AffinePoint<G2Curve>;

/// 64 bytes. Nothing for a coordinate that is not below p or a point that is not on the curve.
[[nodiscard]] std::optional<G1> decode_g1(std::span<const std::uint8_t, 64> bytes) noexcept;
/// 128 bytes. Nothing, too, for a point outside the subgroup.
[[nodiscard]] std::optional<G2> decode_g2(std::span<const std::uint8_t, 128> bytes) noexcept;
[[nodiscard]] std::array<std::uint8_t, 64> encode(const G1& point) noexcept;

[[nodiscard]] G1 add(const G1& a, const G1& b) noexcept;
/// Any scalar; it counts modulo r.
[[nodiscard]] G1 multiply(const G1& point, const uint256& scalar) noexcept;

/// Is the point, which must be on the twist, in the subgroup of order r?
[[nodiscard]] bool is_in_subgroup(const G2& point) noexcept;

struct PairingInput {
    G1 p;
    G2 q;
};
/// Whether the product of e(p, q) over all pairs is one; true for none.
[[nodiscard]] bool pairing_product_is_one(std::span<const PairingInput> pairs);

/// The product of the pairings: their optimal ate pairing to the power 2 u (6 u^2 + 3 u + 1), which is a pairing too.
[[nodiscard]] Fp12 pairing_product(std::span<const PairingInput> pairs);

}  // namespace troupe::bn254
