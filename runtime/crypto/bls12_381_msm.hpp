// Sums of multiples of points of BLS12-381's groups. Not for secrets.
#pragma once

#include <span>

#include "runtime/crypto/bls12_381_group.hpp"

namespace troupe::bls12_381 {

/// The sum of scalars[i] times points[i], which are in the group (not merely on the curve). As many scalars as points.
/// A few points by interleaved signed digits (Straus), many by buckets (Pippenger); either over scalars that the
/// endomorphisms have split into two or four parts.
[[nodiscard]] G1 multi_multiply(std::span<const G1Affine> points, std::span<const Fr> scalars);
[[nodiscard]] G2 multi_multiply(std::span<const G2Affine> points, std::span<const Fr> scalars);

}  // namespace troupe::bls12_381
