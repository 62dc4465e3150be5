// Where a module ends inside init code: Ethereum's tools append the constructor's arguments without a mark.
#pragma once

#include <cstddef>

#include "runtime/base/bytes.hpp"

namespace troupe::contract {

/// A custom section of this name ends a module for certain, whatever follows.
inline constexpr std::string_view end_section_name = "troupe.end";

/// Bytes from the start of `code`, which begins like a module, to the first place where no section can begin: one whose
/// id is unknown or may not follow, or whose size is zero for a custom section, no valid number or too large. Arguments
/// of the Ethereum ABI whose first word is less than 2^240 begin with two zero bytes, which begin no section.
[[nodiscard]] std::size_t module_extent(ByteView code);

}  // namespace troupe::contract
