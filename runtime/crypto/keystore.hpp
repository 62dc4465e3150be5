// Secret keys in files, encrypted with a password: Web3 Secret Storage, version 3, as geth, cast and ethers write it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/base/result.hpp"
#include "runtime/crypto/secp256k1.hpp"

namespace troupe {

/// scrypt's cost: 128 * n * r bytes of memory, time proportional to n * r * p.
struct KeystoreCost {
    /// A power of two above 1.
    std::uint64_t n = 1 << 18;
    std::uint32_t r = 8;
    std::uint32_t p = 1;
};
/// What geth calls "light": some ten milliseconds and 4 MiB. For tests and development keys.
inline constexpr KeystoreCost keystore_cost_light{1 << 12, 8, 6};

/// JSON text (AES-128-CTR, scrypt, keccak MAC, address). An error only if the cost is out of range.
[[nodiscard]] Result<std::string> encrypt_keystore(const Secp256k1SecretKey& key, std::string_view password,
                                                   const KeystoreCost& cost = {});

/// Reads scrypt and PBKDF2-HMAC-SHA256. `unauthorized` on a wrong password; `too_large` where the file asks for more
/// than 1 GiB of memory or more work than 16 times geth's standard; `malformed` or `unsupported` otherwise, naming the
/// field.
[[nodiscard]] Result<Secp256k1SecretKey> decrypt_keystore(std::string_view json, std::string_view password);

}  // namespace troupe
