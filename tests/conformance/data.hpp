// Where the published test suites are.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

namespace troupe::conformance {

/// A folder of the suites, such as "ethereum/RLPTests"; says so on stderr and gives nothing if it is absent.
inline std::optional<std::filesystem::path> find_suite(const std::string& name) {
    const char* configured = std::getenv("TROUPE_CONFORMANCE_DIR");
    const auto path = std::filesystem::path{configured ? configured : TROUPE_CONFORMANCE_FALLBACK} / name;
    if (std::filesystem::is_directory(path)) return path;
    std::fprintf(stderr, "\n*** SKIPPED: no test data at %s (set TROUPE_CONFORMANCE_DIR) ***\n\n", path.c_str());
    return std::nullopt;
}

inline nlohmann::json read_json(const std::filesystem::path& file) {
    std::ifstream stream{file};
    return nlohmann::json::parse(stream);
}

}  // namespace troupe::conformance
