#include "vm/evm/precompiles.hpp"

#include <array>
#include <cstring>

#include "vm/evm/precompiles_bls.hpp"

namespace troupe::evm {
namespace {

using namespace precompiles;

constexpr std::array table{
    Precompile{0x01, Revision::Frontier, "ecrecover", ecrecover_gas, ecrecover},
    Precompile{0x02, Revision::Frontier, "sha256", sha256_gas, precompiles::sha256},
    Precompile{0x03, Revision::Frontier, "ripemd160", ripemd160_gas, ripemd160},
    Precompile{0x04, Revision::Frontier, "identity", identity_gas, identity},
    Precompile{0x05, Revision::Byzantium, "modexp", modexp_gas, modexp},
    Precompile{0x06, Revision::Byzantium, "bn254_add", bn254_add_gas, bn254_add},
    Precompile{0x07, Revision::Byzantium, "bn254_mul", bn254_mul_gas, bn254_mul},
    Precompile{0x08, Revision::Byzantium, "bn254_pairing", bn254_pairing_gas, bn254_pairing},
    Precompile{0x09, Revision::Istanbul, "blake2f", blake2f_gas, blake2f},
    Precompile{0x0a, Revision::Cancun, "kzg_point_evaluation", kzg_point_evaluation_gas, kzg_point_evaluation},
    Precompile{0x0b, Revision::Prague, "bls12_g1_add", bls12_g1_add_gas, bls12_g1_add},
    Precompile{0x0c, Revision::Prague, "bls12_g1_msm", bls12_g1_msm_gas, bls12_g1_msm},
    Precompile{0x0d, Revision::Prague, "bls12_g2_add", bls12_g2_add_gas, bls12_g2_add},
    Precompile{0x0e, Revision::Prague, "bls12_g2_msm", bls12_g2_msm_gas, bls12_g2_msm},
    Precompile{0x0f, Revision::Prague, "bls12_pairing", bls12_pairing_gas, bls12_pairing},
    Precompile{0x10, Revision::Prague, "bls12_map_fp_to_g1", bls12_map_fp_to_g1_gas, bls12_map_fp_to_g1},
    Precompile{0x11, Revision::Prague, "bls12_map_fp2_to_g2", bls12_map_fp2_to_g2_gas, bls12_map_fp2_to_g2},
    Precompile{0x100, Revision::Osaka, "p256_verify", p256_verify_gas, p256_verify},
};

}  // namespace

std::span<const Precompile> all_precompiles() noexcept { return table; }

const Precompile* find_precompile(const Address& address, Revision revision) noexcept {
    std::uint64_t high[2];
    std::memcpy(high, address.data(), sizeof high);
    if ((high[0] | high[1] | address[16] | address[17]) != 0) return nullptr;
    const auto number = static_cast<std::uint16_t>(address[18] << 8 | address[19]);
    // The first rows have the addresses 1, 2, 3...
    const auto* row = number == 0                      ? nullptr
                      : number < table.size()          ? &table[number - 1u]
                      : number == table.back().address ? &table.back()
                                                       : nullptr;
    return row != nullptr && revision >= row->since ? row : nullptr;
}

}  // namespace troupe::evm
