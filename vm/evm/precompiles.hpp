// Precompiled contracts, in one table: address, since when, what they cost, what they do.
#pragma once

#include <span>

#include "vm/evm/precompile_functions.hpp"

namespace troupe::evm {

struct Precompile {
    /// The last two bytes of its address; the others are zero.
    std::uint16_t address = 0;
    Revision since = Revision::Frontier;
    const char* name = nullptr;
    precompiles::Gas (*gas)(ByteView input, Revision revision) = nullptr;
    precompiles::Output (*run)(ByteView input, Revision revision) = nullptr;
};

/// All of all revisions, ascending by address.
[[nodiscard]] std::span<const Precompile> all_precompiles() noexcept;

/// Null if there is none at that address in that revision.
[[nodiscard]] const Precompile* find_precompile(const Address& address, Revision revision) noexcept;

}  // namespace troupe::evm
