// The fields of the pairing-friendly curve BN254, Ethereum's alt_bn128 (EIP-196, EIP-197): of its coordinates (p, 254
// bits), and the tower of extensions.
#pragma once

#include <array>
#include <cstdint>

#include "runtime/crypto/prime_field.hpp"
#include "runtime/crypto/tower.hpp"

namespace troupe::bn254 {

/// The curve's parameter: p = 36 u^4 + 36 u^3 + 24 u^2 + 6 u + 1, r = 36 u^4 + 36 u^3 + 18 u^2 + 6 u + 1.
inline constexpr std::uint64_t u = 0x44e992b44a6909f1ULL;

struct FpParams {
    static constexpr std::array<std::uint64_t, 4> modulus{0x3c208c16d87cfd47ULL, 0x97816a916871ca8dULL,
                                                          0xb85045b68181585dULL, 0x30644e72e131a029ULL};
};
using Fp = PrimeField<FpParams>;
using Fp2 = troupe::Fp2<Fp>;

/// Order of the groups.
inline constexpr uint256 r{0x30644e72e131a029ULL, 0xb85045b68181585dULL, 0x2833e84879b97091ULL, 0x43e1f593f0000001ULL};

struct Tower {
    using Field = Fp;
    /// Times 9 + i.
    static constexpr Fp2 multiply_by_nonresidue(const Fp2& a) noexcept {
        const auto nine = a.doubled().doubled().doubled() + a;
        return {nine.c0 - a.c1, nine.c1 + a.c0};
    }
    static const std::array<Fp2, 6> frobenius_coefficients;
};
using Fp6 = troupe::Fp6<Tower>;
using Fp12 = troupe::Fp12<Tower>;

}  // namespace troupe::bn254
