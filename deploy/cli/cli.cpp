#include "deploy/cli/cli.hpp"

#include <algorithm>
#include <cstdlib>
#include <iostream>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <unistd.h>

#include "deploy/cluster/registry.hpp"
#include "deploy/manifest/hint.hpp"

namespace troupe::cli {

std::filesystem::path Context::directory(const std::string& cluster) const {
    if (!data.empty()) return std::filesystem::absolute(data);
    if (const char* given = std::getenv("TROUPE_DATA"); given != nullptr && *given != '\0')
        return std::filesystem::absolute(given);
    return troupe_home() / cluster;
}

Result<std::filesystem::path> Context::locate() const {
    const char* given = std::getenv("TROUPE_DATA");
    if (!data.empty() || (name.empty() && given != nullptr && *given != '\0')) return directory();
    auto wanted = name;
    if (wanted.ends_with(".toml")) {
        const auto text = read_text_file(wanted, 1 << 20);
        if (!text) return text.error();
        wanted = parse_manifest(*text, wanted).manifest.name;
    }
    const auto found = choose_cluster(troupe_home(), wanted);
    if (!found) return found.error();
    if (!found->empty()) return found->front().directory;
    if (wanted.empty()) return directory();
    std::vector<std::string> known;
    for (const auto& cluster : known_clusters(troupe_home())) known.push_back(cluster.name);
    return make_error(ErrorCode::not_found,
                      "no cluster called " + wanted + (known.empty() ? "" : "; there are: " + join(known, ", ")));
}

std::optional<std::filesystem::path> Context::cluster_directory() {
    auto found = locate();
    if (!found) return fail(found.error()), std::nullopt;
    return *found;
}

void Context::fail(int code, const std::string& message) {
    exit_code = code;
    if (json)
        std::cout << Json{{"error", message}}.dump(2) << "\n";
    else
        std::cerr << "troupe: " << message << "\n";
}

void Context::fail(const Error& error) {
    int code = exit_failed;
    switch (error.code) {
        case ErrorCode::not_found: code = exit_not_found; break;
        case ErrorCode::unavailable: code = exit_unhealthy; break;
        case ErrorCode::already_exists: code = exit_conflict; break;
        case ErrorCode::invalid:
        case ErrorCode::malformed: code = exit_usage; break;
        default: break;
    }
    fail(code, error.message);
}

void Context::progress(const std::string& text) const {
    if (::isatty(STDERR_FILENO)) std::cerr << "  " << text << "\n";
}

void add_common(CLI::App& command, Context& context, bool with_data) {
    if (with_data) {
        command.add_option("--data", context.data, "The cluster's directory (default: $TROUPE_DATA, else see --name)");
        command.add_option(
            "--name", context.name,
            "The cluster's name, or its manifest (default: the only cluster that runs; new ones are made "
            "in ~/.troupe/NAME)");
    }
    command.add_flag("--json", context.json, "Print JSON");
}

std::string join(const std::vector<std::string>& list, const char* separator) {
    std::string out;
    for (const auto& item : list) out += (out.empty() ? "" : separator) + item;
    return out;
}

Cluster open_cluster(Context& context, const std::filesystem::path& directory) {
    return Cluster{directory, [&context](const std::string& text) { context.progress(text); }};
}

bool check_nodes(Context& context, const Cluster& cluster, const std::vector<std::string>& names) {
    const auto state = cluster.state();
    if (!state) return context.fail(state.error()), false;
    const auto known = cluster.names();
    for (const auto& node : names) {
        if (std::find(known.begin(), known.end(), node) != known.end()) continue;
        context.fail(exit_not_found, "no node \"" + node + "\"" + hint_for(node, known));
        return false;
    }
    return true;
}

Json faults_to_json(const ManifestReport& report, const std::string& file) {
    Json out{{"ok", report.ok()}, {"faults", Json::array()}};
    for (const auto& fault : report.faults)
        out["faults"].push_back({{"file", file},
                                 {"line", fault.line},
                                 {"column", fault.column},
                                 {"field", fault.field},
                                 {"message", fault.message},
                                 {"warning", fault.is_warning}});
    return out;
}

std::string format_table(const std::vector<std::vector<std::string>>& rows) {
    std::vector<std::size_t> widths;
    for (const auto& row : rows)
        for (std::size_t i = 0; i < row.size(); ++i) {
            if (i >= widths.size()) widths.push_back(0);
            widths[i] = std::max(widths[i], row[i].size());
        }
    std::string out;
    for (const auto& row : rows) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i)
            line += (i == 0 ? "" : "  ") + row[i] + std::string(widths[i] - row[i].size(), ' ');
        out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
    }
    return out;
}

}  // namespace troupe::cli
