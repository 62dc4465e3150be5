// The 256-bit word of the EVM and of all amounts: four 64-bit limbs, least significant first.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

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

    constexpr bool operator==(const uint256&) const = default;
    constexpr std::strong_ordering operator<=>(const uint256& other) const noexcept {
        const auto high = (static_cast<uint128>(limb[3]) << 64 | limb[2]) <=>
                          (static_cast<uint128>(other.limb[3]) << 64 | other.limb[2]);
        if (high != 0) return high;
        return (static_cast<uint128>(limb[1]) << 64 | limb[0]) <=>
               (static_cast<uint128>(other.limb[1]) << 64 | other.limb[0]);
    }

    [[nodiscard]] constexpr bool is_zero() const noexcept { return (limb[0] | limb[1] | limb[2] | limb[3]) == 0; }
    [[nodiscard]] constexpr bool fits_u64() const noexcept { return (limb[1] | limb[2] | limb[3]) == 0; }
    [[nodiscard]] constexpr std::uint64_t low64() const noexcept { return limb[0]; }
    explicit constexpr operator bool() const noexcept { return !is_zero(); }
};

// Wrapping arithmetic modulo 2^256. Division and remainder by zero give zero, as in the EVM.
[[nodiscard]] constexpr uint256 operator+(const uint256& a, const uint256& b) noexcept {
    uint256 r;
    uint128 carry = 0;
    for (int i = 0; i < 4; ++i) {
        carry += static_cast<uint128>(a.limb[i]) + b.limb[i];
        r.limb[i] = static_cast<std::uint64_t>(carry);
        carry >>= 64;
    }
    return r;
}
[[nodiscard]] constexpr uint256 operator~(const uint256& a) noexcept {
    return {~a.limb[3], ~a.limb[2], ~a.limb[1], ~a.limb[0]};
}
[[nodiscard]] constexpr uint256 operator-(const uint256& a, const uint256& b) noexcept {
    uint256 r;
    std::uint64_t borrow = 0;
    for (int i = 0; i < 4; ++i) {
        const uint128 d = static_cast<uint128>(a.limb[i]) - b.limb[i] - borrow;
        r.limb[i] = static_cast<std::uint64_t>(d);
        borrow = static_cast<std::uint64_t>(d >> 64) & 1;
    }
    return r;
}
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
[[nodiscard]] uint256 operator*(const uint256& a, const uint256& b) noexcept;
[[nodiscard]] uint256 operator/(const uint256& a, const uint256& b) noexcept;
[[nodiscard]] uint256 operator%(const uint256& a, const uint256& b) noexcept;
/// Shifts of 256 and more give zero.
[[nodiscard]] constexpr uint256 operator<<(const uint256& a, std::uint64_t bits) noexcept {
    if (bits >= 256) return {};
    const auto limbs = static_cast<int>(bits / 64);
    const auto rest = bits % 64;
    uint256 r;
    for (int i = 3; i >= limbs; --i) {
        r.limb[i] = a.limb[i - limbs] << rest;
        // In two steps, since a shift by 64 is undefined.
        if (i > limbs) r.limb[i] |= a.limb[i - limbs - 1] >> 1 >> (63 - rest);
    }
    return r;
}
[[nodiscard]] constexpr uint256 operator>>(const uint256& a, std::uint64_t bits) noexcept {
    if (bits >= 256) return {};
    const auto limbs = static_cast<int>(bits / 64);
    const auto rest = bits % 64;
    uint256 r;
    for (int i = 0; i + limbs < 4; ++i) {
        r.limb[i] = a.limb[i + limbs] >> rest;
        if (i + limbs < 3) r.limb[i] |= a.limb[i + limbs + 1] << 1 << (63 - rest);
    }
    return r;
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
    const auto unused = 8 * (31 - byte);
    return arithmetic_shift_right(a << unused, unused);
}
/// Byte `index` counted from the most significant; zero from 32 on.
[[nodiscard]] constexpr std::uint8_t byte_at(const uint256& a, std::uint64_t index) noexcept {
    return index >= 32 ? 0 : static_cast<std::uint8_t>(a.limb[3 - index / 8] >> (56 - index % 8 * 8));
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
