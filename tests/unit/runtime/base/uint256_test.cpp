#include "runtime/base/uint256.hpp"

#include <random>

#include <boost/multiprecision/cpp_int.hpp>
#include <doctest/doctest.h>

using namespace troupe;

namespace {

using Wide = boost::multiprecision::cpp_int;

const Wide two_256 = Wide{1} << 256;

Wide wide(const uint256& x) {
    Wide out;
    for (int i = 3; i >= 0; --i) out = out << 64 | x.limb[i];
    return out;
}

uint256 narrow(Wide x) {
    x %= two_256;
    if (x < 0) x += two_256;
    uint256 out;
    for (auto& limb : out.limb) {
        limb = static_cast<std::uint64_t>(x & ~std::uint64_t{0});
        x >>= 64;
    }
    return out;
}

/// The value of the word read as two's complement.
Wide signed_wide(const uint256& x) { return is_negative(x) ? wide(x) - two_256 : wide(x); }

std::string text(const uint256& x) { return to_quantity(x); }

/// Words that tend to break carries, borrows, quotient digit estimates and sign handling, then random ones of every
/// length and with long runs of ones and zeros.
std::vector<uint256> operands() {
    constexpr std::uint64_t top = std::uint64_t{1} << 63;
    constexpr std::uint64_t ones = ~std::uint64_t{0};
    std::vector<uint256> out{{0, 0, 0, 0},
                             {0, 0, 0, 1},
                             {0, 0, 0, 2},
                             {0, 0, 0, ones},
                             {0, 0, 1, 0},
                             {0, 0, ones, ones},
                             {0, 1, 0, 0},
                             {0, top, 0, 0},
                             {0, top, ones, 0},
                             {1, 0, 0, 0},
                             {top, 0, 0, 0},
                             {top, 0, 0, 1},
                             {top - 1, ones, ones, ones},
                             {ones, ones, ones, ones - 1},
                             {ones, ones, ones, ones},
                             {ones, ones, 0, 0},
                             {0, ones, ones, 0},
                             {0, ones - 1, ones, ones},
                             {0, 0, top, 3}};
    std::mt19937_64 random{20261121};
    for (int i = 0; i < 60; ++i) {
        uint256 x{random(), random(), random(), random()};
        x = x >> (random() % 256);
        if (i % 3 == 1) x = x | (~uint256{} << (random() % 256));
        if (i % 3 == 2) x.limb[random() % 4] = (random() & 1) != 0 ? ones : 0;
        out.push_back(x);
    }
    return out;
}

/// Calls `check` for each pair; stops at the first pair for which it fails.
template <class Check>
void for_each_pair(Check&& check) {
    const auto words = operands();
    for (const auto& a : words)
        for (const auto& b : words) {
            CAPTURE(text(a));
            CAPTURE(text(b));
            REQUIRE(check(a, b));
        }
}

}  // namespace

TEST_CASE("sums, differences and products wrap as arithmetic modulo 2^256 does") {
    for_each_pair([](const auto& a, const auto& b) {
        return a + b == narrow(wide(a) + wide(b)) && a - b == narrow(wide(a) - wide(b)) &&
               a * b == narrow(wide(a) * wide(b)) && -a == narrow(-wide(a));
    });
}

TEST_CASE("quotient and remainder are those of the integers, and zero for a divisor of zero") {
    for_each_pair([](const auto& a, const auto& b) {
        if (b.is_zero()) return (a / b).is_zero() && (a % b).is_zero();
        return a / b == narrow(wide(a) / wide(b)) && a % b == narrow(wide(a) % wide(b));
    });
}

TEST_CASE("division survives quotient digits that are estimated too high") {
    // Dividends just below a multiple of the divisor make Knuth's algorithm correct its estimate (steps D3 and D6).
    std::mt19937_64 random{7};
    for (int i = 0; i < 20000; ++i) {
        uint256 divisor{random(), random(), random(), random()};
        divisor = divisor >> (random() % 192);
        if (i % 2 == 0) divisor = divisor | (uint256{~std::uint64_t{0}} << (random() % 192));
        const auto quotient = uint256{random(), random(), random(), random()} >> (random() % 256);
        const auto dividend = divisor * quotient - uint256{random() % 3};
        if (divisor.is_zero()) continue;
        CAPTURE(text(dividend));
        CAPTURE(text(divisor));
        REQUIRE(dividend / divisor == narrow(wide(dividend) / wide(divisor)));
        REQUIRE(dividend % divisor == narrow(wide(dividend) % wide(divisor)));
    }
}

TEST_CASE("signed division truncates towards zero and its remainder has the dividend's sign") {
    for_each_pair([](const auto& a, const auto& b) {
        if (b.is_zero()) return signed_divide(a, b).is_zero() && signed_remainder(a, b).is_zero();
        return signed_divide(a, b) == narrow(signed_wide(a) / signed_wide(b)) &&
               signed_remainder(a, b) == narrow(signed_wide(a) % signed_wide(b));
    });
    const uint256 least{std::uint64_t{1} << 63, 0, 0, 0};
    CHECK(signed_divide(least, ~uint256{}) == least);
}

TEST_CASE("order is that of the integers, unsigned and signed") {
    for_each_pair([](const auto& a, const auto& b) {
        return (a < b) == (wide(a) < wide(b)) && (a > b) == (wide(a) > wide(b)) && (a == b) == (wide(a) == wide(b)) &&
               (a <= b) == (wide(a) <= wide(b)) && signed_less(a, b) == (signed_wide(a) < signed_wide(b));
    });
}

TEST_CASE("shifts move by any count, and by 256 and more leave nothing but the sign") {
    for (const auto& a : operands()) {
        for (std::uint64_t bits = 0; bits <= 256; ++bits) {
            CAPTURE(text(a));
            CAPTURE(bits);
            REQUIRE((a << bits) == narrow(wide(a) << bits));
            REQUIRE((a >> bits) == narrow(wide(a) >> bits));
            // Boost's >> on a negative number rounds towards zero; an arithmetic shift rounds down.
            const Wide divisor = Wide{1} << bits;
            Wide down = signed_wide(a) / divisor;
            if (signed_wide(a) < 0 && down * divisor != signed_wide(a)) down -= 1;
            REQUIRE(arithmetic_shift_right(a, bits) == narrow(down));
        }
        const auto huge = ~std::uint64_t{0};
        CHECK((a << huge).is_zero());
        CHECK((a >> huge).is_zero());
        CHECK(arithmetic_shift_right(a, huge) == (is_negative(a) ? ~uint256{} : uint256{}));
    }
}

TEST_CASE("sign extension copies the named byte's top bit upwards") {
    for (const auto& a : operands())
        for (std::uint64_t byte = 0; byte < 40; ++byte) {
            CAPTURE(text(a));
            CAPTURE(byte);
            if (byte >= 31) {
                REQUIRE(sign_extend(a, byte) == a);
                continue;
            }
            const Wide modulus = Wide{1} << (8 * (byte + 1));
            Wide low = wide(a) % modulus;
            if (low >= modulus / 2) low -= modulus;
            REQUIRE(sign_extend(a, byte) == narrow(low));
        }
}

TEST_CASE("bytes count from the most significant") {
    for (const auto& a : operands())
        for (std::uint64_t i = 0; i < 34; ++i) REQUIRE(byte_at(a, i) == (i < 32 ? to_big_endian(a)[i] : 0));
    CHECK(byte_at(~uint256{}, ~std::uint64_t{0}) == 0);
}

TEST_CASE("modular sums and products keep all 512 bits, and are zero for a modulus of zero") {
    const auto words = operands();
    for (std::size_t i = 0; i < words.size(); ++i)
        for (std::size_t j = 0; j < words.size(); ++j)
            for (std::size_t k = (i + j) % 5; k < words.size(); k += 5) {
                const auto &a = words[i], &b = words[j], &m = words[k];
                CAPTURE(text(a));
                CAPTURE(text(b));
                CAPTURE(text(m));
                if (m.is_zero()) {
                    REQUIRE(add_modulo(a, b, m).is_zero());
                    REQUIRE(multiply_modulo(a, b, m).is_zero());
                    continue;
                }
                REQUIRE(add_modulo(a, b, m) == narrow((wide(a) + wide(b)) % wide(m)));
                REQUIRE(multiply_modulo(a, b, m) == narrow(wide(a) * wide(b) % wide(m)));
            }
}

TEST_CASE("powers wrap modulo 2^256, and nothing to the power of nothing is one") {
    const auto words = operands();
    for (const auto& a : words)
        for (std::size_t j = 0; j < words.size(); j += 3)
            REQUIRE(power(a, words[j]) == narrow(boost::multiprecision::powm(wide(a), wide(words[j]), two_256)));
    CHECK(power({}, {}) == uint256{1});
}

TEST_CASE("checked arithmetic gives nothing exactly where the true result does not fit") {
    for_each_pair([](const auto& a, const auto& b) {
        const auto right = [](const std::optional<uint256>& got, const Wide& want) {
            return got.has_value() == (want >= 0 && want < two_256) && (!got || wide(*got) == want);
        };
        return right(checked_add(a, b), wide(a) + wide(b)) && right(checked_sub(a, b), wide(a) - wide(b)) &&
               right(checked_mul(a, b), wide(a) * wide(b));
    });
}

TEST_CASE("text and bytes lead back to the same word") {
    for (const auto& a : operands()) {
        CAPTURE(text(a));
        REQUIRE(to_decimal(a) == wide(a).str());
        REQUIRE(parse_uint256(to_decimal(a)) == a);
        REQUIRE(parse_uint256(to_quantity(a)) == a);
        REQUIRE(from_big_endian(to_big_endian(a).view()) == a);
        REQUIRE(load_big_endian(to_big_endian(a).data()) == a);
        const auto minimal = to_minimal_big_endian(a);
        REQUIRE(from_big_endian(minimal) == a);
        REQUIRE((minimal.empty() || minimal[0] != 0));
        REQUIRE(bit_length(a) == (a.is_zero() ? 0 : boost::multiprecision::msb(wide(a)) + 1));
    }
    CHECK(to_quantity({}) == "0x0");
    CHECK(from_big_endian({}).is_zero());
}

TEST_CASE("text that is no 256-bit number is refused") {
    CHECK(parse_uint256("115792089237316195423570985008687907853269984665640564039457584007913129639935") ==
          ~uint256{});
    CHECK_FALSE(parse_uint256("115792089237316195423570985008687907853269984665640564039457584007913129639936"));
    CHECK_FALSE(parse_uint256("0x1" + std::string(64, '0')));
    for (const auto* bad : {"", "0x", "-1", "+1", " 1", "1 ", "1e3", "0xg", "12a"}) {
        CAPTURE(bad);
        CHECK_FALSE(parse_uint256(bad));
    }
}
