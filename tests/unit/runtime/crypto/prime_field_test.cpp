#include "runtime/crypto/prime_field.hpp"

#include <random>

#include <boost/multiprecision/cpp_int.hpp>
#include <doctest/doctest.h>

#include "runtime/crypto/bls12_381_field.hpp"

using namespace troupe;
using boost::multiprecision::cpp_int;

namespace {

struct Bn254FpParams {
    static constexpr std::array<std::uint64_t, 4> modulus{0x3c208c16d87cfd47ULL, 0x97816a916871ca8dULL,
                                                          0xb85045b68181585dULL, 0x30644e72e131a029ULL};
};
using Bn254Fp = PrimeField<Bn254FpParams>;
using bls12_381::Fp;
using bls12_381::Fr;

template <std::size_t N>
cpp_int integer(const std::array<std::uint64_t, N>& limbs) {
    cpp_int out = 0;
    for (std::size_t i = N; i-- > 0;) out = (out << 64) | limbs[i];
    return out;
}

/// Values at the edges of the field and of the limbs, and random ones; not all are below the modulus.
template <class Field>
std::vector<typename Field::Limbs> samples() {
    std::mt19937_64 random{7};
    std::vector<typename Field::Limbs> out;
    typename Field::Limbs value{};
    out.push_back(value);
    value[0] = 1;
    out.push_back(value);
    value = Field::modulus;
    value[0] -= 1;
    out.push_back(value);
    out.push_back(Field::modulus);
    value.fill(~std::uint64_t{0});
    out.push_back(value);
    for (int i = 0; i < 12; ++i) {
        for (auto& limb : value) limb = random() % 5 == 0 ? ~std::uint64_t{0} : random() % 5 == 0 ? 0 : random();
        out.push_back(value);
    }
    return out;
}

}  // namespace

TEST_CASE_TEMPLATE("a prime field agrees with Boost's integers on sums, products, inverses and roots", Field, Fp, Fr,
                   Bn254Fp) {
    const auto p = integer(Field::modulus);
    for (const auto& x : samples<Field>()) {
        const auto a = Field::from_limbs(x);
        const cpp_int ia = integer(x) % p;
        REQUIRE(integer(a.to_limbs()) == ia);
        CHECK(integer((-a).to_limbs()) == (p - ia) % p);
        CHECK(integer(a.doubled().to_limbs()) == 2 * ia % p);
        CHECK(integer(a.squared().to_limbs()) == ia * ia % p);
        CHECK(integer(a.inverse().to_limbs()) == powm(ia, cpp_int{p - 2}, p));
        CHECK(a.is_zero() == (ia == 0));
        CHECK(a.is_odd() == (ia % 2 == 1));
        CHECK(a.is_upper_half() == (ia > (p - 1) / 2));
        if constexpr (Field::modulus[0] % 4 == 3) {
            const auto root = a.squared().square_root();
            REQUIRE(root);
            CHECK((*root == a || *root == -a));
            if (ia != 0) CHECK_FALSE((-a.squared()).square_root());
        }
        for (const auto& y : samples<Field>()) {
            const auto b = Field::from_limbs(y);
            const cpp_int ib = integer(y) % p;
            CHECK(integer((a + b).to_limbs()) == (ia + ib) % p);
            CHECK(integer((a - b).to_limbs()) == (ia + p - ib) % p);
            CHECK(integer((a * b).to_limbs()) == ia * ib % p);
            CHECK(Field::reduce(Field::multiply_wide(a.montgomery(), b.montgomery())) == a * b);
            CHECK((a == b) == (ia == ib));
            CHECK(Field::select(true, a, b) == a);
            CHECK(Field::select(false, a, b) == b);
        }
    }
}

TEST_CASE_TEMPLATE("bytes of a field element are its big-endian value, and the modulus itself is refused", Field, Fp,
                   Fr, Bn254Fp) {
    for (const auto& x : samples<Field>()) {
        const auto a = Field::from_limbs(x);
        const auto bytes = a.to_bytes();
        CHECK(Field::from_bytes(bytes) == a);
        cpp_int value;
        import_bits(value, bytes.begin(), bytes.end());
        CHECK(value == integer(a.to_limbs()));
    }
    std::array<std::uint8_t, Field::size_bytes> bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i)
        bytes[bytes.size() - 1 - i] = static_cast<std::uint8_t>(Field::modulus[i / 8] >> (8 * (i % 8)));
    CHECK_FALSE(Field::from_bytes(bytes));
    CHECK(Field::from_bytes_reduced(bytes) == Field::zero());
}

TEST_CASE_TEMPLATE("bytes of any length are reduced modulo the prime", Field, Fp, Fr, Bn254Fp) {
    std::mt19937_64 random{11};
    for (std::size_t size = 0; size < 3 * Field::size_bytes; ++size) {
        Bytes bytes(size);
        for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
        cpp_int value = 0;
        if (size != 0) import_bits(value, bytes.begin(), bytes.end());
        CHECK(integer(Field::from_bytes_reduced(bytes).to_limbs()) == value % integer(Field::modulus));
    }
}
