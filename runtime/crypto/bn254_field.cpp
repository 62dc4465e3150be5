#include "runtime/crypto/bn254_field.hpp"

namespace troupe::bn254 {
namespace {

constexpr std::array<Fp2, 6> powers_of_gamma() noexcept {
    const Fp2 xi{Fp::from_uint64(9), Fp::one()};
    const auto gamma = xi.power(limb_arithmetic::divide_small(Fp::modulus, 6));
    std::array<Fp2, 6> out{Fp2::one()};
    for (std::size_t k = 1; k < out.size(); ++k) out[k] = out[k - 1] * gamma;
    return out;
}

}  // namespace

// Division by 6 rounds (p - 1) / 6 right, since p = 1 mod 6.
constinit const std::array<Fp2, 6> Tower::frobenius_coefficients = powers_of_gamma();

}  // namespace troupe::bn254
