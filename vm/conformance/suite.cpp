#include "vm/conformance/suite.hpp"

#include <algorithm>
#include <atomic>
#include <thread>

#include "vm/conformance/runner.hpp"

namespace troupe::conformance {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t file_bytes_max = std::uintmax_t{1} << 30;

struct TestFile {
    fs::path path;
    /// Named by itself, not found in a folder: it must be of the right format.
    bool named = false;
};

[[nodiscard]] Result<std::vector<TestFile>> find_files(std::span<const fs::path> paths) {
    std::vector<TestFile> out;
    for (const auto& path : paths) {
        std::error_code failure;
        if (!fs::is_directory(path, failure)) {
            if (!fs::exists(path, failure))
                return make_error(ErrorCode::not_found, path.string() + ": no such file or folder");
            out.push_back({path, true});
            continue;
        }
        const auto before = out.size();
        for (fs::recursive_directory_iterator at{path, fs::directory_options::follow_directory_symlink, failure}, end;
             !failure && at != end; at.increment(failure))
            if (at->path().extension() == ".json" && at->is_regular_file(failure)) out.push_back({at->path(), false});
        if (failure) return make_error(ErrorCode::io, path.string() + ": " + failure.message());
        if (out.size() == before) return make_error(ErrorCode::not_found, path.string() + ": no .json file in it");
        std::sort(out.begin() + static_cast<std::ptrdiff_t>(before), out.end(),
                  [](const auto& a, const auto& b) { return a.path < b.path; });
    }
    return out;
}

[[nodiscard]] auto runner_of(SuiteKind kind) {
    switch (kind) {
        case SuiteKind::state: return run_state_file;
        case SuiteKind::trie: return run_trie_file;
        case SuiteKind::rlp: return run_rlp_file;
        case SuiteKind::transaction: return run_transaction_file;
        case SuiteKind::precompile: return run_precompile_file;
    }
    TROUPE_ASSERT(false);
}

[[nodiscard]] Report run_file(SuiteKind kind, const TestFile& file, const Options& options,
                              simdjson::dom::parser& parser) {
    FileRun run{file.path, options};
    std::error_code failure;
    const auto size = fs::file_size(file.path, failure);
    simdjson::dom::element root;
    if (failure || size > file_bytes_max) {
        run.error("", failure ? failure.message() : "larger than 1 GiB");
    } else if (const auto bad = parser.load(file.path.string()).get(root)) {
        run.error("", std::string{"not JSON: "} + simdjson::error_message(bad));
    } else {
        try {
            if (!runner_of(kind)(run, {root, "file"})) {
                if (file.named)
                    run.error("", "holds no test of this kind");
                else
                    ++run.report.skipped;
            }
        } catch (const FormatError& error) {
            run.error("", error.message);
        }
    }
    return std::move(run.report);
}

void append(Report& to, Report&& from) {
    to.passed += from.passed;
    to.failed += from.failed;
    to.skipped += from.skipped;
    std::ranges::move(from.failures, std::back_inserter(to.failures));
    std::ranges::move(from.errors, std::back_inserter(to.errors));
}

}  // namespace

FileRun::FileRun(const fs::path& path, const Options& run_options)
    : options(run_options),
      file(path.parent_path().filename().empty()
               ? path.filename().string()
               : path.parent_path().filename().string() + "/" + path.filename().string()),
      stem(path.stem().string()) {}

bool FileRun::is_wanted(std::string_view test) const {
    const auto subject = file + ": " + std::string{test};
    std::size_t at = 0;
    for (std::string_view left = options.filter; !left.empty();) {
        const auto star = left.find('*');
        const auto part = left.substr(0, star);
        at = subject.find(part, at);
        if (at == subject.npos) return false;
        at += part.size();
        left = star == left.npos ? std::string_view{} : left.substr(star + 1);
    }
    return true;
}

void FileRun::finish(std::string test, std::vector<Difference> differences) {
    if (differences.empty()) {
        ++report.passed;
        return;
    }
    ++report.failed;
    report.failures.push_back({file, std::move(test), std::move(differences)});
}

void FileRun::error(std::string_view test, const std::string& message) {
    report.errors.push_back(file + ": " + (test.empty() ? "" : std::string{test} + ": ") + message);
}

Result<Report> run_suite(SuiteKind kind, std::span<const fs::path> paths, const Options& options) {
    const auto files = find_files(paths);
    if (!files) return files.error();
    std::vector<Report> reports(files->size());
    std::atomic<std::size_t> next{0};
    const auto work = [&] {
        simdjson::dom::parser parser;
        for (std::size_t i = next++; i < files->size(); i = next++)
            reports[i] = run_file(kind, (*files)[i], options, parser);
    };
    {
        std::vector<std::jthread> helpers;
        const auto jobs = options.trace != nullptr ? 1 : std::min<std::size_t>(options.jobs, files->size());
        for (std::size_t i = 1; i < jobs; ++i) helpers.emplace_back(work);
        work();
    }
    Report out;
    for (auto& report : reports) append(out, std::move(report));
    return out;
}

}  // namespace troupe::conformance
