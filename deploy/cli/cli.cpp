#include "deploy/cli/cli.hpp"

#include <cstdlib>
#include <iostream>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <unistd.h>

namespace troupe::cli {

std::filesystem::path Context::directory(const std::string& name) const {
    if (!data.empty()) return std::filesystem::absolute(data);
    if (const char* given = std::getenv("TROUPE_DATA"); given != nullptr && *given != '\0')
        return std::filesystem::absolute(given);
    const char* home = std::getenv("HOME");
    return std::filesystem::path(home != nullptr ? home : "/tmp") / ".troupe" / name;
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
    if (with_data)
        command.add_option("--data", context.data,
                           "The cluster's directory (default: $TROUPE_DATA, else ~/.troupe/NAME)");
    command.add_flag("--json", context.json, "Print JSON");
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
