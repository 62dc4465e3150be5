// What the runner of each kind of file gets and gives.
#pragma once

#include <string>

#include "vm/conformance/json_node.hpp"
#include "vm/conformance/suite.hpp"

namespace troupe::conformance {

/// One file while it runs: what is asked for, and the report that grows.
class FileRun {
public:
    FileRun(const std::filesystem::path& path, const Options& run_options);

    const Options& options;
    /// "folder/file.json".
    const std::string file;
    /// The file's name without folder and ".json".
    const std::string stem;
    Report report;

    [[nodiscard]] bool is_wanted(std::string_view test) const;
    /// Passed if there are no differences.
    void finish(std::string test, std::vector<Difference> differences);
    void error(std::string_view test, const std::string& message);
};

/// Calls `body` for each member of the file's object that `is_test` knows and the filter lets through; an error in one
/// does not keep the others from running. False if no member is a test: the file is of another format.
template <class IsTest, class Body>
[[nodiscard]] bool for_each_test(FileRun& run, const JsonNode& root, IsTest&& is_test, Body&& body) {
    if (!root.is_object()) return false;
    bool any = false;
    for (const auto& [key, value] : root.object()) {
        const JsonNode test{value, key};
        if (!test.is_object() || !is_test(test)) continue;
        any = true;
        try {
            body(std::string{key}, test);
        } catch (const FormatError& error) {
            run.error(key, error.message);
        }
    }
    return any;
}

// False: the file is of another format.
bool run_state_file(FileRun& run, const JsonNode& root);
bool run_trie_file(FileRun& run, const JsonNode& root);
bool run_rlp_file(FileRun& run, const JsonNode& root);
bool run_transaction_file(FileRun& run, const JsonNode& root);
bool run_precompile_file(FileRun& run, const JsonNode& root);

}  // namespace troupe::conformance
