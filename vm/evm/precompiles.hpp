// Precompiled contracts, in one table: address, since when, what they cost, what they do.
#pragma once

#include <optional>

#include "runtime/base/bytes.hpp"
#include "vm/evm/revision.hpp"

namespace troupe::evm {

struct Precompile {
    /// The last two bytes of its address; the others are zero.
    std::uint16_t address = 0;
    Revision since = Revision::Frontier;
    const char* name = nullptr;
    /// Nothing: more gas than there can be.
    std::optional<std::int64_t> (*gas)(ByteView input, Revision revision) = nullptr;
    /// Nothing: the call fails and takes all its gas.
    std::optional<Bytes> (*run)(ByteView input, Revision revision) = nullptr;
};

/// Null if there is none at that address in that revision.
[[nodiscard]] const Precompile* find_precompile(const Address& address, Revision revision) noexcept;

}  // namespace troupe::evm
