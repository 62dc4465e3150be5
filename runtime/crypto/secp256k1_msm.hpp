// Sum of many points, each times its own scalar of up to 129 bits. For secp256k1_*.cpp only.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/base/uint256.hpp"
#include "runtime/crypto/secp256k1_group.hpp"

namespace troupe::secp256k1_detail {

struct Term {
    AffinePoint point;
    /// Below 2^129.
    uint256 scalar;
};

/// Pippenger's method with signed digits: per window of c bits one addition a point and 2^c additions for the buckets.
[[nodiscard]] JacobianPoint multi_scalar_product(const std::vector<Term>& terms);

}  // namespace troupe::secp256k1_detail
