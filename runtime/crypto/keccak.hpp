// Keccak-256 as Ethereum uses it: the original padding (0x01), not SHA-3's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "runtime/base/bytes.hpp"

namespace troupe {

[[nodiscard]] Hash256 keccak256(ByteView data) noexcept;

/// keccak256 of the empty string: the code hash of an account without code.
inline constexpr Hash256 keccak256_of_nothing{{0xc5, 0xd2, 0x46, 0x01, 0x86, 0xf7, 0x23, 0x3c, 0x92, 0x7e, 0x7d,
                                               0xb2, 0xdc, 0xc7, 0x03, 0xc0, 0xe5, 0x00, 0xb6, 0x53, 0xca, 0x82,
                                               0x27, 0x3b, 0x7b, 0xfa, 0xd8, 0x04, 0x5d, 0x85, 0xa4, 0x70}};

/// Hashes data that arrives in pieces. `finish` may be called once; then the hasher starts anew.
class Keccak256 {
public:
    Keccak256& update(ByteView data) noexcept;
    [[nodiscard]] Hash256 finish() noexcept;

private:
    static constexpr std::size_t rate_bytes = 136;

    std::array<std::uint64_t, 25> state_{};
    /// Bytes of the current block already mixed into the state.
    std::size_t filled_ = 0;
};

}  // namespace troupe
