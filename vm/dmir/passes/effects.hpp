// What operations read and write beside their operands, and which of them can't trap where they stand.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "vm/dmir/passes/optimize.hpp"

namespace troupe::dmir {

/// Parts of the state that an operation may read or write; memory_size stands apart from the bytes.
enum class Place : std::uint8_t { memory, memory_size, globals, tables };
inline constexpr std::size_t place_count = 4;
inline constexpr std::array<Place, place_count> all_places{Place::memory, Place::memory_size, Place::globals,
                                                           Place::tables};

[[nodiscard]] bool writes(Op op, Place place) noexcept;
/// The part whose state decides the result of an operation that writes nothing; nothing if its operands alone do.
[[nodiscard]] std::optional<Place> read_by(Op op) noexcept;
/// True if the same operands, and the same state of what it reads, give the same result or trap, and nothing else
/// happens.
[[nodiscard]] bool is_repeatable(Op op) noexcept;

/// Of a load or store: its natural alignment is its size.
[[nodiscard]] std::uint32_t access_bytes(Op op) noexcept;

/// Of each block and place: how many blocks before it write that place. A loop writes what its range of blocks does.
class WriteCounts {
public:
    explicit WriteCounts(const Function& function);
    [[nodiscard]] bool written_between(BlockIndex begin, BlockIndex end, Place place) const {
        const auto& counts = before_[static_cast<std::size_t>(place)];
        return counts[begin] != counts[end];
    }

private:
    std::array<std::vector<std::uint32_t>, place_count> before_;
};

}  // namespace troupe::dmir
