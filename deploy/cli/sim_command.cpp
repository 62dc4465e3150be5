// sim: seeded simulations of whole clusters.
#include "deploy/cli/sim_command.hpp"

#include <chrono>
#include <iostream>
#include <map>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "deploy/sim/simulation.hpp"

namespace troupe::cli {
namespace {

[[nodiscard]] Json show(const sim::SimReport& r) {
    Json out{{"seed", r.seed},
             {"height", r.height},
             {"blocks_with_chunks", r.blocks_with_chunks},
             {"transactions_submitted", r.transactions_submitted},
             {"transactions_executed", r.transactions_executed},
             {"transactions_filtered", r.filtered},
             {"crashes", r.crashes},
             {"isolations", r.isolations},
             {"view_max", r.view_max},
             {"messages", r.messages},
             {"virtual_ms", r.virtual_ms},
             {"trace_hash", r.trace_hash}};
    if (!r.violation.empty()) out["violation"] = r.violation;
    if (!r.stall.empty()) out["stall"] = r.stall;
    return out;
}

}  // namespace

void add_sim_command(CLI::App& app, Context& context) {
    auto* command = app.add_subcommand(
        "sim", "Simulate a cluster of the production cores on virtual time, with faults drawn from a seed");
    static sim::SimOptions options;
    static std::string rules = "troupe";
    static std::uint64_t seeds = 1;
    static bool calm = false;
    static bool trace = false;
    command->add_option("--nodes", options.nodes, "Validators")->default_val(7)->check(CLI::Range(1, 100));
    command->add_option("--seed", options.seed, "First seed: the same seed gives the same run, to the trace's hash")
        ->default_val(1);
    command->add_option("--seeds", seeds, "How many seeds, one after another")->default_val(1);
    command->add_option("--heights", options.heights, "Blocks to reach")
        ->default_val(50)
        ->check(CLI::Range(1, 100'000));
    command->add_option("--rules", rules, "troupe or dbft2")
        ->default_val("troupe")
        ->check(CLI::IsMember({"troupe", "dbft2"}));
    command->add_option("--transactions", options.transactions, "Transactions to submit")
        ->default_val(60)
        ->check(CLI::Range(0, 600));
    command->add_flag("--calm", calm, "No faults");
    command->add_flag("--trace", trace, "Print the trace");
    add_common(*command, context, false);
    command->callback([&context] {
        options.rules = rules == "dbft2" ? ConsensusRules::dbft2 : ConsensusRules::troupe;
        options.crashes = options.network_faults = !calm;
        options.keep_trace = trace;
        std::uint64_t violations = 0;
        std::uint64_t stalls = 0;
        std::map<std::string, std::uint64_t> stall_kinds;
        std::uint64_t executed = 0;
        std::uint64_t virtual_ms = 0;
        std::uint64_t view_max = 0;
        Json reports = Json::array();
        const auto start = std::chrono::steady_clock::now();
        const auto first = options.seed;
        for (std::uint64_t i = 0; i < seeds; ++i) {
            options.seed = first + i;
            auto report = sim::run_simulation(options);
            executed += report.transactions_executed;
            virtual_ms += report.virtual_ms;
            view_max = std::max(view_max, report.view_max);
            if (!report.violation.empty()) ++violations;
            if (!report.stall.empty()) {
                ++stalls;
                ++stall_kinds[report.stall.substr(0, report.stall.find(':'))];
            }
            if (!report.violation.empty() && !trace) {
                // The run again, with its trace: the seed is all it takes.
                options.keep_trace = true;
                report = sim::run_simulation(options);
                options.keep_trace = false;
            }
            for (const auto& line : report.trace) std::cerr << line << "\n";
            if (context.json)
                reports.push_back(show(report));
            else if (const auto shown = show(report); seeds == 1)
                for (const auto& [key, value] : shown.items())
                    std::cout << key << ": " << (value.is_string() ? value.get<std::string>() : value.dump()) << "\n";
            else if (!report.violation.empty())
                std::cout << "seed " << report.seed << ": VIOLATION: " << report.violation << "\n";
            else if (!report.stall.empty())
                std::cout << "seed " << report.seed << ": stall: " << report.stall << "\n";
            if (i % 50 == 49) context.progress(std::to_string(i + 1) + " of " + std::to_string(seeds) + " seeds");
        }
        const auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        if (context.json)
            std::cout << Json{{"reports", reports}, {"violations", violations}, {"stalls", stalls}}.dump(1) << "\n";
        else if (seeds > 1)
            std::cout << seeds << " seeds, " << options.nodes << " nodes, rules " << rules << ": " << violations
                      << " violations, " << stalls << " stalls, " << executed << " transactions executed, highest view "
                      << view_max << ", " << virtual_ms / 1000 << " virtual seconds in "
                      << static_cast<std::uint64_t>(seconds) << " s\n";
        if (seeds > 1 && !context.json)
            for (const auto& [kind, count] : stall_kinds) std::cout << "  " << count << "x " << kind << "\n";
        if (violations > 0 || (stalls > 0 && options.rules == ConsensusRules::troupe)) context.exit_code = exit_failed;
    });
}

}  // namespace troupe::cli
