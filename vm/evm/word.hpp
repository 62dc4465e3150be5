// Between words of the stack and addresses.
#pragma once

#include <cstring>

#include "runtime/base/uint256.hpp"

namespace troupe::evm {

/// The lowest 20 bytes.
[[nodiscard]] inline Address to_address(const uint256& word) noexcept {
    std::uint8_t bytes[32];
    store_big_endian(bytes, word);
    Address out;
    std::memcpy(out.data(), bytes + 12, 20);
    return out;
}
[[nodiscard]] inline uint256 to_word(const Address& address) noexcept {
    std::uint8_t bytes[32] = {};
    std::memcpy(bytes + 12, address.data(), 20);
    return load_big_endian(bytes);
}
[[nodiscard]] inline uint256 to_word(const Hash256& hash) noexcept { return load_big_endian(hash.data()); }

}  // namespace troupe::evm
