#pragma once

#include "deploy/cli/cli.hpp"

namespace troupe::cli {
void add_sim_command(CLI::App& app, Context& context);
}
