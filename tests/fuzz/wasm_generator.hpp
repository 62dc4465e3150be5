// Random valid WebAssembly modules, for running one module on several engines and comparing all that can be seen.
//
// Imports: "env.host" of type (i64) -> (i64), and "env.g" twice, one mutable global of i64 under two indexes. Exports:
// the memory "m", each function as "f0", "f1", ..., each defined global as "g0", ..., each table as "t0", ....
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/base/bytes.hpp"

namespace troupe::fuzz {

/// Where the generator's choices come from: the bytes given, and when they are used up, a sequence seeded by them.
class Choices {
public:
    explicit Choices(std::span<const std::uint8_t> bytes) : bytes_(bytes) {
        for (auto byte : bytes) seed_ = (seed_ ^ byte) * 0x100000001B3;
    }
    [[nodiscard]] std::uint8_t byte() {
        if (at_ < bytes_.size()) return bytes_[at_++];
        seed_ += 0x9E3779B97F4A7C15;
        auto z = seed_;
        z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27U)) * 0x94D049BB133111EB;
        return static_cast<std::uint8_t>((z ^ (z >> 31U)) >> 24U);
    }
    /// Below n, which is at least 1.
    [[nodiscard]] std::uint32_t below(std::uint32_t n) {
        return n <= 256 ? byte() % n : (byte() | std::uint32_t{byte()} << 8U) % n;
    }
    [[nodiscard]] bool one_in(std::uint32_t n) { return below(n) == 0; }
    [[nodiscard]] std::uint64_t word() {
        std::uint64_t out = 0;
        for (int i = 0; i < 8; ++i) out = out << 8U | byte();
        return out;
    }

private:
    std::span<const std::uint8_t> bytes_;
    std::size_t at_ = 0;
    std::uint64_t seed_ = 0xCBF29CE484222325;
};

struct GeneratorOptions {
    bool simd = true;
    /// A NaN that arithmetic makes becomes the canonical one in the module's own code, and no function takes or gives a
    /// vector or a reference: for engines that choose their NaNs and are driven from JavaScript.
    bool portable = false;
};

[[nodiscard]] Bytes generate_module(Choices& choices, const GeneratorOptions& options = {});

}  // namespace troupe::fuzz
