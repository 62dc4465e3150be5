#include "vm/dmir/passes/evaluate.hpp"

#include <bit>
#include <cmath>
#include <limits>

#include "vm/dmir/scalar.hpp"

namespace troupe::dmir {
namespace {

using i8 = std::int8_t;
using i16 = std::int16_t;
using i32 = std::int32_t;
using i64 = std::int64_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using scalar::canonical;
using Bits = std::optional<std::uint64_t>;

template <class T>
[[nodiscard]] T from_bits(u64 bits) noexcept {
    if constexpr (std::is_same_v<T, float>)
        return std::bit_cast<float>(static_cast<u32>(bits));
    else if constexpr (std::is_same_v<T, double>)
        return std::bit_cast<double>(bits);
    else
        return static_cast<T>(bits);
}
template <class T>
[[nodiscard]] u64 to_bits(T value) noexcept {
    if constexpr (std::is_same_v<T, float>)
        return std::bit_cast<u32>(value);
    else if constexpr (std::is_same_v<T, double>)
        return std::bit_cast<u64>(value);
    else
        return static_cast<u64>(static_cast<std::make_unsigned_t<T>>(value));
}

/// `op` is of i32; S and U are the signed and unsigned type that it is done on.
template <class S, class U>
[[nodiscard]] Bits integer(Op op, U a, U b) noexcept {
    constexpr U mask = std::numeric_limits<U>::digits - 1;
    const auto sa = static_cast<S>(a);
    const auto sb = static_cast<S>(b);
    const auto shift = static_cast<int>(b & mask);
    const bool overflows = sa == std::numeric_limits<S>::min() && sb == -1;
    switch (op) {
        case Op::i32_eqz: return a == 0;
        case Op::i32_eq: return a == b;
        case Op::i32_ne: return a != b;
        case Op::i32_lt_s: return sa < sb;
        case Op::i32_lt_u: return a < b;
        case Op::i32_gt_s: return sa > sb;
        case Op::i32_gt_u: return a > b;
        case Op::i32_le_s: return sa <= sb;
        case Op::i32_le_u: return a <= b;
        case Op::i32_ge_s: return sa >= sb;
        case Op::i32_ge_u: return a >= b;
        case Op::i32_clz: return static_cast<u64>(std::countl_zero(a));
        case Op::i32_ctz: return static_cast<u64>(std::countr_zero(a));
        case Op::i32_popcnt: return static_cast<u64>(std::popcount(a));
        case Op::i32_add: return static_cast<U>(a + b);
        case Op::i32_sub: return static_cast<U>(a - b);
        case Op::i32_mul: return static_cast<U>(a * b);
        case Op::i32_div_s: return b == 0 || overflows ? Bits{} : to_bits(static_cast<S>(sa / sb));
        case Op::i32_div_u: return b == 0 ? Bits{} : Bits{a / b};
        case Op::i32_rem_s: return b == 0 ? Bits{} : overflows ? Bits{0} : to_bits(static_cast<S>(sa % sb));
        case Op::i32_rem_u: return b == 0 ? Bits{} : Bits{a % b};
        case Op::i32_and: return a & b;
        case Op::i32_or: return a | b;
        case Op::i32_xor: return a ^ b;
        case Op::i32_shl: return static_cast<U>(a << shift);
        case Op::i32_shr_s: return to_bits(static_cast<S>(sa >> shift));
        case Op::i32_shr_u: return a >> shift;
        case Op::i32_rotl: return std::rotl(a, shift);
        case Op::i32_rotr: return std::rotr(a, shift);
        default: return std::nullopt;
    }
}

/// `op` is of f32.
template <class F>
[[nodiscard]] Bits floating(Op op, u64 bits_a, u64 bits_b) noexcept {
    const auto a = from_bits<F>(bits_a);
    const auto b = from_bits<F>(bits_b);
    constexpr u64 sign = u64{1} << (sizeof(F) * 8 - 1);
    switch (op) {
        case Op::f32_eq: return a == b;
        case Op::f32_ne: return a != b;
        case Op::f32_lt: return a < b;
        case Op::f32_gt: return a > b;
        case Op::f32_le: return a <= b;
        case Op::f32_ge: return a >= b;
        case Op::f32_abs: return bits_a & ~sign;
        case Op::f32_neg: return bits_a ^ sign;
        case Op::f32_copysign: return (bits_a & ~sign) | (bits_b & sign);
        case Op::f32_ceil: return to_bits(canonical(std::ceil(a)));
        case Op::f32_floor: return to_bits(canonical(std::floor(a)));
        case Op::f32_trunc: return to_bits(canonical(std::trunc(a)));
        case Op::f32_nearest: return to_bits(canonical(std::nearbyint(a)));
        case Op::f32_sqrt: return to_bits(canonical(std::sqrt(a)));
        case Op::f32_add: return to_bits(canonical(a + b));
        case Op::f32_sub: return to_bits(canonical(a - b));
        case Op::f32_mul: return to_bits(canonical(a * b));
        case Op::f32_div: return to_bits(canonical(a / b));
        case Op::f32_min: return to_bits(scalar::float_min(a, b));
        case Op::f32_max: return to_bits(scalar::float_max(a, b));
        default: return std::nullopt;
    }
}

template <class I, class F>
[[nodiscard]] Bits truncation(u64 bits) noexcept {
    I out{};
    if (scalar::truncate<I>(from_bits<F>(bits), out) != Trap::none) return std::nullopt;
    return to_bits(out);
}

[[nodiscard]] Bits conversion(Op op, u64 a) noexcept {
    using scalar::truncate_saturating;
    switch (op) {
        case Op::i32_wrap_i64: return static_cast<u32>(a);
        case Op::i64_extend_i32_s: return to_bits(i64{static_cast<i32>(a)});
        case Op::i64_extend_i32_u: return static_cast<u32>(a);
        case Op::i32_extend8_s: return to_bits(i32{static_cast<i8>(a)});
        case Op::i32_extend16_s: return to_bits(i32{static_cast<i16>(a)});
        case Op::i64_extend8_s: return to_bits(i64{static_cast<i8>(a)});
        case Op::i64_extend16_s: return to_bits(i64{static_cast<i16>(a)});
        case Op::i64_extend32_s: return to_bits(i64{static_cast<i32>(a)});
        case Op::i32_trunc_f32_s: return truncation<i32, float>(a);
        case Op::i32_trunc_f32_u: return truncation<u32, float>(a);
        case Op::i32_trunc_f64_s: return truncation<i32, double>(a);
        case Op::i32_trunc_f64_u: return truncation<u32, double>(a);
        case Op::i64_trunc_f32_s: return truncation<i64, float>(a);
        case Op::i64_trunc_f32_u: return truncation<u64, float>(a);
        case Op::i64_trunc_f64_s: return truncation<i64, double>(a);
        case Op::i64_trunc_f64_u: return truncation<u64, double>(a);
        case Op::i32_trunc_sat_f32_s: return to_bits(truncate_saturating<i32>(from_bits<float>(a)));
        case Op::i32_trunc_sat_f32_u: return to_bits(truncate_saturating<u32>(from_bits<float>(a)));
        case Op::i32_trunc_sat_f64_s: return to_bits(truncate_saturating<i32>(from_bits<double>(a)));
        case Op::i32_trunc_sat_f64_u: return to_bits(truncate_saturating<u32>(from_bits<double>(a)));
        case Op::i64_trunc_sat_f32_s: return to_bits(truncate_saturating<i64>(from_bits<float>(a)));
        case Op::i64_trunc_sat_f32_u: return to_bits(truncate_saturating<u64>(from_bits<float>(a)));
        case Op::i64_trunc_sat_f64_s: return to_bits(truncate_saturating<i64>(from_bits<double>(a)));
        case Op::i64_trunc_sat_f64_u: return to_bits(truncate_saturating<u64>(from_bits<double>(a)));
        case Op::f32_convert_i32_s: return to_bits(static_cast<float>(static_cast<i32>(a)));
        case Op::f32_convert_i32_u: return to_bits(static_cast<float>(static_cast<u32>(a)));
        case Op::f32_convert_i64_s: return to_bits(static_cast<float>(static_cast<i64>(a)));
        case Op::f32_convert_i64_u: return to_bits(static_cast<float>(a));
        case Op::f64_convert_i32_s: return to_bits(static_cast<double>(static_cast<i32>(a)));
        case Op::f64_convert_i32_u: return to_bits(static_cast<double>(static_cast<u32>(a)));
        case Op::f64_convert_i64_s: return to_bits(static_cast<double>(static_cast<i64>(a)));
        case Op::f64_convert_i64_u: return to_bits(static_cast<double>(a));
        case Op::f32_demote_f64: return to_bits(canonical(static_cast<float>(from_bits<double>(a))));
        case Op::f64_promote_f32: return to_bits(canonical(static_cast<double>(from_bits<float>(a))));
        case Op::i32_reinterpret_f32:
        case Op::f32_reinterpret_i32:
        case Op::i64_reinterpret_f64:
        case Op::f64_reinterpret_i64: return a;
        default: return std::nullopt;
    }
}

constexpr Op shifted(Op op, Op from, Op to) {
    return static_cast<Op>(static_cast<int>(op) - static_cast<int>(from) + static_cast<int>(to));
}
constexpr bool between(Op op, Op first, Op last) { return op >= first && op <= last; }

}  // namespace

Bits evaluate(Op op, u64 a, u64 b) noexcept {
    const auto a32 = static_cast<u32>(a);
    const auto b32 = static_cast<u32>(b);
    if (between(op, Op::i32_eqz, Op::i32_ge_u) || between(op, Op::i32_clz, Op::i32_rotr))
        return integer<i32, u32>(op, a32, b32);
    if (between(op, Op::i64_eqz, Op::i64_ge_u)) return integer<i64, u64>(shifted(op, Op::i64_eqz, Op::i32_eqz), a, b);
    if (between(op, Op::i64_clz, Op::i64_rotr)) return integer<i64, u64>(shifted(op, Op::i64_clz, Op::i32_clz), a, b);
    if (between(op, Op::f32_eq, Op::f32_ge) || between(op, Op::f32_abs, Op::f32_copysign))
        return floating<float>(op, a32, b32);
    if (between(op, Op::f64_eq, Op::f64_ge)) return floating<double>(shifted(op, Op::f64_eq, Op::f32_eq), a, b);
    if (between(op, Op::f64_abs, Op::f64_copysign))
        return floating<double>(shifted(op, Op::f64_abs, Op::f32_abs), a, b);
    return conversion(op, a);
}

}  // namespace troupe::dmir
