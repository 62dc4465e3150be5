// genesis.json: the genesis as a file that people read, compare and edit before the cluster first starts.
#pragma once

#include <string>
#include <string_view>

#include "runtime/ledger/genesis.hpp"

namespace troupe {

/// Indented JSON of the reflected fields, ends with a newline. Reading it back gives an equal genesis, hence its hash.
[[nodiscard]] std::string genesis_to_json(const Genesis& genesis);
/// Strict: every field exactly once and none else, then `check_genesis`. Errors name line and column, or the field's
/// path.
[[nodiscard]] Result<Genesis> genesis_from_json(std::string_view text);

/// What every genesis must fulfil: 1 to limits::validators_max validators, at most limits::nodes_max nodes, names and
/// keys of nodes and addresses of accounts given once, a chain id, parameters that are not zero where that makes no
/// sense and fit each other.
[[nodiscard]] Status check_genesis(const Genesis& genesis);

/// The deterministic deployment proxy (github.com/Arachnid/deterministic-deployment-proxy) at its well-known address:
/// tools send it salt || init code to deploy by CREATE2 at the same address on every chain.
[[nodiscard]] GenesisAccount create2_deployer();

}  // namespace troupe
