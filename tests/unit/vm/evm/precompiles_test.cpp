#include "vm/evm/precompiles.hpp"

#include <random>

#include <boost/multiprecision/cpp_int.hpp>
#include <doctest/doctest.h>

#include "runtime/base/uint256.hpp"

using namespace troupe;
using namespace troupe::evm;

namespace {

using BigInteger = boost::multiprecision::cpp_int;

[[nodiscard]] Address address_of(std::uint16_t number) {
    Address out;
    out[18] = static_cast<std::uint8_t>(number >> 8);
    out[19] = static_cast<std::uint8_t>(number);
    return out;
}

[[nodiscard]] Bytes modexp_input(const Bytes& base, const Bytes& exponent, const Bytes& modulus) {
    Bytes out;
    for (const auto* part : {&base, &exponent, &modulus}) append(out, to_big_endian(uint256{part->size()}).view());
    for (const auto* part : {&base, &exponent, &modulus}) append(out, *part);
    return out;
}

[[nodiscard]] BigInteger to_integer(const Bytes& bytes) {
    BigInteger out;
    if (!bytes.empty()) boost::multiprecision::import_bits(out, bytes.begin(), bytes.end());
    return out;
}

}  // namespace

TEST_CASE("each revision has exactly the precompiles that its forks brought") {
    const auto count = [](Revision revision) {
        int found = 0;
        for (unsigned number = 0; number <= 0xffff; ++number)
            if (const auto* row = find_precompile(address_of(static_cast<std::uint16_t>(number)), revision)) {
                CHECK(row->address == number);
                ++found;
            }
        return found;
    };
    CHECK(count(Revision::Frontier) == 4);
    CHECK(count(Revision::SpuriousDragon) == 4);
    CHECK(count(Revision::Byzantium) == 8);
    CHECK(count(Revision::Petersburg) == 8);
    CHECK(count(Revision::Istanbul) == 9);
    CHECK(count(Revision::Shanghai) == 9);
    CHECK(count(Revision::Cancun) == 10);
    CHECK(count(Revision::Prague) == 17);
    CHECK(count(Revision::Osaka) == 18);
    auto high = address_of(1);
    high[0] = 1;
    CHECK(find_precompile(high, Revision::Osaka) == nullptr);
}

TEST_CASE("BN254's prices fell at Istanbul") {
    const auto price = [](std::uint16_t number, std::size_t size, Revision revision) {
        return find_precompile(address_of(number), revision)->gas(Bytes(size), revision);
    };
    CHECK(price(6, 128, Revision::Petersburg) == 500);
    CHECK(price(6, 128, Revision::Istanbul) == 150);
    CHECK(price(7, 96, Revision::Petersburg) == 40'000);
    CHECK(price(7, 96, Revision::Istanbul) == 6'000);
    CHECK(price(8, 384, Revision::Petersburg) == 260'000);
    CHECK(price(8, 384, Revision::Istanbul) == 113'000);
}

TEST_CASE("modexp agrees with Boost on moduli of every kind") {
    std::mt19937_64 random{1};
    const auto bytes = [&](std::size_t size) {
        Bytes out(size);
        for (auto& byte : out) byte = static_cast<std::uint8_t>(random());
        return out;
    };
    for (int round = 0; round < 400; ++round) {
        const auto base = bytes(random() % 40);
        const auto exponent = bytes(random() % 12);
        auto modulus = bytes(random() % 40);
        if (!modulus.empty()) {
            // Odd, even, or with many factors of two.
            if (round % 4 == 0) modulus.back() |= 1;
            for (std::size_t i = modulus.size() - random() % modulus.size(); round % 4 >= 2 && i < modulus.size(); ++i)
                modulus[i] = 0;
        }
        const auto output = precompiles::modexp(modexp_input(base, exponent, modulus), Revision::Osaka);
        REQUIRE(output.has_value());
        REQUIRE(output->size() == modulus.size());
        const auto m = to_integer(modulus);
        // 0^0 is 1.
        const BigInteger expected = m == 0 ? BigInteger{0}
                                    : to_integer(exponent) == 0
                                        ? BigInteger{1 % m}
                                        : BigInteger{powm(to_integer(base), to_integer(exponent), m)};
        CHECK(to_integer(*output) == expected);
    }
}

TEST_CASE("modexp refuses numbers of more than 1024 bytes from Osaka on") {
    const auto input = modexp_input(Bytes(1025, 1), Bytes(1, 1), Bytes(1, 3));
    CHECK(precompiles::modexp_gas(input, Revision::Prague).has_value());
    CHECK_FALSE(precompiles::modexp_gas(input, Revision::Osaka).has_value());
    CHECK(precompiles::modexp_gas(modexp_input(Bytes(1024, 1), Bytes(1, 1), Bytes(1, 3)), Revision::Osaka) == 32768);
}

TEST_CASE("modexp's price is never less than zero nor wraps, whatever lengths are claimed") {
    std::mt19937_64 random{2};
    for (const auto revision : {Revision::Byzantium, Revision::Berlin, Revision::Osaka})
        for (int round = 0; round < 3000; ++round) {
            Bytes input(96 + random() % 40, static_cast<std::uint8_t>(random()));
            for (std::size_t field = 0; field < 3; ++field) {
                const auto length = uint256{random()} << random() % 256 >> random() % 256;
                const auto bytes = to_big_endian(length);
                std::copy(bytes.begin(), bytes.end(), input.begin() + static_cast<std::ptrdiff_t>(32 * field));
            }
            const auto gas = precompiles::modexp_gas(input, revision);
            CHECK((!gas || *gas >= 0));
            if (gas && *gas < 1'000'000) CHECK(precompiles::modexp(input, revision).has_value());
        }
}

TEST_CASE("P256VERIFY gives nothing for inputs that are not 160 bytes or hold no point") {
    CHECK(precompiles::p256_verify(Bytes(160), Revision::Osaka) == Bytes{});
    CHECK(precompiles::p256_verify(Bytes(159), Revision::Osaka) == Bytes{});
    CHECK(precompiles::p256_verify(Bytes(161), Revision::Osaka) == Bytes{});
    CHECK(precompiles::p256_verify_gas({}, Revision::Osaka) == 6900);
}

TEST_CASE("blake2f fails on inputs of another length or with another final flag") {
    Bytes input(213);
    input[3] = 12;
    CHECK(precompiles::blake2f_gas(input, Revision::Istanbul) == 12);
    CHECK(precompiles::blake2f(input, Revision::Istanbul).has_value());
    input[212] = 2;
    CHECK_FALSE(precompiles::blake2f(input, Revision::Istanbul).has_value());
    CHECK_FALSE(precompiles::blake2f(Bytes(212), Revision::Istanbul).has_value());
}
