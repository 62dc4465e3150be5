// The numbers of [chain], once: what the parser reads, the export writes and a comparison names.
#pragma once

#include <span>
#include <string_view>

#include "runtime/ledger/genesis.hpp"

namespace troupe::manifest_detail {

struct ChainNumber {
    std::string_view key;
    std::uint64_t least;
    std::uint64_t most;
    std::uint64_t (*get)(const ChainParameters&);
    void (*set)(ChainParameters&, std::uint64_t);
};

[[nodiscard]] std::span<const ChainNumber> chain_numbers() noexcept;

}  // namespace troupe::manifest_detail
