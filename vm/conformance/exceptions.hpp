// The names that Ethereum's state tests have for refused transactions.
#pragma once

#include <string_view>

#include "vm/evm/transaction.hpp"

namespace troupe::conformance {

/// Whether `expected`, one name or several with `|` between them, is what a refusal for this reason is called. Rules
/// that a node may check in another order count as the same.
[[nodiscard]] bool is_expected(std::string_view expected, evm::Invalid reason) noexcept;

}  // namespace troupe::conformance
