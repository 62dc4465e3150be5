#include "runtime/crypto/kzg.hpp"

#include <algorithm>
#include <array>

#include <doctest/doctest.h>

using namespace troupe;

namespace {

template <std::size_t N>
std::array<std::uint8_t, N> array_of(const char* hex) {
    std::array<std::uint8_t, N> out;
    const auto bytes = *from_hex(hex);
    REQUIRE(bytes.size() == N);
    std::copy(bytes.begin(), bytes.end(), out.begin());
    return out;
}

}  // namespace

// go-ethereum's test of the point evaluation precompile.
TEST_CASE("a KZG proof holds for its commitment, point and value only") {
    const auto hash = array_of<32>("01e798154708fe7789429634053cbf9f99b619f9f084048927333fce637f549b");
    const auto z = array_of<32>("564c0a11a0f704f4fc3e8acfe0f8245f0ad1347b378fbf96e206da11a5d36306");
    const auto y = array_of<32>("24d25032e67a7e6a4910df5834b8fe70e6bcfeeac0352434196bdf4b2485d5a1");
    const auto commitment = array_of<48>(
        "8f59a8d2a1a625a17f3fea0fe5eb8c896db3764f3185481bc22f91b4aaffcca25f26936857bc3a7c2539ea8ec3a952b7");
    const auto proof = array_of<48>(
        "873033e038326e87ed3e1276fd140253fa08e9fc25fb2d9a98527fc22a2c9612fbeafdad446cbc7bcdbdcd780af2c16a");
    CHECK(kzg::versioned_hash(commitment).bytes == hash);
    CHECK(kzg::verify_proof(commitment, z, y, proof));

    auto other = y;
    other[31] ^= 1;
    CHECK_FALSE(kzg::verify_proof(commitment, z, other, proof));
    CHECK_FALSE(kzg::verify_proof(commitment, other, y, proof));
    CHECK_FALSE(kzg::verify_proof(proof, z, y, commitment));
    const auto infinity = array_of<48>(
        "c00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000");
    CHECK_FALSE(kzg::verify_proof(commitment, z, y, infinity));
    auto outside = commitment;
    outside[47] ^= 1;
    CHECK_FALSE(kzg::verify_proof(outside, z, y, proof));
    const auto order = array_of<32>("73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001");
    CHECK_FALSE(kzg::verify_proof(commitment, order, y, proof));
    CHECK_FALSE(kzg::verify_proof(commitment, z, order, proof));
}

TEST_CASE("the zero polynomial is zero everywhere") {
    const auto infinity = array_of<48>(
        "c00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000");
    const auto z = array_of<32>("00000000000000000000000000000000000000000000000000000000000000ff");
    const std::array<std::uint8_t, 32> zero{};
    CHECK(kzg::verify_proof(infinity, z, zero, infinity));
    CHECK_FALSE(kzg::verify_proof(infinity, z, z, infinity));
}
