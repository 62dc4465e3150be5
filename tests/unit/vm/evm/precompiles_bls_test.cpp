#include "vm/evm/precompiles_bls.hpp"

#include <doctest/doctest.h>

using namespace troupe;
using namespace troupe::evm;
using namespace troupe::evm::precompiles;

namespace {

constexpr auto prague = Revision::Prague;

const std::string zeros(32, '0');
/// The generators in EIP-2537's encoding.
const std::string g1 =
    zeros + "17f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb" + zeros +
    "08b3f481e3aaa0f1a09e30ed741d8ae4fcf5e095d5d00af600db18cb2c04b3edd03cc744a2888ae40caa232946c5e7e1";
const std::string g1_negated =
    zeros + "17f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb" + zeros +
    "114d1d6855d545a8aa7d76c8cf2e21f267816aef1db507c96655b9d5caac42364e6f38ba0ecb751bad54dcd6b939c2ca";
const std::string g2 =
    zeros + "024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8" + zeros +
    "13e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e" + zeros +
    "0ce5d527727d6e118cc9cdc6da2e351aadfd9baa8cbdd3a76d429a695160d12c923ac9cc3baca289e193548608b82801" + zeros +
    "0606c4a02ea734cc32acd2b02bc28b99cb3e287e85a763af267492ab572e99ab3f370d275cec1da1aaa9075ff05f79be";
const std::string infinity_1(256, '0');
const std::string infinity_2(512, '0');

Bytes bytes(const std::string& hex) { return *from_hex(hex); }

}  // namespace

TEST_CASE("additions take infinity and opposite points, and refuse other lengths") {
    CHECK(bls12_g1_add(bytes(g1 + infinity_1), prague) == bytes(g1));
    CHECK(bls12_g1_add(bytes(g1 + g1_negated), prague) == bytes(infinity_1));
    CHECK(bls12_g2_add(bytes(infinity_2 + g2), prague) == bytes(g2));
    CHECK_FALSE(bls12_g1_add(bytes(g1), prague));
    CHECK_FALSE(bls12_g1_add({}, prague));
    CHECK_FALSE(bls12_g2_add(bytes(g2 + g2 + "00"), prague));
    auto padded = bytes(g1 + g1);
    padded[0] = 1;  // padding must be zero
    CHECK_FALSE(bls12_g1_add(padded, prague));
}

TEST_CASE("sums of multiples reduce the scalar and are priced with the discount") {
    const std::string order = "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001";
    const std::string order_and_one = "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000002";
    CHECK(bls12_g1_msm(bytes(g1 + order), prague) == bytes(infinity_1));
    CHECK(bls12_g1_msm(bytes(g1 + order_and_one), prague) == bytes(g1));
    CHECK(bls12_g2_msm(bytes(g2 + order_and_one + infinity_2 + order), prague) == bytes(g2));
    CHECK(bls12_g1_msm_gas(Bytes(160), prague) == 12000);
    CHECK(bls12_g1_msm_gas(Bytes(320), prague) == 2 * 12000 * 949 / 1000);
    CHECK(bls12_g2_msm_gas(Bytes(288 * 500), prague) == 500 * 22500 / 1000 * 524);
    CHECK_FALSE(bls12_g1_msm({}, prague));
    CHECK_FALSE(bls12_g1_msm(Bytes(161), prague));
}

TEST_CASE("the pairing check says whether the product is one") {
    CHECK(bls12_pairing(bytes(g1 + g2 + g1_negated + g2), prague)->back() == 1);
    CHECK(bls12_pairing(bytes(g1 + g2), prague)->back() == 0);
    CHECK(bls12_pairing(bytes(g1 + infinity_2), prague)->back() == 1);
    CHECK(bls12_pairing_gas(Bytes(768), prague) == 37700 + 2 * 32600);
    CHECK_FALSE(bls12_pairing({}, prague));
}

TEST_CASE("the point evaluation accepts a constant polynomial's proof and nothing near it") {
    // The commitment of the polynomial 1 is the generator, and the quotient is zero: its proof is infinity.
    const std::string hash = "01" + std::string(62, '0');
    const std::string z(64, '1');
    const std::string one = std::string(63, '0') + "1";
    const std::string commitment =
        "97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb";
    const std::string proof = "c0" + std::string(94, '0');
    auto input = bytes(hash + z + one + commitment + proof);
    const auto digest = precompiles::sha256(bytes(commitment), prague);
    std::copy(digest->begin() + 1, digest->end(), input.begin() + 1);
    const auto output = kzg_point_evaluation(input, prague);
    REQUIRE(output);
    CHECK(to_hex(*output) ==
          std::string(60, '0') + "1000" + "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001");
    auto wrong_value = input;
    wrong_value[95] = 2;
    CHECK_FALSE(kzg_point_evaluation(wrong_value, prague));
    auto wrong_hash = input;
    wrong_hash[5] ^= 1;
    CHECK_FALSE(kzg_point_evaluation(wrong_hash, prague));
    auto large_scalar = input;
    large_scalar[32] = 0xff;
    CHECK_FALSE(kzg_point_evaluation(large_scalar, prague));
    CHECK_FALSE(kzg_point_evaluation(ByteView{input}.first(191), prague));
}
