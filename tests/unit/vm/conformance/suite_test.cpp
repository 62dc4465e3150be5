#include "vm/conformance/suite.hpp"

#include <fstream>
#include <sstream>

#include <doctest/doctest.h>
#include <unistd.h>

#include "runtime/base/bytes.hpp"
#include "runtime/base/json.hpp"

using namespace troupe;
using namespace troupe::conformance;

namespace {

namespace fs = std::filesystem;

class Folder {
public:
    Folder() : path_(fs::temp_directory_path() / ("troupe-suite-" + std::to_string(::getpid()))) {
        fs::remove_all(path_);
        fs::create_directories(path_);
    }
    ~Folder() { fs::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    [[nodiscard]] fs::path write(const std::string& name, const std::string& text) const {
        std::ofstream{path_ / name} << text;
        return path_ / name;
    }
    [[nodiscard]] const fs::path& path() const noexcept { return path_; }

private:
    fs::path path_;
};

[[nodiscard]] Report run(SuiteKind kind, const fs::path& path, const Options& options = {}) {
    const auto report = run_suite(kind, std::span{&path, 1}, options);
    REQUIRE_MESSAGE(report.ok(), report.error().message);
    return *report;
}

/// A transfer of 1 wei from 0xa94f...; `root` is the expected state root.
[[nodiscard]] std::string state_test(const std::string& root, const std::string& post_extra = "",
                                     const std::string& balance = "0x0de0b6b3a7640000") {
    return R"({"transfer": {
      "env": {"currentCoinbase": "0x2adc25665018aa1fe0e6bc666dac8fc2697ff9ba", "currentDifficulty": "0x20000",
              "currentGasLimit": "0x05f5e100", "currentNumber": "0x01", "currentTimestamp": "0x03e8",
              "currentBaseFee": "0x0a", "currentRandom": "0x00"},
      "pre": {"0xa94f5374fce5edbc8e2a8697c15331677e6ebf0b": {"balance": ")" +
           balance + R"(", "code": "0x", "nonce": "0x00", "storage": {}}},
      "transaction": {"data": ["0x"], "gasLimit": ["0x5208"], "gasPrice": "0x0a", "nonce": "0x00",
        "sender": "0xa94f5374fce5edbc8e2a8697c15331677e6ebf0b",
        "to": "0x1000000000000000000000000000000000000000", "value": ["0x01"]},
      "post": {"Cancun": [{"hash": ")" +
           root + R"(", "logs": "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347",
        "indexes": {"data": 0, "gas": 0, "value": 0})" +
           post_extra + R"(}]}}})";
}

const std::string wrong_root = "0x" + std::string(64, '1');

/// What the runner says the root is.
[[nodiscard]] std::string root_got(const Report& report) {
    for (const auto& failure : report.failures)
        for (const auto& difference : failure.differences)
            if (difference.what == "state root") return difference.got;
    return {};
}

}  // namespace

TEST_CASE("a wrong state root is a failure that names both roots, the right one passes") {
    const Folder folder;
    const auto wrong = run(SuiteKind::state, folder.write("a.json", state_test(wrong_root)));
    REQUIRE(wrong.failed == 1);
    REQUIRE(wrong.failures[0].differences.size() == 1);
    CHECK(wrong.failures[0].test == "transfer [Cancun data 0 gas 0 value 0]");
    CHECK(wrong.failures[0].differences[0].expected == wrong_root);
    const auto right = run(SuiteKind::state, folder.write("a.json", state_test(root_got(wrong))));
    CHECK(right.passed == 1);
    CHECK(right.all_passed());
}

TEST_CASE("a transaction that is refused needs an expected exception, one that is not must not have it") {
    const Folder folder;
    const auto poor = run(SuiteKind::state, folder.write("a.json", state_test(wrong_root, "", "0x01")));
    REQUIRE(poor.failures.size() == 1);
    CHECK(poor.failures[0].differences[0].what == "exception");
    const auto exception = R"(, "expectException": "TransactionException.INSUFFICIENT_ACCOUNT_FUNDS")";
    CHECK(run(SuiteKind::state, folder.write("a.json", state_test(root_got(poor), exception, "0x01"))).passed == 1);
    const auto rich = run(SuiteKind::state, folder.write("a.json", state_test(wrong_root, exception)));
    REQUIRE(rich.failures.size() == 1);
    CHECK(rich.failures[0].differences[0].what == "exception");
    CHECK(rich.failures[0].differences[0].got == "none");
}

TEST_CASE("a refused transaction leaves the miner alone where the suite spells out the state after") {
    const Folder folder;
    const auto on_frontier = [&](const std::string& post_extra) {
        auto text = state_test(wrong_root, post_extra, "0x01");
        text.replace(text.find("Cancun"), 6, "Frontier");
        return root_got(run(SuiteKind::state, folder.write("a.json", text)));
    };
    const std::string exception = R"(, "expectException": "TransactionException.INSUFFICIENT_ACCOUNT_FUNDS")";
    CHECK(on_frontier(exception) != on_frontier(exception + R"(, "state": {})"));
}

TEST_CASE("what the filter or the fork leaves out counts as skipped") {
    const Folder folder;
    const auto file = folder.write("a.json", state_test(wrong_root));
    Options options;
    options.filter = "nothing of this name";
    CHECK(run(SuiteKind::state, file, options).skipped == 1);
    options.filter = "a.json*trans*Cancun";
    CHECK(run(SuiteKind::state, file, options).failed == 1);
    options.filter = "Cancun*a.json";
    CHECK(run(SuiteKind::state, file, options).skipped == 1);
    options.filter = "";
    options.fork = evm::Revision::London;
    CHECK(run(SuiteKind::state, file, options).skipped == 1);
    options.fork = evm::Revision::Cancun;
    CHECK(run(SuiteKind::state, file, options).failed == 1);
}

TEST_CASE("a file that is cut, or lacks a field, is an error that says where; other files still run") {
    const Folder folder;
    const auto text = state_test(wrong_root);
    (void)folder.write("a.json", text);
    (void)folder.write("b.json", text.substr(0, text.size() / 2));
    auto unnamed = text;
    unnamed.replace(unnamed.find("currentCoinbase"), 15, "currentNothings");
    (void)folder.write("c.json", unnamed);
    auto odd = text;
    odd.replace(odd.find("0x5208"), 6, "0x5z08");
    (void)folder.write("d.json", odd);
    const auto report = run(SuiteKind::state, folder.path());
    CHECK(report.failed == 1);
    REQUIRE(report.errors.size() == 3);
    CHECK_FALSE(report.all_passed());
    CHECK(report.errors[0].find("b.json: not JSON") != std::string::npos);
    CHECK(report.errors[1].find("c.json: transfer: env: no \"currentCoinbase\"") != std::string::npos);
    CHECK(report.errors[2].find("0x5z08") != std::string::npos);
}

TEST_CASE("a file of another format is skipped in a folder and an error by itself") {
    const Folder folder;
    const auto file = folder.write("other.json", R"({"lists": {"in": ["a"], "out": "0xc161"}})");
    CHECK(run(SuiteKind::state, folder.path()).skipped == 1);
    CHECK(run(SuiteKind::state, file).errors.size() == 1);
    CHECK(run(SuiteKind::rlp, file).passed == 1);
}

TEST_CASE("a path without tests is refused") {
    const Folder folder;
    for (const auto& path : {folder.path(), folder.path() / "absent"})
        CHECK_FALSE(run_suite(SuiteKind::state, std::span{&path, 1}, {}).ok());
}

TEST_CASE("the report does not depend on the number of jobs") {
    const Folder folder;
    for (int i = 0; i < 20; ++i) (void)folder.write(std::to_string(i) + ".json", state_test(wrong_root));
    Options options;
    const auto one = run(SuiteKind::state, folder.path(), options);
    options.jobs = 4;
    const auto four = run(SuiteKind::state, folder.path(), options);
    REQUIRE(one.failures.size() == 20);
    REQUIRE(four.failures.size() == 20);
    for (std::size_t i = 0; i < 20; ++i) CHECK(one.failures[i].file == four.failures[i].file);
}

/// The keys of a line of JSON, in order.
[[nodiscard]] std::vector<std::string> keys_of(const Json& line) {
    std::vector<std::string> out;
    for (const auto& [key, value] : line.items()) out.push_back(key);
    return out;
}

TEST_CASE("a trace has EIP-3155's fields, in its order and of its types") {
    const Folder folder;
    std::ostringstream trace;
    Options options;
    options.trace = &trace;
    auto text = state_test(wrong_root);
    const auto replace = [&](std::string_view from, std::string_view to) {
        text.replace(text.find(from), from.size(), to);
    };
    // 1 to memory, then revert with it.
    replace(R"("pre": {)", R"("pre": {"0x1000000000000000000000000000000000000000":
        {"balance": "0x00", "code": "0x60015f5260205ffd", "nonce": "0x01", "storage": {}}, )");
    replace("0x5208", "0xf4240");
    (void)run(SuiteKind::state, folder.write("a.json", text), options);
    std::istringstream stream{trace.str()};
    std::vector<Json> lines;
    for (std::string line; std::getline(stream, line);) lines.push_back(Json::parse(line));
    REQUIRE(lines.size() == 7);
    for (std::size_t i = 0; i < 6; ++i)
        CHECK(keys_of(lines[i]) == std::vector<std::string>{"pc", "op", "gas", "gasCost", "stack", "depth",
                                                            "returnData", "refund", "memSize", "opName"});
    const auto& store = lines[2];
    CHECK(store == Json{{"pc", 3},
                        {"op", 0x52},
                        {"gas", "0xef033"},
                        {"gasCost", "0x6"},
                        {"stack", {"0x1", "0x0"}},
                        {"depth", 1},
                        {"returnData", "0x"},
                        {"refund", "0x0"},
                        {"memSize", 0},
                        {"opName", "MSTORE"}});
    CHECK(lines[3]["memSize"] == 32);
    const auto& summary = lines.back();
    CHECK(keys_of(summary) ==
          std::vector<std::string>{"stateRoot", "output", "gasUsed", "pass", "fork", "name", "error"});
    CHECK(summary["output"] == "0x" + std::string(63, '0') + "1");
    CHECK(summary["gasUsed"] == "0x5218");
    // That the transaction failed, not that the root is not the expected one.
    CHECK(summary["pass"] == false);
    CHECK(summary["fork"] == "Cancun");
    CHECK(summary["error"] == "execution reverted");
}

TEST_CASE("a trace ends each case with a summary line, of a refused transaction too") {
    const Folder folder;
    std::ostringstream trace;
    Options options;
    options.trace = &trace;
    (void)run(SuiteKind::state, folder.write("a.json", state_test(wrong_root)), options);
    CHECK(trace.str().find(R"("pass":true,"fork":"Cancun")") != std::string::npos);
    (void)run(SuiteKind::state, folder.write("a.json", state_test(wrong_root, "", "0x01")), options);
    CHECK(trace.str().find(R"("pass":false,"fork":"Cancun")") != std::string::npos);
}
