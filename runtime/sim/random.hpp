// The simulator's randomness: one small generator, the same numbers on every machine (std's distributions differ).
#pragma once

#include <cstdint>

namespace troupe::sim {

__extension__ typedef unsigned __int128 Wide;

/// splitmix64 (Steele, Lea, Flood 2014).
class Random {
public:
    explicit Random(std::uint64_t seed) noexcept : state_(seed) {}

    std::uint64_t next() noexcept {
        std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
        return z ^ (z >> 31);
    }
    /// Uniform in [0, bound); 0 for a bound of 0.
    std::uint64_t below(std::uint64_t bound) noexcept {
        return bound == 0 ? 0 : static_cast<std::uint64_t>((static_cast<Wide>(next()) * bound) >> 64);
    }
    std::uint64_t between(std::uint64_t low, std::uint64_t high) noexcept { return low + below(high - low + 1); }
    /// True `permille` times in a thousand.
    bool chance(std::uint32_t permille) noexcept { return below(1000) < permille; }

private:
    std::uint64_t state_;
};

}  // namespace troupe::sim
