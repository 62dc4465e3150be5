// The 256-bit word of the EVM and of all amounts: four 64-bit limbs, least significant first.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "runtime/base/bytes.hpp"

namespace troupe {

/// The compiler's double word, for carries and products of limbs.
__extension__ typedef unsigned __int128 uint128;

struct uint256 {
    /// Little-endian limbs: value = sum of limb[i] * 2^(64 i).
    std::array<std::uint64_t, 4> limb{};

    constexpr uint256() = default;
    constexpr uint256(std::uint64_t low) noexcept : limb{low, 0, 0, 0} {}
    constexpr uint256(std::uint64_t l3, std::uint64_t l2, std::uint64_t l1, std::uint64_t l0) noexcept
        : limb{l0, l1, l2, l3} {}

    constexpr bool operator==(const uint256& other) const noexcept {
        return ((limb[0] ^ other.limb[0]) | (limb[1] ^ other.limb[1]) | (limb[2] ^ other.limb[2]) |
                (limb[3] ^ other.limb[3])) == 0;
    }
    constexpr std::strong_ordering operator<=>(const uint256& other) const noexcept {
        for (std::size_t i = 3; i > 0; --i)
            if (limb[i] != other.limb[i]) return limb[i] <=> other.limb[i];
        return limb[0] <=> other.limb[0];
    }

    [[nodiscard]] constexpr bool is_zero() const noexcept { return (limb[0] | limb[1] | limb[2] | limb[3]) == 0; }
    [[nodiscard]] constexpr bool fits_u64() const noexcept { return (limb[1] | limb[2] | limb[3]) == 0; }
    [[nodiscard]] constexpr std::uint64_t low64() const noexcept { return limb[0]; }
    explicit constexpr operator bool() const noexcept { return !is_zero(); }
};

namespace detail {

// Written out limb by limb here and below: compilers make loops of loops, and keep the words in memory for them.

[[nodiscard]] constexpr bool add_limb(std::uint64_t a, std::uint64_t b, bool carry, std::uint64_t& sum) noexcept {
    const auto wide = static_cast<uint128>(a) + b + carry;
    sum = static_cast<std::uint64_t>(wide);
    return static_cast<std::uint64_t>(wide >> 64) != 0;
}
[[nodiscard]] constexpr bool subtract_limb(std::uint64_t a, std::uint64_t b, bool borrow,
                                           std::uint64_t& difference) noexcept {
    const auto wide = static_cast<uint128>(a) - b - borrow;
    difference = static_cast<std::uint64_t>(wide);
    return static_cast<std::uint64_t>(wide >> 64) != 0;
}

}  // namespace detail

// Wrapping arithmetic modulo 2^256. Division and remainder by zero give zero, as in the EVM.
[[nodiscard]] constexpr uint256 operator+(const uint256& a, const uint256& b) noexcept {
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
    if (!std::is_constant_evaluated()) {
        unsigned long long r0, r1, r2, r3;
        auto carry = __builtin_ia32_addcarryx_u64(0, a.limb[0], b.limb[0], &r0);
        carry = __builtin_ia32_addcarryx_u64(carry, a.limb[1], b.limb[1], &r1);
        carry = __builtin_ia32_addcarryx_u64(carry, a.limb[2], b.limb[2], &r2);
        __builtin_ia32_addcarryx_u64(carry, a.limb[3], b.limb[3], &r3);
        return {r3, r2, r1, r0};
    }
#endif
    uint256 r;
    bool carry = detail::add_limb(a.limb[0], b.limb[0], false, r.limb[0]);
    carry = detail::add_limb(a.limb[1], b.limb[1], carry, r.limb[1]);
    carry = detail::add_limb(a.limb[2], b.limb[2], carry, r.limb[2]);
    static_cast<void>(detail::add_limb(a.limb[3], b.limb[3], carry, r.limb[3]));
    return r;
}
/// Difference modulo 2^256, and whether it wrapped (a < b).
struct Difference {
    uint256 value;
    bool borrow = false;
};
[[nodiscard]] constexpr Difference subtract(const uint256& a, const uint256& b) noexcept {
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
    if (!std::is_constant_evaluated()) {
        unsigned long long r0, r1, r2, r3;
        auto borrow = __builtin_ia32_sbb_u64(0, a.limb[0], b.limb[0], &r0);
        borrow = __builtin_ia32_sbb_u64(borrow, a.limb[1], b.limb[1], &r1);
        borrow = __builtin_ia32_sbb_u64(borrow, a.limb[2], b.limb[2], &r2);
        borrow = __builtin_ia32_sbb_u64(borrow, a.limb[3], b.limb[3], &r3);
        return {{r3, r2, r1, r0}, borrow != 0};
    }
#endif
    Difference r;
    r.borrow = detail::subtract_limb(a.limb[0], b.limb[0], false, r.value.limb[0]);
    r.borrow = detail::subtract_limb(a.limb[1], b.limb[1], r.borrow, r.value.limb[1]);
    r.borrow = detail::subtract_limb(a.limb[2], b.limb[2], r.borrow, r.value.limb[2]);
    r.borrow = detail::subtract_limb(a.limb[3], b.limb[3], r.borrow, r.value.limb[3]);
    return r;
}
// One chain of borrows, where the ordering above would branch on each limb.
[[nodiscard]] constexpr bool operator<(const uint256& a, const uint256& b) noexcept { return subtract(a, b).borrow; }
[[nodiscard]] constexpr bool operator>(const uint256& a, const uint256& b) noexcept { return subtract(b, a).borrow; }
[[nodiscard]] constexpr bool operator<=(const uint256& a, const uint256& b) noexcept { return !subtract(b, a).borrow; }
[[nodiscard]] constexpr bool operator>=(const uint256& a, const uint256& b) noexcept { return !subtract(a, b).borrow; }
[[nodiscard]] constexpr uint256 operator~(const uint256& a) noexcept {
    return {~a.limb[3], ~a.limb[2], ~a.limb[1], ~a.limb[0]};
}
[[nodiscard]] constexpr uint256 operator-(const uint256& a, const uint256& b) noexcept { return subtract(a, b).value; }
[[nodiscard]] constexpr uint256 operator-(const uint256& a) noexcept { return uint256{} - a; }
[[nodiscard]] constexpr uint256 operator&(const uint256& a, const uint256& b) noexcept {
    return {a.limb[3] & b.limb[3], a.limb[2] & b.limb[2], a.limb[1] & b.limb[1], a.limb[0] & b.limb[0]};
}
[[nodiscard]] constexpr uint256 operator|(const uint256& a, const uint256& b) noexcept {
    return {a.limb[3] | b.limb[3], a.limb[2] | b.limb[2], a.limb[1] | b.limb[1], a.limb[0] | b.limb[0]};
}
[[nodiscard]] constexpr uint256 operator^(const uint256& a, const uint256& b) noexcept {
    return {a.limb[3] ^ b.limb[3], a.limb[2] ^ b.limb[2], a.limb[1] ^ b.limb[1], a.limb[0] ^ b.limb[0]};
}
[[nodiscard]] constexpr uint256 operator*(const uint256& a, const uint256& b) noexcept {
    const auto& [a0, a1, a2, a3] = a.limb;
    const auto& [b0, b1, b2, b3] = b.limb;
    const auto high = [](uint128 x) { return static_cast<std::uint64_t>(x >> 64); };
    const auto low = [](uint128 x) { return static_cast<std::uint64_t>(x); };
    const auto wide = [](std::uint64_t x, std::uint64_t y) { return static_cast<uint128>(x) * y; };
    // Row by row; no sum overflows, since (2^64 - 1)^2 + 2 (2^64 - 1) < 2^128.
    const auto p00 = wide(a0, b0);
    const auto p01 = wide(a0, b1) + high(p00);
    const auto p02 = wide(a0, b2) + high(p01);
    const auto p10 = wide(a1, b0) + low(p01);
    const auto p11 = wide(a1, b1) + low(p02) + high(p10);
    const auto p20 = wide(a2, b0) + low(p11);
    const auto top = a0 * b3 + high(p02) + a1 * b2 + high(p11) + a2 * b1 + high(p20) + a3 * b0;
    return {top, low(p20), low(p10), low(p00)};
}
[[nodiscard]] uint256 operator/(const uint256& a, const uint256& b) noexcept;
[[nodiscard]] uint256 operator%(const uint256& a, const uint256& b) noexcept;
/// Shifts of 256 and more give zero.
[[nodiscard]] constexpr uint256 operator<<(const uint256& a, std::uint64_t bits) noexcept {
    const auto rest = bits % 64;
    // The bits that one limb gives to the next, in two steps, since a shift by 64 is undefined.
    const auto carry = [rest](std::uint64_t limb) { return limb >> 1 >> (63 - rest); };
    const auto& [l0, l1, l2, l3] = a.limb;
    if (bits < 64) return {l3 << rest | carry(l2), l2 << rest | carry(l1), l1 << rest | carry(l0), l0 << rest};
    if (bits < 128) return {l2 << rest | carry(l1), l1 << rest | carry(l0), l0 << rest, 0};
    if (bits < 192) return {l1 << rest | carry(l0), l0 << rest, 0, 0};
    if (bits < 256) return {l0 << rest, 0, 0, 0};
    return {};
}
[[nodiscard]] constexpr uint256 operator>>(const uint256& a, std::uint64_t bits) noexcept {
    const auto rest = bits % 64;
    const auto carry = [rest](std::uint64_t limb) { return limb << 1 << (63 - rest); };
    const auto& [l0, l1, l2, l3] = a.limb;
    if (bits < 64) return {l3 >> rest, l2 >> rest | carry(l3), l1 >> rest | carry(l2), l0 >> rest | carry(l1)};
    if (bits < 128) return {0, l3 >> rest, l2 >> rest | carry(l3), l1 >> rest | carry(l2)};
    if (bits < 192) return {0, 0, l3 >> rest, l2 >> rest | carry(l3)};
    if (bits < 256) return {0, 0, 0, l3 >> rest};
    return {};
}
inline uint256& operator+=(uint256& a, const uint256& b) noexcept { return a = a + b; }
inline uint256& operator-=(uint256& a, const uint256& b) noexcept { return a = a - b; }
inline uint256& operator*=(uint256& a, const uint256& b) noexcept { return a = a * b; }

/// Nothing where the true sum, difference or product is outside 0..2^256-1. For amounts.
[[nodiscard]] std::optional<uint256> checked_add(const uint256& a, const uint256& b) noexcept;
[[nodiscard]] std::optional<uint256> checked_sub(const uint256& a, const uint256& b) noexcept;
[[nodiscard]] std::optional<uint256> checked_mul(const uint256& a, const uint256& b) noexcept;

/// (a + b) mod m and (a * b) mod m without losing the high bits; zero for m = 0.
[[nodiscard]] uint256 add_modulo(const uint256& a, const uint256& b, const uint256& modulus) noexcept;
[[nodiscard]] uint256 multiply_modulo(const uint256& a, const uint256& b, const uint256& modulus) noexcept;

/// Number of bits needed: 0 for 0, 256 at most.
[[nodiscard]] unsigned bit_length(const uint256& a) noexcept;

// Two's complement, as the EVM's signed instructions see a word.
[[nodiscard]] constexpr bool is_negative(const uint256& a) noexcept { return (a.limb[3] >> 63) != 0; }
/// Towards zero; the remainder has the dividend's sign. Zero for b = 0; -2^255 / -1 wraps to -2^255.
[[nodiscard]] uint256 signed_divide(const uint256& a, const uint256& b) noexcept;
[[nodiscard]] uint256 signed_remainder(const uint256& a, const uint256& b) noexcept;
[[nodiscard]] constexpr bool signed_less(const uint256& a, const uint256& b) noexcept {
    return is_negative(a) != is_negative(b) ? is_negative(a) : a < b;
}
/// Shifts of 256 and more leave only the sign.
[[nodiscard]] constexpr uint256 arithmetic_shift_right(const uint256& a, std::uint64_t bits) noexcept {
    return is_negative(a) ? ~(~a >> bits) : a >> bits;
}
/// The lowest `byte` + 1 bytes of a, extended by their sign; a itself from byte 31 on.
[[nodiscard]] constexpr uint256 sign_extend(const uint256& a, std::uint64_t byte) noexcept {
    if (byte >= 31) return a;
    // Limb by limb: the one that the byte is in, and those above it that its sign fills.
    const auto unused = 56 - byte % 8 * 8;
    const auto last = static_cast<std::int64_t>(a.limb[byte / 8] << unused) >> unused;
    const auto fill = static_cast<std::uint64_t>(last >> 63);
    uint256 r;
    for (std::uint64_t i = 0; i < 4; ++i)
        r.limb[i] = i < byte / 8 ? a.limb[i] : i == byte / 8 ? static_cast<std::uint64_t>(last) : fill;
    return r;
}
/// Byte `index` counted from the most significant; zero from 32 on.
[[nodiscard]] constexpr std::uint8_t byte_at(const uint256& a, std::uint64_t index) noexcept {
    return index >= 32 ? std::uint8_t{0} : static_cast<std::uint8_t>(a.limb[3 - index / 8] >> (56 - index % 8 * 8));
}
/// a to the power of b modulo 2^256; 0 to the power of 0 is 1.
[[nodiscard]] uint256 power(uint256 a, const uint256& b) noexcept;

/// 32 bytes, most significant first.
[[nodiscard]] inline uint256 load_big_endian(const std::uint8_t* bytes) noexcept {
    uint256 r;
    for (int i = 0; i < 4; ++i) {
        std::uint64_t limb;
        std::memcpy(&limb, bytes + 8 * i, 8);
        r.limb[3 - i] = __builtin_bswap64(limb);
    }
    return r;
}
inline void store_big_endian(std::uint8_t* bytes, const uint256& a) noexcept {
    for (int i = 0; i < 4; ++i) {
        const auto swapped = __builtin_bswap64(a.limb[3 - i]);
        std::memcpy(bytes + 8 * i, &swapped, 8);
    }
}
/// Big-endian, as on the EVM stack and in state.
[[nodiscard]] inline Hash256 to_big_endian(const uint256& a) noexcept {
    Hash256 out;
    store_big_endian(out.data(), a);
    return out;
}
/// Up to 32 bytes, most significant first.
[[nodiscard]] uint256 from_big_endian(ByteView bytes) noexcept;
/// Without leading zero bytes; empty for zero (RLP's integer form).
[[nodiscard]] Bytes to_minimal_big_endian(const uint256& a);

/// "0x" quantity without leading zeros ("0x0" for zero), as JSON-RPC wants it.
[[nodiscard]] std::string to_quantity(const uint256& a);
[[nodiscard]] std::string to_decimal(const uint256& a);
/// Decimal digits or "0x" hex; nothing on bad text or overflow.
[[nodiscard]] std::optional<uint256> parse_uint256(std::string_view text);

}  // namespace troupe
