// How a cluster's actors are chosen, sorted and shown in a terminal; shared by inspect and top.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "deploy/inspect/collector.hpp"

namespace troupe::cli {

/// An actor with where it is.
struct ActorRow {
    std::string host;
    std::string node;
    ActorReport actor;
    [[nodiscard]] std::string id() const { return node + "/" + actor.name; }
};

struct RowFilter {
    std::string host;
    std::string node;
    std::string role;
    /// In the id or the state.
    std::string text;
    [[nodiscard]] bool admits(const ActorRow& row) const;
};

/// The filter's host, node and role are there; an error names what comes nearest.
[[nodiscard]] Status check_filter(const ClusterReport& cluster, const RowFilter& filter);

/// Names that `--sort` and top's `s` take: numbers sort the largest first.
[[nodiscard]] const std::vector<std::string>& sort_keys();
[[nodiscard]] std::vector<ActorRow> rows_of(const ClusterReport& cluster, const RowFilter& filter);
/// `key` is one of sort_keys().
void sort_rows(std::vector<ActorRow>& rows, const std::string& key, bool reverse);

/// What `inspect actors --json` prints.
[[nodiscard]] Json rows_json(const std::vector<ActorRow>& rows);
[[nodiscard]] std::string show_tree(const ClusterReport& cluster, const RowFilter& filter);
[[nodiscard]] std::string show_rows(const std::vector<ActorRow>& rows);
[[nodiscard]] std::string show_hosts(const ClusterReport& cluster);
[[nodiscard]] std::string show_links(const NodeReport& node);
/// An ActorDetail.
[[nodiscard]] std::string show_actor(const std::string& node, const Json& detail);

/// Columns padded to the same width as terminals count it; the first `left` columns are text, the others numbers.
[[nodiscard]] std::vector<std::string> columns(const std::vector<std::vector<std::string>>& rows, std::size_t left);
/// At most `width` columns wide.
[[nodiscard]] std::string clipped(const std::string& line, std::size_t width);
/// "3.2s", "4m10s", "2h03m", "5d"
[[nodiscard]] std::string duration_text(double seconds);
/// "12", "12.3k", "4.1M"
[[nodiscard]] std::string count_text(double count);
/// "12:03:04.125" in local time.
[[nodiscard]] std::string time_text(std::uint64_t unix_us);
/// Without control characters, so that what a node says can't drive the terminal.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace troupe::cli
