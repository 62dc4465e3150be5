// The operating system's randomness: for keys and nonces only, never for anything that is agreed or simulated.
#pragma once

#include <cstdint>
#include <span>

namespace troupe {

/// Fills all of `out` from getrandom(2); stops the process where the kernel can't give randomness.
void fill_random(std::span<std::uint8_t> out) noexcept;

/// Overwrites memory that held a secret, in a way the compiler does not remove.
void wipe(std::span<std::uint8_t> memory) noexcept;

}  // namespace troupe
