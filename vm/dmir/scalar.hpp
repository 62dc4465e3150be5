// The meaning of scalar operations (core specification 2.0, section 4.3), where C++'s differs: shared by all tiers.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "vm/dmir/opcodes.hpp"

namespace troupe::dmir::scalar {

/// One NaN: quiet, positive, no payload.
template <class F>
[[nodiscard]] inline F canonical(F x) noexcept {
    return x == x ? x : std::numeric_limits<F>::quiet_NaN();
}

template <class F>
[[nodiscard]] inline F float_min(F a, F b) noexcept {
    if (a != a || b != b) return std::numeric_limits<F>::quiet_NaN();
    if (a == b) return std::signbit(a) ? a : b;
    return a < b ? a : b;
}
template <class F>
[[nodiscard]] inline F float_max(F a, F b) noexcept {
    if (a != a || b != b) return std::numeric_limits<F>::quiet_NaN();
    if (a == b) return std::signbit(a) ? b : a;
    return a > b ? a : b;
}

/// True if trunc(x) is representable in I; false for NaN.
template <class I, class F>
[[nodiscard]] inline bool truncates(F x) noexcept {
    // 2^bits is exact in F. The lower bound is exclusive: min - 1 where F can tell it from min, else min itself
    // included.
    const F high = std::ldexp(F{1}, std::numeric_limits<I>::digits);
    if constexpr (std::is_signed_v<I>) {
        if constexpr (std::numeric_limits<F>::digits > std::numeric_limits<I>::digits + 1)
            return x > -high - F{1} && x < high;
        else
            return x >= -high && x < high;
    } else {
        return x > F{-1} && x < high;
    }
}
template <class I, class F>
[[nodiscard]] inline Trap truncate(F x, I& out) noexcept {
    if (!truncates<I>(x)) return x != x ? Trap::invalid_conversion_to_integer : Trap::integer_overflow;
    out = static_cast<I>(x);
    return Trap::none;
}
template <class I, class F>
[[nodiscard]] inline I truncate_saturating(F x) noexcept {
    if (truncates<I>(x)) return static_cast<I>(x);
    if (x != x) return 0;
    return x < 0 ? std::numeric_limits<I>::min() : std::numeric_limits<I>::max();
}

}  // namespace troupe::dmir::scalar
