// Arithmetic modulo n, the order of secp256k1's group. For secp256k1_*.cpp only. Not constant-time: it never sees a
// secret. Scalars are uint256 below n.
#pragma once

#include <utility>
#include <vector>

#include "runtime/base/uint256.hpp"
#include "runtime/crypto/wide_arithmetic.hpp"

namespace troupe::secp256k1_detail {

inline constexpr uint256 group_order{0xFFFFFFFFFFFFFFFFULL, 0xFFFFFFFFFFFFFFFEULL, 0xBAAEDCE6AF48A03BULL,
                                     0xBFD25E8CD0364141ULL};
/// 2^256 - n.
inline constexpr uint256 order_complement{0, 1, 0x4551231950B75FC4ULL, 0x402DA1732FC9BEBFULL};

[[nodiscard]] constexpr uint256 reduce_once(const uint256& a) noexcept {
    return a >= group_order ? a - group_order : a;
}

[[nodiscard]] constexpr uint256 scalar_negated(const uint256& a) noexcept { return a.is_zero() ? a : group_order - a; }

[[nodiscard]] constexpr uint256 scalar_sum(const uint256& a, const uint256& b) noexcept {
    const auto s = a + b;
    // A carry out of 2^256 is worth 2^256 - n.
    return s < a ? s + order_complement : reduce_once(s);
}

[[nodiscard]] inline uint256 scalar_product(const uint256& a, const uint256& b) noexcept {
    auto wide = full_product(a, b);
    // Each folding of the upper half takes about 127 bits off: 512, 386, 260, 257.
    while ((wide[4] | wide[5] | wide[6] | wide[7]) != 0) {
        const auto before = wide;
        wide = full_product(order_complement, {before[7], before[6], before[5], before[4]});
        Carry carry = 0;
        wide[0] = add_carry(wide[0], before[0], carry);
        wide[1] = add_carry(wide[1], before[1], carry);
        wide[2] = add_carry(wide[2], before[2], carry);
        wide[3] = add_carry(wide[3], before[3], carry);
        wide[4] = add_carry(wide[4], 0, carry);
        wide[5] = add_carry(wide[5], 0, carry);
        wide[6] = add_carry(wide[6], 0, carry);
    }
    return reduce_once({wide[3], wide[2], wide[1], wide[0]});
}

/// a^(n - 2); 0 for 0.
[[nodiscard]] inline uint256 scalar_inverse(const uint256& a) noexcept {
    const auto exponent = group_order - uint256{2};
    uint256 r{1};
    for (int bit = 255; bit >= 0; --bit) {
        r = scalar_product(r, r);
        if ((exponent.limb[static_cast<std::size_t>(bit) / 64] >> (bit % 64) & 1) != 0) r = scalar_product(r, a);
    }
    return r;
}

/// Inverts all in place at the price of one inversion and three products each (Montgomery). None may be 0.
inline void invert_all(std::vector<uint256>& values) {
    std::vector<uint256> before(values.size());
    uint256 product{1};
    for (std::size_t i = 0; i < values.size(); ++i) {
        before[i] = product;
        product = scalar_product(product, values[i]);
    }
    auto inverse = scalar_inverse(product);
    for (std::size_t i = values.size(); i-- > 0;) {
        const auto own = scalar_product(inverse, before[i]);
        inverse = scalar_product(inverse, values[i]);
        values[i] = own;
    }
}

inline constexpr uint256 lambda{0x5363AD4CC05C30E0ULL, 0xA5261C028812645AULL, 0x122E22EA20816678ULL,
                                0xDF02967C1B23BD72ULL};

/// k1, k2 with k = k1 + k2 lambda; each or its negative is below 2^128 (Gallant, Lambert, Vanstone 2001; the constants
/// are those of libsecp256k1's scalar_split_lambda).
[[nodiscard]] inline std::pair<uint256, uint256> split_by_lambda(const uint256& k) noexcept {
    constexpr uint256 g1{0x3086D221A7D46BCDULL, 0xE86C90E49284EB15ULL, 0x3DAA8A1471E8CA7FULL, 0xE893209A45DBB031ULL};
    constexpr uint256 g2{0xE4437ED6010E8828ULL, 0x6F547FA90ABFE4C4ULL, 0x221208AC9DF506C6ULL, 0x1571B4AE8AC47F71ULL};
    constexpr uint256 minus_b1{0, 0, 0xE4437ED6010E8828ULL, 0x6F547FA90ABFE4C3ULL};
    constexpr uint256 minus_b2{0xFFFFFFFFFFFFFFFFULL, 0xFFFFFFFFFFFFFFFEULL, 0x8A280AC50774346DULL,
                               0xD765CDA83DB1562CULL};
    const auto rounded_shift_384 = [](const Wide& wide) {
        return uint256{0, 0, wide[7], wide[6]} + uint256{wide[5] >> 63};
    };
    const auto c1 = rounded_shift_384(full_product(k, g1));
    const auto c2 = rounded_shift_384(full_product(k, g2));
    const auto k2 = scalar_sum(scalar_product(c1, minus_b1), scalar_product(c2, minus_b2));
    const auto k1 = scalar_sum(k, scalar_negated(scalar_product(k2, lambda)));
    return {k1, k2};
}

}  // namespace troupe::secp256k1_detail
