// What the table of precompiles is filled with: for each a price and a function, both pure. The prices follow the
// revision; the functions do where a rule changed what they compute. Inputs are read as if zeros followed them without
// end, except where the EIP asks for an exact length.
#pragma once

#include <optional>

#include "runtime/base/bytes.hpp"
#include "vm/evm/revision.hpp"

namespace troupe::evm::precompiles {

/// Nothing: more gas than there can be.
using Gas = std::optional<std::int64_t>;
/// Nothing: the call fails and takes all its gas.
using Output = std::optional<Bytes>;

/// `size` bytes from `offset`, zeros where the input has ended.
[[nodiscard]] Bytes slice(ByteView input, std::size_t offset, std::size_t size);

// Yellow paper, appendix E. ecrecover gives nothing, successfully, on a signature that is none.
Gas ecrecover_gas(ByteView input, Revision revision);
Output ecrecover(ByteView input, Revision revision);
Gas sha256_gas(ByteView input, Revision revision);
Output sha256(ByteView input, Revision revision);
Gas ripemd160_gas(ByteView input, Revision revision);
Output ripemd160(ByteView input, Revision revision);
Gas identity_gas(ByteView input, Revision revision);
Output identity(ByteView input, Revision revision);

// EIP-198; prices of EIP-2565 (Berlin) and EIP-7883 (Osaka), bounds of EIP-7823 (Osaka).
Gas modexp_gas(ByteView input, Revision revision);
Output modexp(ByteView input, Revision revision);

// EIP-196 and EIP-197; prices of EIP-1108 (Istanbul).
Gas bn254_add_gas(ByteView input, Revision revision);
Output bn254_add(ByteView input, Revision revision);
Gas bn254_mul_gas(ByteView input, Revision revision);
Output bn254_mul(ByteView input, Revision revision);
Gas bn254_pairing_gas(ByteView input, Revision revision);
Output bn254_pairing(ByteView input, Revision revision);

// EIP-152.
Gas blake2f_gas(ByteView input, Revision revision);
Output blake2f(ByteView input, Revision revision);

// EIP-7951. Gives nothing, successfully, on a signature that does not hold.
Gas p256_verify_gas(ByteView input, Revision revision);
Output p256_verify(ByteView input, Revision revision);

}  // namespace troupe::evm::precompiles
