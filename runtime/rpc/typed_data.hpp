// What a wallet signs beside transactions: EIP-191's messages, and EIP-712's typed structs as eth_signTypedData_v4
// takes them (nested structs, arrays, null for an absent struct).
#pragma once

#include "runtime/base/json.hpp"
#include "runtime/base/result.hpp"

namespace troupe {

/// Digest of personal_sign and eth_sign: keccak256("\x19Ethereum Signed Message:\n" + length + message).
[[nodiscard]] Hash256 personal_message_digest(ByteView message);

/// Digest of {types, primaryType, domain, message}: keccak256(0x1901 + hash of the domain + hash of the message).
/// Malformed: a type or member that is missing, a value that does not fit its type, types nested deeper than 64.
[[nodiscard]] Result<Hash256> typed_data_digest(const Json& data);

}  // namespace troupe
