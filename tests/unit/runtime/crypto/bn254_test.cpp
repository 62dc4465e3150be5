#include "runtime/crypto/bn254.hpp"

#include <random>
#include <vector>

#include <doctest/doctest.h>

using namespace troupe;
using namespace troupe::bn254;

namespace {

constexpr G1 generator{bn254::Fp::one(), bn254::Fp::from_uint64(2), false};

/// EIP-197's generator of G2.
const Bytes encoded_g2 = *from_hex(
    "198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c21800deef121f1e76426a00665e5c4479674322d4f75edadd46"
    "debd5cd992f6ed090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b12c85ea5db8c6deb4aab71808dcb408fe3d1"
    "e7690c43d37b4ce6cc0166fa7daa");

[[nodiscard]] std::optional<G2> decode(const Bytes& bytes) {
    return decode_g2(std::span<const std::uint8_t, 128>{bytes.data(), 128});
}

[[nodiscard]] G2 multiply(const G2& point, std::uint64_t scalar) {
    JacobianPoint<G2Curve> sum;
    for (int bit = 63; bit >= 0; --bit) {
        sum = sum.doubled();
        if (scalar >> bit & 1) sum = sum + point;
    }
    return sum.to_affine();
}

[[nodiscard]] uint256 random_word(std::mt19937_64& random) { return {random(), random(), random(), random()}; }

[[nodiscard]] bn254::Fp12 power(const bn254::Fp12& base, const uint256& exponent) {
    auto out = bn254::Fp12::one();
    for (unsigned i = bit_length(exponent); i-- > 0;) {
        out = out.squared();
        if (((exponent >> i).low64() & 1) != 0) out *= base;
    }
    return out;
}

}  // namespace

TEST_CASE("multiples of a point are what adding it again and again gives") {
    G1 sum;
    for (std::uint64_t k = 0; k < 70; ++k) {
        CHECK(bn254::multiply(generator, uint256{k}) == sum);
        CHECK(sum.is_on_curve());
        sum = add(sum, generator);
    }
}

TEST_CASE("scalars count modulo the group's order") {
    CHECK(bn254::multiply(generator, r).infinity);
    CHECK(bn254::multiply(generator, r + uint256{5}) == bn254::multiply(generator, uint256{5}));
    CHECK(bn254::multiply(generator, r - uint256{1}) == -generator);
    CHECK(bn254::multiply(generator, ~uint256{}) == bn254::multiply(generator, ~uint256{} % r));
    CHECK(bn254::multiply(G1{}, uint256{5}).infinity);
}

TEST_CASE("multiplication distributes over sums of random scalars") {
    std::mt19937_64 random{1};
    for (int i = 0; i < 50; ++i) {
        const auto a = random_word(random);
        const auto b = random_word(random);
        const auto point = bn254::multiply(generator, random_word(random));
        CHECK(add(bn254::multiply(point, a), bn254::multiply(point, b)) == bn254::multiply(point, add_modulo(a, b, r)));
    }
}

TEST_CASE("adding a point to its negative and to infinity") {
    CHECK(add(generator, -generator).infinity);
    CHECK(add(generator, G1{}) == generator);
    CHECK(add(G1{}, generator) == generator);
    CHECK(add(G1{}, G1{}).infinity);
}

TEST_CASE("only points of the curve with coordinates below p decode") {
    std::array<std::uint8_t, 64> bytes{};
    CHECK(decode_g1(bytes)->infinity);
    bytes[31] = 1;
    CHECK_FALSE(decode_g1(bytes).has_value());
    bytes[63] = 2;
    CHECK(*decode_g1(bytes) == generator);
    CHECK(encode(generator) == bytes);
    CHECK(encode(G1{}) == std::array<std::uint8_t, 64>{});
    // 1 + p
    const auto p = *from_hex("30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd48");
    std::copy(p.begin(), p.end(), bytes.begin());
    CHECK_FALSE(decode_g1(bytes).has_value());
}

TEST_CASE("a point of the twist outside the subgroup does not decode") {
    CHECK(decode(encoded_g2).has_value());
    CHECK(decode(Bytes(128))->infinity);
    int outside = 0;
    for (std::uint64_t x = 1; outside < 5; ++x) {
        const bn254::Fp2 coordinate{bn254::Fp::from_uint64(x), bn254::Fp::from_uint64(7)};
        const auto y = (coordinate.squared() * coordinate + G2Curve::b).square_root();
        if (!y) continue;
        const G2 point{coordinate, *y, false};
        REQUIRE(point.is_on_curve());
        CHECK_FALSE(is_in_subgroup(point));
        ++outside;
    }
    const auto g2 = *decode(encoded_g2);
    CHECK(is_in_subgroup(multiply(g2, 0x123456789abcdef)));
    CHECK(is_in_subgroup(-g2));
}

TEST_CASE("the pairing is bilinear, not degenerate, and of order r") {
    const auto g2 = *decode(encoded_g2);
    const auto base = pairing_product(std::vector<PairingInput>{{generator, g2}});
    CHECK_FALSE(base.is_one());
    CHECK(power(base, r).is_one());
    std::mt19937_64 random{2};
    for (int i = 0; i < 5; ++i) {
        const auto a = random_word(random) % r;
        const auto b = random();
        const auto paired =
            pairing_product(std::vector<PairingInput>{{bn254::multiply(generator, a), multiply(g2, b)}});
        CHECK(paired == power(base, multiply_modulo(a, uint256{b}, r)));
    }
}

TEST_CASE("a product of pairings is one exactly if the exponents add up to zero") {
    const auto g2 = *decode(encoded_g2);
    const auto p = [](std::uint64_t k) { return bn254::multiply(generator, uint256{k}); };
    CHECK(pairing_product_is_one({}));
    CHECK(pairing_product_is_one(std::vector<PairingInput>{{G1{}, g2}, {generator, G2{}}}));
    std::vector<PairingInput> pairs{{p(3), multiply(g2, 5)}, {p(7), multiply(g2, 2)}, {-p(29), g2}};
    CHECK(pairing_product_is_one(pairs));
    pairs.push_back({generator, G2{}});
    CHECK(pairing_product_is_one(pairs));
    pairs[0].p = p(4);
    CHECK_FALSE(pairing_product_is_one(pairs));
}
