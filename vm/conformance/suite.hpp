// Runs published test suites in Ethereum's formats: what `troupe vm statetest` and its siblings, and tests/conformance,
// stand on.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "runtime/base/result.hpp"
#include "vm/evm/revision.hpp"

namespace troupe::conformance {

enum class SuiteKind : std::uint8_t {
    state,        // GeneralStateTests
    trie,         // TrieTests
    rlp,          // RLPTests
    transaction,  // TransactionTests
    precompile,   // go-ethereum's lists of Input, Expected and Gas; inputs of files named fail-* must fail
};

struct Options {
    /// Only tests whose "folder/file.json: test" contains this; `*` stands for any text.
    std::string filter;
    /// Only this fork's cases.
    std::optional<evm::Revision> fork;
    /// Threads; the report does not depend on it.
    unsigned jobs = 1;
    /// Where state tests write a line an instruction and a summary a case (EIP-3155), if anywhere; `jobs` is then 1.
    std::ostream* trace = nullptr;
};

struct Difference {
    /// "state root", "logs hash", "exception"...
    std::string what;
    std::string expected;
    std::string got;
};

struct Failure {
    std::string file;
    /// Its name, and for state and transaction tests the fork and indexes.
    std::string test;
    std::vector<Difference> differences;
};

struct Report {
    std::size_t passed = 0;
    std::size_t failed = 0;
    /// Cases the options leave out or whose fork is not known here, and files of a folder that are of another format.
    std::size_t skipped = 0;
    std::vector<Failure> failures;
    /// Files or tests that can't be read, with the reason.
    std::vector<std::string> errors;

    [[nodiscard]] bool all_passed() const noexcept { return failed == 0 && errors.empty(); }
};

/// Runs files, and all .json files below folders, in order of their paths. Error: a path that does not exist, or
/// folders without a .json file.
[[nodiscard]] Result<Report> run_suite(SuiteKind kind, std::span<const std::filesystem::path> paths,
                                       const Options& options);

}  // namespace troupe::conformance
