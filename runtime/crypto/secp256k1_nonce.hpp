// From a signature's numbers to the point that they stand for. For secp256k1_*.cpp only.
#pragma once

#include <optional>

#include "runtime/crypto/secp256k1_group.hpp"
#include "runtime/crypto/secp256k1_scalar.hpp"

namespace troupe::secp256k1_detail {

/// r and s of a signature must be.
[[nodiscard]] inline bool is_scalar(const uint256& number) noexcept {
    return !number.is_zero() && number < group_order;
}

/// The point R of a signature; nothing where recovery would refuse r or the recovery id.
[[nodiscard]] inline std::optional<AffinePoint> nonce_point(const uint256& r, std::uint8_t recovery_id) noexcept {
    if (recovery_id > 3) return std::nullopt;
    auto x = r;
    if ((recovery_id & 2) != 0) {
        if (r >= field_prime - group_order) return std::nullopt;
        x += group_order;
    }
    return point_with_x(x, (recovery_id & 1) != 0);
}

}  // namespace troupe::secp256k1_detail
