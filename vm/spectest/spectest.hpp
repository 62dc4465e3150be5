// Runs the WebAssembly specification's scripts as wast2json writes them: one .json of commands, its modules beside it.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "vm/engine/store.hpp"

namespace troupe::vm {

struct SpecReport {
    std::uint64_t passed = 0;
    std::uint64_t failed = 0;
    /// Modules in text form, which only a text parser could judge.
    std::uint64_t skipped = 0;
    /// "file:line: what was wrong", at most 100.
    std::vector<std::string> failures;

    void add(const SpecReport& other);
};

/// The .json files at or below `path`, sorted.
[[nodiscard]] std::vector<std::filesystem::path> find_spec_scripts(const std::filesystem::path& path);

[[nodiscard]] SpecReport run_spec_script(const std::filesystem::path& script,
                                         const std::shared_ptr<Compiler>& compiler = nullptr,
                                         Passes passes = Passes::none);

}  // namespace troupe::vm
