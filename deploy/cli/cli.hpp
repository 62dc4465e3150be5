// What the verbs of `troupe` share: where the cluster is, how results are shown, exit codes.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include <CLI/App.hpp>

#include "runtime/base/json.hpp"

namespace troupe::cli {

enum ExitCode : int {
    exit_ok = 0,
    exit_failed = 1,
    exit_usage = 2,
    exit_not_found = 3,  // not running, no such node, key or cluster
    exit_unhealthy = 4,  // did not become healthy or answer in time
    exit_conflict = 5,   // port in use, another command at work, cluster exists
};

struct Context {
    std::string data;  // --data
    bool json = false;
    int exit_code = exit_ok;

    /// --data, else $TROUPE_DATA, else ~/.troupe/NAME.
    [[nodiscard]] std::filesystem::path directory(const std::string& name = "troupe") const;
    /// Shows the error and sets the exit code.
    void fail(const Error& error);
    void fail(int code, const std::string& message);
    /// One line on stderr, if that is a terminal.
    void progress(const std::string& text) const;
};

/// --data and --json.
void add_common(CLI::App& command, Context& context, bool with_data = true);

void add_manifest_commands(CLI::App& app, Context& context);
void add_cluster_commands(CLI::App& app, Context& context);
void add_key_commands(CLI::App& app, Context& context);
void add_transaction_commands(CLI::App& app, Context& context);
void add_demo_command(CLI::App& app, Context& context);
void add_vm_commands(CLI::App& app, Context& context);
void add_inspect_commands(CLI::App& app, Context& context);
void add_top_command(CLI::App& app, Context& context);
void add_trace_commands(CLI::App& app, Context& context);
void add_other_commands(CLI::App& app, Context& context);

/// Rows under headings, columns padded.
[[nodiscard]] std::string format_table(const std::vector<std::vector<std::string>>& rows);

}  // namespace troupe::cli
