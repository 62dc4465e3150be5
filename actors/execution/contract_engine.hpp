// The engine for contracts that are not the EVM's. One for the whole process: what it makes of a code is the same for
// every node, and can be used by all.
#pragma once

#include <memory>

#include "vm/evm/code_engine.hpp"

namespace troupe {

[[nodiscard]] std::shared_ptr<evm::CodeEngine> contract_engine();

}  // namespace troupe
