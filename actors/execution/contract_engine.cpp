#include "actors/execution/contract_engine.hpp"

#include "jit/opt/opt.hpp"
#include "vm/contract/engine.hpp"

namespace troupe {

std::shared_ptr<evm::CodeEngine> contract_engine() {
    static const auto engine = contract::make_engine({.compiler = jit::make_adaptive_compiler()});
    return engine;
}

}  // namespace troupe
