// The optimal ate pairing of BLS12-381. Not for secrets.
#pragma once

#include <span>

#include "runtime/crypto/bls12_381_group.hpp"

namespace troupe::bls12_381 {

struct PairingInput {
    G1Affine p;
    G2Affine q;
};

/// The product of the Miller functions of the pairs, before the final exponentiation. A pair with infinity counts as 1.
[[nodiscard]] Fp12 miller_loop(std::span<const PairingInput> pairs);

/// To the power 3 (p^12 - 1) / r: the cube of the pairing's value is as good a pairing, and cheaper (Hayashida,
/// Hayasaka and Teruya, "Efficient final exponentiation via cyclotomic structure", 2020).
[[nodiscard]] Fp12 final_exponentiation(const Fp12& f) noexcept;

/// Whether the product of e(p, q) over the pairs is one. The points must be in their groups.
[[nodiscard]] bool pairing_product_is_one(std::span<const PairingInput> pairs);

}  // namespace troupe::bls12_381
