// What the verbs of `troupe` share: where the cluster is, how results are shown, exit codes.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <CLI/App.hpp>

#include "deploy/cluster/cluster.hpp"

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
    std::string name;  // --name: of a cluster, or a manifest that has it
    bool json = false;
    int exit_code = exit_ok;

    /// Where a cluster called `name` is made: --data, else $TROUPE_DATA, else ~/.troupe/NAME.
    [[nodiscard]] std::filesystem::path directory(const std::string& cluster = "troupe") const;
    /// The cluster that a verb is about: as `directory`, else the one that runs (deploy/cluster/registry.hpp).
    /// ErrorCode::invalid: several are meant.
    [[nodiscard]] Result<std::filesystem::path> locate() const;
    /// As `locate`; shows the error.
    [[nodiscard]] std::optional<std::filesystem::path> cluster_directory();
    /// Shows the error and sets the exit code.
    void fail(const Error& error);
    void fail(int code, const std::string& message);
    /// One line on stderr, if that is a terminal.
    void progress(const std::string& text) const;
};

/// --data, --name and --json.
void add_common(CLI::App& command, Context& context, bool with_data = true);

[[nodiscard]] std::string join(const std::vector<std::string>& list, const char* separator = " ");
[[nodiscard]] Cluster open_cluster(Context& context, const std::filesystem::path& directory);
/// Every node must exist; names the nearest otherwise.
[[nodiscard]] bool check_nodes(Context& context, const Cluster& cluster, const std::vector<std::string>& names);
/// The table, or JSON with `more` added to it. Sets the exit code: see the help of `status`.
void show_status(Context& context, const Cluster& cluster, const Json& more = Json::object());
/// {"ok", "faults": [...]}
[[nodiscard]] Json faults_to_json(const ManifestReport& report, const std::string& file);
/// Prints the nodes' logs until Ctrl-C, from now on.
void follow_logs(Context& context, const Cluster& cluster);

void add_up_command(CLI::App& app, Context& context);
void add_log_command(CLI::App& app, Context& context);
/// After add_manifest_commands: `export` is one of these.
void add_scale_commands(CLI::App& app, Context& context);
void add_agent_command(CLI::App& app, Context& context);
/// Under `keys`.
void add_authority_commands(CLI::App& keys, Context& context);
void add_manifest_commands(CLI::App& app, Context& context);
void add_cluster_commands(CLI::App& app, Context& context);
void add_key_commands(CLI::App& app, Context& context);
void add_transaction_commands(CLI::App& app, Context& context);
void add_demo_command(CLI::App& app, Context& context);
void add_vm_commands(CLI::App& app, Context& context);
void add_other_commands(CLI::App& app, Context& context);

/// Rows under headings, columns padded.
[[nodiscard]] std::string format_table(const std::vector<std::vector<std::string>>& rows);

}  // namespace troupe::cli
