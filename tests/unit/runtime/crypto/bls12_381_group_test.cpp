#include "runtime/crypto/bls12_381_group.hpp"

#include <algorithm>
#include <random>

#include <doctest/doctest.h>

#include "runtime/crypto/bls12_381_encoding.hpp"
#include "runtime/crypto/bls12_381_msm.hpp"
#include "tests/unit/runtime/crypto/bls12_381_samples.hpp"

using namespace troupe;
using namespace troupe::bls12_381;

namespace {

/// Scalars whose digits are extreme, and random ones.
std::vector<Fr> scalars() {
    Samples samples{5};
    const auto x = Fr::from_uint64(x_abs);
    std::vector<Fr> out{Fr::zero(), Fr::one(), -Fr::one(), x, x * x, x * x * x, x - Fr::one(), -x, Fr::from_uint64(16)};
    for (int i = 0; i < 8; ++i) out.push_back(samples.scalar());
    return out;
}

template <class Point, class Affine>
void check_multiples(const Affine& base) {
    for (const auto& scalar : scalars()) {
        const auto expected = multiply_slowly(Point{base}, scalar.to_limbs());
        CHECK(multiply(base, scalar) == expected);
        CHECK(expected == multiply_secret(base, scalar));
        CHECK(expected.to_affine().is_on_curve());
    }
    CHECK(multiply(Affine{}, -Fr::one()).is_infinity());
    CHECK(multiply_secret(Affine{}, -Fr::one()).infinity);
}

template <class Point, class Affine, class MakePoint>
void check_sums(MakePoint make_point) {
    Samples samples{9};
    for (const std::size_t size : {0, 1, 2, 5, 9, 17, 40, 150}) {
        std::vector<Affine> points;
        std::vector<Fr> factors;
        Point expected;
        for (std::size_t i = 0; i < size; ++i) {
            points.push_back(i % 7 == 3 ? Affine{} : i % 5 == 4 ? points[i - 1] : make_point(samples));
            factors.push_back(i % 4 == 3 ? -factors[i - 1] : i % 11 == 2 ? Fr::zero() : samples.scalar());
            expected += multiply_slowly(Point{points[i]}, factors[i].to_limbs());
        }
        CHECK(multi_multiply(points, factors) == expected);
    }
}

}  // namespace

TEST_CASE("the generators are on their curves and of order r") {
    CHECK(g1_generator.is_on_curve());
    CHECK(g2_generator.is_on_curve());
    CHECK(multiply_slowly(G1{g1_generator}, Fr::modulus).is_infinity());
    CHECK(multiply_slowly(G2{g2_generator}, Fr::modulus).is_infinity());
}

TEST_CASE("points add up as a group does, exceptional cases included") {
    Samples samples{1};
    const G1 p{samples.g1()};
    const auto q = p.doubled() + G1{samples.g1()};
    CHECK(p + p == p.doubled());
    CHECK(p + p.to_affine() == p.doubled());
    CHECK((p + -p).is_infinity());
    CHECK((p + -p.to_affine()).is_infinity());
    CHECK(p + G1{} == p);
    CHECK(G1{} + p == p);
    CHECK(p + G1Affine{} == p);
    CHECK(G1{} + p.to_affine() == p);
    CHECK((p + q) + q == p + q.doubled());
    CHECK(p + q.to_affine() == q + p);
    CHECK(G1{}.doubled().is_infinity());
    CHECK_FALSE(p == q);
    CHECK_FALSE(p == G1{});
    const std::vector<G1> points{p, G1{}, q};
    CHECK(G1::to_affine(points) == std::vector<G1Affine>{p.to_affine(), G1Affine{}, q.to_affine()});
    using Complete = CompletePoint<G1Curve>;
    const auto cp = Complete::from(p.to_affine());
    CHECK((cp + cp).to_affine() == p.doubled().to_affine());
    CHECK((cp + Complete::from(-p.to_affine())).to_affine().infinity);
    CHECK((cp + Complete{}).to_affine() == p.to_affine());
    CHECK(Complete{}.doubled().to_affine().infinity);
}

TEST_CASE("a scalar is the value of its digits in base |x|") {
    for (const auto& scalar : scalars()) {
        const auto digits = digits_of_x_abs(scalar.to_limbs());
        auto sum = Fr::zero();
        for (std::size_t k = 4; k-- > 0;) {
            CHECK(digits[k] < x_abs);
            sum = sum * Fr::from_uint64(x_abs) + Fr::from_uint64(digits[k]);
        }
        CHECK(sum == scalar);
    }
}

TEST_CASE("multiples by endomorphism and by constant-time course are those bit by bit") {
    Samples samples{2};
    check_multiples<G1>(samples.g1());
    check_multiples<G2>(samples.g2());
}

TEST_CASE("sums of multiples, by digits or by buckets, are the sums of the multiples") {
    check_sums<G1, G1Affine>([](Samples& samples) { return samples.g1(); });
    check_sums<G2, G2Affine>([](Samples& samples) { return samples.g2(); });
}

TEST_CASE("the subgroup checks accept exactly the points of order r and infinity") {
    Samples samples{3};
    CHECK(is_in_subgroup(G1Affine{}));
    CHECK(is_in_subgroup(G2Affine{}));
    for (int i = 0; i < 10; ++i) {
        CHECK(is_in_subgroup(samples.g1()));
        CHECK(is_in_subgroup(samples.g2()));
        const auto p = samples.curve_point_1();
        const auto q = samples.curve_point_2();
        CHECK_FALSE(is_in_subgroup(p));
        CHECK_FALSE(is_in_subgroup(q));
        CHECK_FALSE(multiply_slowly(G1{p}, Fr::modulus).is_infinity());
        // A point of the cofactor's order.
        CHECK_FALSE(is_in_subgroup(multiply_slowly(G1{p}, Fr::modulus).to_affine()));
        CHECK_FALSE(is_in_subgroup(multiply_slowly(G2{q}, Fr::modulus).to_affine()));
        CHECK(multiply_slowly(clear_cofactor(G1{p}), Fr::modulus).is_infinity());
        CHECK(multiply_slowly(clear_cofactor(G2{q}), Fr::modulus).is_infinity());
    }
}

TEST_CASE("points come back from their bytes in both forms") {
    Samples samples{4};
    CHECK(to_hex(compress(g1_generator)) ==
          "97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb");
    CHECK(to_hex(compress(G1Affine{})) == "c0" + std::string(94, '0'));
    for (int i = 0; i < 8; ++i) {
        const auto p = i == 0 ? G1Affine{} : samples.curve_point_1();
        const auto q = i == 0 ? G2Affine{} : samples.curve_point_2();
        for (const auto& point : {p, -p}) {
            CHECK(*parse_g1(compress(point)) == point);
            CHECK(*parse_g1(serialize(point)) == point);
        }
        for (const auto& point : {q, -q}) {
            CHECK(*parse_g2(compress(point)) == point);
            CHECK(*parse_g2(serialize(point)) == point);
        }
    }
}

TEST_CASE("bytes that are not a point's canonical form are refused") {
    auto bytes = compress(g1_generator);
    const auto code = [](ByteView view) { return parse_g1(view).error().code; };
    CHECK(code({}) == ErrorCode::malformed);
    CHECK(code(ByteView{bytes}.first(47)) == ErrorCode::malformed);
    bytes[0] &= 0x7f;  // not compressed, but of compressed length
    CHECK(code(bytes) == ErrorCode::malformed);
    bytes[0] = 0xe0;  // infinity with a sign
    CHECK(code(bytes) == ErrorCode::malformed);
    bytes[0] = 0xc0;  // infinity with coordinates
    CHECK(code(bytes) == ErrorCode::malformed);
    bytes.fill(0xff);
    bytes[0] = 0x9f;  // above the modulus
    CHECK(code(bytes) == ErrorCode::malformed);
    bytes.fill(0);
    bytes[0] = 0x80;
    bytes[47] = 1;  // 1 + 4 is no square
    CHECK(code(bytes) == ErrorCode::invalid);
    auto both = serialize(g1_generator);
    both[95] ^= 1;
    CHECK(code(both) == ErrorCode::invalid);
    auto sign = serialize(g1_generator);
    sign[0] |= 0x20;
    CHECK(code(sign) == ErrorCode::malformed);
    auto twisted = serialize(g2_generator);
    twisted[191] ^= 1;
    CHECK(parse_g2(twisted).error().code == ErrorCode::invalid);
}

TEST_CASE("whatever bytes parse as a point are the very bytes of that point") {
    Samples samples{10};
    std::mt19937_64 random{10};
    std::size_t parsed = 0;
    const auto check = [&](Bytes bytes, auto parse, auto compressed_form, auto full_form) {
        for (auto changes = random() % 3; changes > 0; --changes) {
            // Flags, signs and padding sit in the first bytes of coordinates.
            const auto at = random() % 2 == 0 ? random() % 2 * (bytes.size() / 2) : random() % bytes.size();
            bytes[at] ^= static_cast<std::uint8_t>(1u << random() % 8);
        }
        const auto point = parse(bytes);
        if (!point) return;
        ++parsed;
        CHECK(point->is_on_curve());
        const auto short_form = compressed_form(*point);
        const auto long_form = full_form(*point);
        CHECK((std::ranges::equal(bytes, short_form) || std::ranges::equal(bytes, long_form)));
    };
    const auto short_1 = [](const G1Affine& p) { return compress(p); };
    const auto long_1 = [](const G1Affine& p) { return serialize(p); };
    const auto short_2 = [](const G2Affine& p) { return compress(p); };
    const auto long_2 = [](const G2Affine& p) { return serialize(p); };
    for (int i = 0; i < 300; ++i) {
        const auto p = i % 9 == 0 ? G1Affine{} : samples.g1();
        const auto q = i % 9 == 0 ? G2Affine{} : samples.g2();
        const auto bytes_of = [](const auto& form) { return Bytes{form.begin(), form.end()}; };
        check(bytes_of(compress(p)), parse_g1, short_1, long_1);
        check(bytes_of(serialize(p)), parse_g1, short_1, long_1);
        check(bytes_of(compress(q)), parse_g2, short_2, long_2);
        check(bytes_of(serialize(q)), parse_g2, short_2, long_2);
    }
    CHECK(parsed > 300);
    CHECK(parsed < 1100);
}
