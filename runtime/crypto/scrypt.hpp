// scrypt (RFC 7914). Written out because OpenSSL refuses n >= 2^(16 r), which the Web3 Secret Storage definition's own
// example has (n = 2^18, r = 1).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "runtime/base/bytes.hpp"

namespace troupe {

/// Fills `out` from the password. n is a power of two above 1; the caller bounds the memory of 128 * n * r bytes and
/// the time. False if the memory can't be had.
[[nodiscard]] bool scrypt(std::string_view password, ByteView salt, std::uint64_t n, std::uint32_t r, std::uint32_t p,
                          std::span<std::uint8_t> out) noexcept;

}  // namespace troupe
