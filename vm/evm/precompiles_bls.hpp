// The precompiles over BLS12-381: the point evaluation of EIP-4844 and the curve operations of EIP-2537. Prices do not
// depend on the revision.
#pragma once

#include "vm/evm/precompile_functions.hpp"

namespace troupe::evm::precompiles {

// EIP-4844.
Gas kzg_point_evaluation_gas(ByteView input, Revision revision);
Output kzg_point_evaluation(ByteView input, Revision revision);

// EIP-2537.
Gas bls12_g1_add_gas(ByteView input, Revision revision);
Output bls12_g1_add(ByteView input, Revision revision);
Gas bls12_g1_msm_gas(ByteView input, Revision revision);
Output bls12_g1_msm(ByteView input, Revision revision);
Gas bls12_g2_add_gas(ByteView input, Revision revision);
Output bls12_g2_add(ByteView input, Revision revision);
Gas bls12_g2_msm_gas(ByteView input, Revision revision);
Output bls12_g2_msm(ByteView input, Revision revision);
Gas bls12_pairing_gas(ByteView input, Revision revision);
Output bls12_pairing(ByteView input, Revision revision);
Gas bls12_map_fp_to_g1_gas(ByteView input, Revision revision);
Output bls12_map_fp_to_g1(ByteView input, Revision revision);
Gas bls12_map_fp2_to_g2_gas(ByteView input, Revision revision);
Output bls12_map_fp2_to_g2(ByteView input, Revision revision);

}  // namespace troupe::evm::precompiles
