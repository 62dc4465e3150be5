#include "runtime/base/uint256.hpp"

#include <algorithm>
#include <bit>

namespace troupe {
namespace {

struct Product {
    std::array<std::uint64_t, 8> limb{};
};

[[nodiscard]] Product multiply_full(const uint256& a, const uint256& b) noexcept {
    Product p;
    for (int i = 0; i < 4; ++i) {
        std::uint64_t carry = 0;
        for (int j = 0; j < 4; ++j) {
            const uint128 t = static_cast<uint128>(a.limb[i]) * b.limb[j] + p.limb[i + j] + carry;
            p.limb[i + j] = static_cast<std::uint64_t>(t);
            carry = static_cast<std::uint64_t>(t >> 64);
        }
        p.limb[i + 4] = carry;
    }
    return p;
}

[[nodiscard]] int limb_count(const uint64_t* limbs, int n) noexcept {
    while (n > 0 && limbs[n - 1] == 0) --n;
    return n;
}

struct Digits {
    std::uint64_t quotient;
    std::uint64_t remainder;
};

/// Two digits by one; requires high < divisor. The compiler would call a routine for two by two.
[[nodiscard]] Digits divide_2_by_1(std::uint64_t high, std::uint64_t low, std::uint64_t divisor) noexcept {
#if defined(__x86_64__)
    Digits out;
    __asm__("divq %4" : "=a"(out.quotient), "=d"(out.remainder) : "0"(low), "1"(high), "r"(divisor) : "cc");
    return out;
#else
    const auto numerator = static_cast<uint128>(high) << 64 | low;
    return {static_cast<std::uint64_t>(numerator / divisor), static_cast<std::uint64_t>(numerator % divisor)};
#endif
}

// Division by a divisor whose two highest digits are (d1, d0), d1's highest bit set, with a reciprocal in place of the
// processor's divider: Möller and Granlund, "Improved division by invariant integers" (2011), algorithms 5 and 6.

/// floor((2^192 - 1) / (d1, d0)) - 2^64.
[[nodiscard]] std::uint64_t reciprocal_of(std::uint64_t d1, std::uint64_t d0) noexcept {
    auto v = divide_2_by_1(~d1, ~std::uint64_t{0}, d1).quotient;
    auto p = d1 * v + d0;
    if (p < d0) {
        --v;
        if (p >= d1) {
            --v;
            p -= d1;
        }
        p -= d1;
    }
    const auto t = static_cast<uint128>(v) * d0;
    p += static_cast<std::uint64_t>(t >> 64);
    if (p < static_cast<std::uint64_t>(t >> 64)) {
        --v;
        if ((static_cast<uint128>(p) << 64 | static_cast<std::uint64_t>(t)) >= (static_cast<uint128>(d1) << 64 | d0))
            --v;
    }
    return v;
}

struct WideDigits {
    std::uint64_t quotient;
    uint128 remainder;
};

/// (u2, u1, u0) by d; requires (u2, u1) < d.
[[nodiscard]] WideDigits divide_3_by_2(std::uint64_t u2, std::uint64_t u1, std::uint64_t u0, uint128 d,
                                       std::uint64_t reciprocal) noexcept {
    const auto d1 = static_cast<std::uint64_t>(d >> 64);
    const auto d0 = static_cast<std::uint64_t>(d);
    const auto estimate = static_cast<uint128>(reciprocal) * u2 + (static_cast<uint128>(u2) << 64 | u1);
    auto q1 = static_cast<std::uint64_t>(estimate >> 64);
    const auto q0 = static_cast<std::uint64_t>(estimate);
    auto r = (static_cast<uint128>(u1 - q1 * d1) << 64 | u0) - static_cast<uint128>(d0) * q1 - d;
    ++q1;
    if (static_cast<std::uint64_t>(r >> 64) >= q0) {
        --q1;
        r += d;
    }
    if (r >= d) [[unlikely]] {
        ++q1;
        r -= d;
    }
    return {q1, r};
}

/// u -= v * factor over n digits; gives what is to be subtracted from the next digit.
[[nodiscard]] std::uint64_t subtract_product(std::uint64_t* u, const std::uint64_t* v, int n,
                                             std::uint64_t factor) noexcept {
    std::uint64_t borrow = 0;
    for (int i = 0; i < n; ++i) {
        const auto product = static_cast<uint128>(v[i]) * factor + borrow;
        const auto low = static_cast<std::uint64_t>(product);
        borrow = static_cast<std::uint64_t>(product >> 64) + (u[i] < low ? 1 : 0);
        u[i] -= low;
    }
    return borrow;
}

/// u += v over n digits; gives the carry.
std::uint64_t add_back(std::uint64_t* u, const std::uint64_t* v, int n) noexcept {
    std::uint64_t carry = 0;
    for (int i = 0; i < n; ++i) {
        const auto sum = static_cast<uint128>(u[i]) + v[i] + carry;
        u[i] = static_cast<std::uint64_t>(sum);
        carry = static_cast<std::uint64_t>(sum >> 64);
    }
    return carry;
}

/// Knuth, TAOCP 4.3.1, algorithm D, on 64-bit digits: u (m digits) by v (n digits, n >= 1, top digit not zero, m >= n).
/// Quotient to q (m - n + 1 digits), remainder left in r (n digits).
void divide_limbs(const std::uint64_t* u, int m, const std::uint64_t* v, int n, std::uint64_t* q,
                  std::uint64_t* r) noexcept {
    if (n == 1) {
        std::uint64_t rest = 0;
        for (int i = m - 1; i >= 0; --i) {
            const auto digit = divide_2_by_1(rest, u[i], v[0]);
            q[i] = digit.quotient;
            rest = digit.remainder;
        }
        r[0] = rest;
        return;
    }
    const int shift = std::countl_zero(v[n - 1]);
    std::uint64_t vn[4];
    std::uint64_t un[9];
    const auto high_part = [shift](std::uint64_t x) { return x >> 1 >> (63 - shift); };
    for (int i = n - 1; i > 0; --i) vn[i] = v[i] << shift | high_part(v[i - 1]);
    vn[0] = v[0] << shift;
    un[m] = high_part(u[m - 1]);
    for (int i = m - 1; i > 0; --i) un[i] = u[i] << shift | high_part(u[i - 1]);
    un[0] = u[0] << shift;

    const auto d1 = vn[n - 1];
    const auto d0 = vn[n - 2];
    const auto d = static_cast<uint128>(d1) << 64 | d0;
    const auto reciprocal = reciprocal_of(d1, d0);
    for (int j = m - n; j >= 0; --j) {
        auto* const top = un + j + n;  // highest digit of what is divided
        if (top[0] == d1 && top[-1] == d0) [[unlikely]] {
            // The estimate would not fit: the digit is the largest or one less.
            q[j] = ~std::uint64_t{0};
            const auto borrow = subtract_product(un + j, vn, n, q[j]);
            const bool is_too_large = top[0] < borrow;
            top[0] -= borrow;
            if (is_too_large) {
                --q[j];
                top[0] += add_back(un + j, vn, n);
            }
            continue;
        }
        auto [quotient, rest] = divide_3_by_2(top[0], top[-1], top[-2], d, reciprocal);
        const auto borrow = subtract_product(un + j, vn, n - 2, quotient);
        const bool is_too_large = rest < borrow;
        rest -= borrow;
        top[-2] = static_cast<std::uint64_t>(rest);
        top[-1] = static_cast<std::uint64_t>(rest >> 64);
        top[0] = 0;
        if (is_too_large) [[unlikely]] {
            --quotient;
            static_cast<void>(add_back(un + j, vn, n));
        }
        q[j] = quotient;
    }
    for (int i = 0; i < n - 1; ++i) r[i] = un[i] >> shift | (un[i + 1] << 1 << (63 - shift));
    r[n - 1] = un[n - 1] >> shift;
}

struct QuotientRemainder {
    uint256 quotient;
    uint256 remainder;
};

[[nodiscard]] QuotientRemainder divide(const uint256& a, const uint256& b) noexcept {
    QuotientRemainder out;
    const int n = limb_count(b.limb.data(), 4);
    const int m = limb_count(a.limb.data(), 4);
    if (n == 0) return out;
    if (m < n) {
        out.remainder = a;
        return out;
    }
    if (m == 1) {
        out.quotient = uint256{a.limb[0] / b.limb[0]};
        out.remainder = uint256{a.limb[0] % b.limb[0]};
        return out;
    }
    divide_limbs(a.limb.data(), m, b.limb.data(), n, out.quotient.limb.data(), out.remainder.limb.data());
    return out;
}

}  // namespace

uint256 operator/(const uint256& a, const uint256& b) noexcept { return divide(a, b).quotient; }
uint256 operator%(const uint256& a, const uint256& b) noexcept { return divide(a, b).remainder; }

uint256 add_modulo(const uint256& a, const uint256& b, const uint256& modulus) noexcept {
    if (a < modulus && b < modulus) {
        // The sum, which may have wrapped, is less than twice the modulus.
        const auto wrapped = a + b;
        const auto [reduced, borrow] = subtract(wrapped, modulus);
        return borrow && wrapped >= a ? wrapped : reduced;
    }
    const int n = limb_count(modulus.limb.data(), 4);
    if (n == 0) return {};
    std::array<std::uint64_t, 5> sum{};
    uint128 carry = 0;
    for (int i = 0; i < 4; ++i) {
        carry += static_cast<uint128>(a.limb[i]) + b.limb[i];
        sum[i] = static_cast<std::uint64_t>(carry);
        carry >>= 64;
    }
    sum[4] = static_cast<std::uint64_t>(carry);
    const int m = limb_count(sum.data(), 5);
    uint256 r;
    if (m < n) return {sum[3], sum[2], sum[1], sum[0]};
    std::array<std::uint64_t, 5> quotient{};
    divide_limbs(sum.data(), m, modulus.limb.data(), n, quotient.data(), r.limb.data());
    return r;
}

uint256 multiply_modulo(const uint256& a, const uint256& b, const uint256& modulus) noexcept {
    const int n = limb_count(modulus.limb.data(), 4);
    if (n == 0) return {};
    const auto product = multiply_full(a, b);
    const int m = limb_count(product.limb.data(), 8);
    if (m < n) return {product.limb[3], product.limb[2], product.limb[1], product.limb[0]};
    uint256 r;
    std::array<std::uint64_t, 8> quotient{};
    divide_limbs(product.limb.data(), m, modulus.limb.data(), n, quotient.data(), r.limb.data());
    return r;
}

uint256 signed_divide(const uint256& a, const uint256& b) noexcept {
    const auto quotient = (is_negative(a) ? -a : a) / (is_negative(b) ? -b : b);
    return is_negative(a) != is_negative(b) ? -quotient : quotient;
}

uint256 signed_remainder(const uint256& a, const uint256& b) noexcept {
    const auto remainder = (is_negative(a) ? -a : a) % (is_negative(b) ? -b : b);
    return is_negative(a) ? -remainder : remainder;
}

uint256 power(uint256 a, const uint256& b) noexcept {
    uint256 result{1};
    const auto bits = bit_length(b);
    for (unsigned i = 0; i < bits; ++i) {
        if ((b.limb[i / 64] >> (i % 64) & 1) != 0) result *= a;
        a *= a;
    }
    return result;
}

std::optional<uint256> checked_add(const uint256& a, const uint256& b) noexcept {
    const auto sum = a + b;
    return sum < a ? std::nullopt : std::optional{sum};
}

std::optional<uint256> checked_sub(const uint256& a, const uint256& b) noexcept {
    return a < b ? std::nullopt : std::optional{a - b};
}

std::optional<uint256> checked_mul(const uint256& a, const uint256& b) noexcept {
    const auto p = multiply_full(a, b);
    if ((p.limb[4] | p.limb[5] | p.limb[6] | p.limb[7]) != 0) return std::nullopt;
    return uint256{p.limb[3], p.limb[2], p.limb[1], p.limb[0]};
}

unsigned bit_length(const uint256& a) noexcept {
    for (int i = 3; i >= 0; --i)
        if (a.limb[i] != 0) return static_cast<unsigned>(64 * i + 64 - std::countl_zero(a.limb[i]));
    return 0;
}

uint256 from_big_endian(ByteView bytes) noexcept {
    bytes = bytes.last(std::min<std::size_t>(bytes.size(), 32));
    std::array<std::uint8_t, 32> padded{};
    if (!bytes.empty()) std::memcpy(padded.data() + 32 - bytes.size(), bytes.data(), bytes.size());
    return load_big_endian(padded.data());
}

Bytes to_minimal_big_endian(const uint256& a) {
    const auto full = to_big_endian(a);
    const auto size = (bit_length(a) + 7) / 8;
    return {full.end() - size, full.end()};
}

std::string to_quantity(const uint256& a) {
    auto text = to_hex(to_big_endian(a).view());
    const auto first = std::min(text.find_first_not_of('0'), text.size() - 1);
    return "0x" + text.substr(first);
}

std::string to_decimal(const uint256& a) {
    if (a.is_zero()) return "0";
    constexpr std::uint64_t chunk = 10'000'000'000'000'000'000ULL;
    std::string out;
    for (auto rest = a; !rest.is_zero();) {
        const auto [quotient, remainder] = divide(rest, uint256{chunk});
        auto digits = std::to_string(remainder.low64());
        if (!quotient.is_zero()) digits.insert(0, 19 - digits.size(), '0');
        out.insert(0, digits);
        rest = quotient;
    }
    return out;
}

std::optional<uint256> parse_uint256(std::string_view text) {
    if (text.starts_with("0x") || text.starts_with("0X")) {
        text.remove_prefix(2);
        if (text.empty() || text.size() > 64) return std::nullopt;
        std::string even{text};
        if (even.size() % 2 != 0) even.insert(0, 1, '0');
        const auto bytes = from_hex(even);
        return bytes ? std::optional{from_big_endian(*bytes)} : std::nullopt;
    }
    if (text.empty() || text.size() > 78) return std::nullopt;
    uint256 out;
    for (const char c : text) {
        if (c < '0' || c > '9') return std::nullopt;
        const auto shifted = checked_mul(out, uint256{10});
        const auto next = shifted ? checked_add(*shifted, uint256{static_cast<std::uint64_t>(c - '0')}) : std::nullopt;
        if (!next) return std::nullopt;
        out = *next;
    }
    return out;
}

}  // namespace troupe
