#pragma once

#include "deploy/cli/cli.hpp"

namespace troupe::cli {

/// Adds run, inspect and spectest to the verb `vm`, which must be there.
void add_wasm_commands(CLI::App& app, Context& context);

}  // namespace troupe::cli
