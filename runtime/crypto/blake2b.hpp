// The compression function F of BLAKE2b (RFC 7693, section 3.2) with any number of rounds, as EIP-152 asks for it.
#pragma once

#include <array>
#include <cstdint>

namespace troupe {

/// `h` is the chaining value, changed in place; `m` the message block, `t` the offset counter.
void blake2b_compress(std::uint32_t rounds, std::array<std::uint64_t, 8>& h, const std::array<std::uint64_t, 16>& m,
                      const std::array<std::uint64_t, 2>& t, bool is_last) noexcept;

}  // namespace troupe
