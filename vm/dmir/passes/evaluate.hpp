// The value of a scalar operation on constants.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "vm/dmir/opcodes.hpp"

namespace troupe::dmir {

/// Bits of the result, upper half zero for 32-bit types. Nothing if the operation is none of plain scalar arithmetic,
/// or would trap.
[[nodiscard]] std::optional<std::uint64_t> evaluate(Op op, std::uint64_t a, std::uint64_t b) noexcept;

}  // namespace troupe::dmir
