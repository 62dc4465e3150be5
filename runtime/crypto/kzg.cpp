#include "runtime/crypto/kzg.hpp"

#include <array>

#include "runtime/base/result.hpp"
#include "runtime/crypto/bls12_381_encoding.hpp"
#include "runtime/crypto/bls12_381_msm.hpp"
#include "runtime/crypto/bls12_381_pairing.hpp"
#include "runtime/crypto/sha256.hpp"

namespace troupe::kzg {
namespace {

using namespace bls12_381;

/// tau g2 (g2_monomial[1] of the ceremony's trusted_setup_4096.json).
constexpr std::string_view tau_g2 =
    "b5bfd7dd8cdeb128843bc287230af38926187075cbfbefa81009a2ce615ac53d2914e5870cb452d2afaaab24f3499f72"
    "185cbfee53492714734429b7b38608e23926c911cceceac9a36851477ba4c60b087041de621000edc98edada20c1def2";

const G2Affine& tau_times_generator() {
    static const G2Affine point = *parse_g2(*from_hex(tau_g2));
    return point;
}

}  // namespace

Hash256 versioned_hash(std::span<const std::uint8_t, 48> commitment) noexcept {
    auto out = sha256(commitment);
    out.bytes[0] = 1;
    return out;
}

// e(C - y g1, g2) = e(proof, (tau - z) g2), rewritten so that the points of G2 are constants:
// e(y g1 - z proof - C, g2) * e(proof, tau g2) = 1.
bool verify_proof(std::span<const std::uint8_t, 48> commitment, std::span<const std::uint8_t, 32> z,
                  std::span<const std::uint8_t, 32> y, std::span<const std::uint8_t, 48> proof) {
    const auto z_scalar = Fr::from_bytes(z);
    const auto y_scalar = Fr::from_bytes(y);
    const auto committed = parse_g1(commitment);
    const auto witness = parse_g1(proof);
    if (!z_scalar || !y_scalar || !committed || !witness) return false;
    if (!is_in_subgroup(*committed) || !is_in_subgroup(*witness)) return false;
    const std::array points{g1_generator, -*witness};
    const std::array scalars{*y_scalar, *z_scalar};
    const auto left = multi_multiply(points, scalars) + -*committed;
    return pairing_product_is_one(
        std::array{PairingInput{left.to_affine(), g2_generator}, PairingInput{*witness, tau_times_generator()}});
}

}  // namespace troupe::kzg
