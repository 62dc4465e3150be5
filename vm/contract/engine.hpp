// Contracts in WebAssembly beside the EVM's: storing, calling and creating them. vm/contract/README.md specifies what a
// contract sees.
#pragma once

#include <memory>

#include "vm/engine/store.hpp"
#include "vm/evm/code_engine.hpp"

namespace troupe::contract {

struct EngineOptions {
    /// Null: everything is interpreted, with the same results and gas.
    std::shared_ptr<vm::Compiler> compiler;
    /// Of modules with their code and idle instances. One that is not used for long goes.
    std::size_t cache_bytes_max = std::size_t{256} << 20;
};

[[nodiscard]] std::shared_ptr<evm::CodeEngine> make_engine(EngineOptions options);

/// What a stored module may be.
[[nodiscard]] const vm::Profile& contract_profile();

}  // namespace troupe::contract
