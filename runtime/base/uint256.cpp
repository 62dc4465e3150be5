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

/// Knuth, TAOCP 4.3.1, algorithm D, on 64-bit digits: u (m digits) by v (n digits, n >= 1, top digit not zero).
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
    const auto high_part = [shift](std::uint64_t x) { return shift == 0 ? 0 : x >> (64 - shift); };
    for (int i = n - 1; i > 0; --i) vn[i] = v[i] << shift | high_part(v[i - 1]);
    vn[0] = v[0] << shift;
    un[m] = high_part(u[m - 1]);
    for (int i = m - 1; i > 0; --i) un[i] = u[i] << shift | high_part(u[i - 1]);
    un[0] = u[0] << shift;

    for (int j = m - n; j >= 0; --j) {
        uint128 qhat;
        uint128 rhat;
        if (un[j + n] >= vn[n - 1]) {
            qhat = ~std::uint64_t{0};
            rhat = (static_cast<uint128>(un[j + n]) << 64 | un[j + n - 1]) - qhat * vn[n - 1];
        } else {
            const auto digit = divide_2_by_1(un[j + n], un[j + n - 1], vn[n - 1]);
            qhat = digit.quotient;
            rhat = digit.remainder;
        }
        while ((rhat >> 64) == 0 && qhat * vn[n - 2] > (rhat << 64 | un[j + n - 2])) {
            --qhat;
            rhat += vn[n - 1];
        }
        std::uint64_t borrow = 0;
        std::uint64_t carry = 0;
        for (int i = 0; i < n; ++i) {
            const uint128 product = qhat * vn[i] + carry;
            carry = static_cast<std::uint64_t>(product >> 64);
            const uint128 difference = static_cast<uint128>(un[i + j]) - static_cast<std::uint64_t>(product) - borrow;
            un[i + j] = static_cast<std::uint64_t>(difference);
            borrow = static_cast<std::uint64_t>(difference >> 64) & 1;
        }
        const uint128 difference = static_cast<uint128>(un[j + n]) - carry - borrow;
        un[j + n] = static_cast<std::uint64_t>(difference);
        q[j] = static_cast<std::uint64_t>(qhat);
        if ((difference >> 64) != 0) {
            --q[j];
            std::uint64_t add_carry = 0;
            for (int i = 0; i < n; ++i) {
                const uint128 sum = static_cast<uint128>(un[i + j]) + vn[i] + add_carry;
                un[i + j] = static_cast<std::uint64_t>(sum);
                add_carry = static_cast<std::uint64_t>(sum >> 64);
            }
            un[j + n] += add_carry;
        }
    }
    for (int i = 0; i < n; ++i) r[i] = un[i] >> shift | (shift == 0 ? 0 : un[i + 1] << (64 - shift));
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
