// Modules too large for one transaction: their bytes are stored in parts, each a code of its own, and a package lists
// the parts.
//
//   part:    "\0tpp", bytes of the module
//   package: "\0tpk", number of parts (2 bytes, big-endian, at least 1), their addresses
#pragma once

#include <optional>
#include <vector>

#include "vm/evm/host.hpp"

namespace troupe::contract {

struct Package {
    std::vector<Address> parts;
    /// Bytes of its code; what follows in init code are the constructor's arguments.
    std::size_t size = 0;
};

/// Nothing if `code` does not begin with a whole package.
[[nodiscard]] std::optional<Package> parse_package(ByteView code);

/// Names the module: the hash of its parts' code hashes, in their order.
[[nodiscard]] CodeHash package_key(evm::Host& host, const Package& package);
/// The parts' bytes, one after the other. Nothing if an address holds no part, or they are too long together.
[[nodiscard]] std::optional<Bytes> assemble(evm::Host& host, const Package& package);

}  // namespace troupe::contract
