// troupe vm trace: a transaction executed again, step by step or call by call.
#pragma once

#include "deploy/cli/cli.hpp"

namespace troupe::cli {

/// Adds `trace` to the `vm` command.
void add_trace_command(CLI::App& vm, Context& context);

}  // namespace troupe::cli
