// vm: published test suites on our machine; traces of transactions (trace_command.cpp), WebAssembly
// (wasm_commands.cpp).
#include <chrono>
#include <iostream>
#include <memory>
#include <thread>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "deploy/cli/cli.hpp"
#include "deploy/cli/trace_command.hpp"
#include "vm/conformance/suite.hpp"

namespace troupe::cli {
namespace {

using conformance::Report;
using conformance::SuiteKind;

struct SuiteCommand {
    SuiteKind kind;
    const char* name;
    const char* description;
};

constexpr SuiteCommand suite_commands[] = {
    {SuiteKind::state, "statetest",
     "Run files or folders of Ethereum's GeneralStateTests: state root, logs and refused transactions"},
    {SuiteKind::trie, "trietest", "Run files or folders of Ethereum's TrieTests"},
    {SuiteKind::rlp, "rlptest", "Run files or folders of Ethereum's RLPTests"},
    {SuiteKind::transaction, "txtest", "Run files or folders of Ethereum's TransactionTests"},
    {SuiteKind::precompile, "precompiletest",
     "Run files or folders of go-ethereum's precompile vectors: output and gas; inputs of fail-* files must fail"},
};

struct SuiteArguments {
    std::vector<std::filesystem::path> paths;
    conformance::Options options;
    std::string fork;
    bool trace = false;
};

[[nodiscard]] Json show(const Report& report, double seconds) {
    auto failures = Json::array();
    for (const auto& [file, test, differences] : report.failures) {
        auto shown = Json::array();
        for (const auto& [what, expected, got] : differences)
            shown.push_back({{"what", what}, {"expected", expected}, {"got", got}});
        failures.push_back({{"file", file}, {"test", test}, {"differences", shown}});
    }
    return {{"passed", report.passed}, {"failed", report.failed}, {"skipped", report.skipped},
            {"seconds", seconds},      {"failures", failures},    {"errors", report.errors}};
}

void print(const Report& report) {
    for (const auto& [file, test, differences] : report.failures) {
        std::cout << "FAILED " << file << ": " << test << "\n";
        for (const auto& [what, expected, got] : differences)
            std::cout << "  " << what << "\n    expected " << expected << "\n    got      " << got << "\n";
    }
    for (const auto& error : report.errors) std::cerr << "troupe: " << error << "\n";
    std::cout << report.passed << " passed, " << report.failed << " failed, " << report.skipped << " skipped\n";
}

void run(Context& context, SuiteKind kind, SuiteArguments& arguments) {
    if (!arguments.fork.empty()) {
        arguments.options.fork = evm::parse_revision(arguments.fork);
        if (!arguments.options.fork)
            return context.fail(exit_usage, "--fork: no fork is named \"" + arguments.fork + "\" (Frontier to Osaka)");
    }
    if (arguments.trace) arguments.options.trace = &std::cerr;
    const auto start = std::chrono::steady_clock::now();
    const auto report = conformance::run_suite(kind, arguments.paths, arguments.options);
    if (!report) return context.fail(exit_usage, report.error().message);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    if (context.json)
        std::cout << show(*report, seconds.count()).dump(2) << "\n";
    else
        print(*report);
    if (!report->all_passed()) context.exit_code = exit_failed;
}

}  // namespace

void add_vm_commands(CLI::App& app, Context& context) {
    auto* vm = app.add_subcommand(
        "vm", "The virtual machine by itself: published test suites, traces, and code without a cluster");
    vm->require_subcommand(1);
    for (const auto& [kind, name, description] : suite_commands) {
        auto* command = vm->add_subcommand(name, description);
        const auto arguments = std::make_shared<SuiteArguments>();
        command->add_option("PATH", arguments->paths, "Test files, or folders of them")->required();
        command->add_option("--filter", arguments->options.filter,
                            "Only tests whose \"FOLDER/FILE.json: NAME\" contains this; * stands for any text");
        command
            ->add_option("--jobs", arguments->options.jobs, "Threads; the output does not depend on it (default: all)")
            ->check(CLI::Range(1, 1024));
        arguments->options.jobs = std::max(1u, std::thread::hardware_concurrency());
        if (kind == SuiteKind::state || kind == SuiteKind::transaction || kind == SuiteKind::precompile)
            command->add_option("--fork", arguments->fork, "Only this fork, such as Cancun");
        if (kind == SuiteKind::state)
            command->add_flag(
                "--trace", arguments->trace,
                "Write every instruction to stderr as a line of JSON, and a summary after each test (EIP-3155); one "
                "thread");
        add_common(*command, context, false);
        command->callback([&context, kind, arguments] { run(context, kind, *arguments); });
    }
    add_trace_command(*vm, context);
}

}  // namespace troupe::cli
