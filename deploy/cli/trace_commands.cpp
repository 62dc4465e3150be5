// trace: the way of one transaction through the actors, and one actor's messages as they come.
#include <csignal>
#include <iostream>
#include <map>
#include <thread>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fmt/format.h>

#include "deploy/cli/cli.hpp"
#include "deploy/cli/inspect_view.hpp"
#include "deploy/manifest/hint.hpp"

namespace troupe::cli {
namespace {

volatile std::sig_atomic_t interrupted = 0;
void on_interrupt(int) { interrupted = 1; }

[[nodiscard]] const char* meaning(Station station) {
    switch (station) {
        case Station::gateway: return "accepted by the gateway";
        case Station::submitted: return "sent to its builder";
        case Station::builder: return "arrived at the builder";
        case Station::chunk: return "packed into a chunk";
        case Station::persisted: return "chunk on disk and signed";
        case Station::certificate: return "certified by a quorum";
        case Station::proposal: return "proposed in a block";
        case Station::prepared: return "proposal found valid";
        case Station::commit: return "block final";
        case Station::execution: return "executed";
        case Station::receipt: return "receipt ready";
        case Station::refused: return "refused by the builder";
    }
    return "";
}

void show_trace(const std::vector<TraceStep>& steps) {
    const auto start = steps.front().event.unix_us;
    std::vector<std::vector<std::string>> table{{"STATION", "NODE", "TIME", "AFTER", "", ""}};
    std::map<Station, std::uint64_t> first;
    for (const auto& step : steps) {
        first.try_emplace(step.event.station, step.event.unix_us);
        std::string where;
        if (step.event.height != 0) where = fmt::format("block {}", step.event.height);
        if (step.event.station == Station::proposal || step.event.station == Station::commit)
            where += fmt::format(" view {}", step.event.view);
        if (step.event.station == Station::chunk) where = "chunk 0x" + to_hex(step.event.chunk.view()).substr(0, 12);
        table.push_back({to_string(step.event.station), step.node, time_text(step.event.unix_us),
                         fmt::format("+{:.3f} ms", static_cast<double>(step.event.unix_us - start) / 1e3),
                         meaning(step.event.station), where});
    }
    for (const auto& line : columns(table, 2)) std::cout << line << "\n";
    // Each stage from the first that reached it: what a bar chart would show.
    std::cout << "\n";
    const auto total = std::max<std::uint64_t>(1, steps.back().event.unix_us - start);
    std::vector<std::vector<std::string>> bars;
    std::uint64_t before = start;
    for (const auto& [station, time] : first) {
        const auto from = std::max(before, start);
        const auto at = std::max(time, from);
        const auto offset = (from - start) * 40 / total;
        const auto length = std::max<std::uint64_t>(1, (at - from) * 40 / total);
        std::string bar(offset, ' ');
        for (std::uint64_t i = 0; i < length; ++i) bar += "█";
        bars.push_back({to_string(station), fmt::format("{:.3f} ms", static_cast<double>(at - from) / 1e3), bar});
        before = at;
    }
    for (auto& row : bars) std::swap(row[1], row[2]);
    for (const auto& line : columns(bars, 2)) std::cout << line << "\n";
}

void trace_transaction(Context& context, const std::string& text) {
    const auto hash = fixed_from_hex<TransactionHash>(text);
    if (!hash) return context.fail(exit_usage, "expected a transaction's hash: 0x and 64 hex digits");
    const auto directory = context.cluster_directory();
    if (!directory) return;
    const Collector collector{*directory};
    const auto steps = collector.trace(*hash);
    if (!steps) return context.fail(steps.error());
    if (context.json) {
        std::cout << Json{{"transaction", to_hex_prefixed(hash->view())}, {"steps", report_json(*steps)}}.dump(2)
                  << "\n";
        if (steps->empty()) context.exit_code = exit_not_found;
        return;
    }
    if (steps->empty())
        return context.fail(exit_not_found,
                            "no node remembers this transaction: it never came here, or it was too long "
                            "ago; `troupe tx status` asks the chain");
    show_trace(*steps);
}

/// An error about an actor that is not there also says what was probably meant.
[[nodiscard]] Error with_hint(const Collector& collector, const std::string& id, const Error& error) {
    const auto cluster = collector.report();
    if (error.code != ErrorCode::not_found || !cluster) return error;
    std::vector<std::string> known;
    for (const auto& row : rows_of(*cluster, {})) known.push_back(row.id());
    return make_error(error.code, "no actor \"" + id + "\"" + hint_for(id, known));
}

void trace_actor(Context& context, const std::string& id, std::size_t most) {
    const auto slash = id.find('/');
    if (slash == std::string::npos)
        return context.fail(exit_usage,
                            "expected an actor's id such as validator-1/consensus; `troupe inspect actors` "
                            "lists them");
    const auto directory = context.cluster_directory();
    if (!directory) return;
    const Collector collector{*directory};
    const auto node = id.substr(0, slash);
    const auto actor = id.substr(slash + 1);
    std::signal(SIGINT, on_interrupt);
    std::uint64_t next = 0;
    std::size_t shown = 0;
    bool is_first = true;
    while (interrupted == 0 && std::cout) {
        const auto answer = collector.messages(node, actor, next);
        if (!answer) return context.fail(with_hint(collector, id, answer.error()));
        std::vector<MessageReport> messages;
        read_report((*answer)["messages"], messages);
        // What came before somebody looked is `inspect`'s to show.
        if (is_first) messages.clear();
        if (!is_first && !messages.empty() && messages.front().number > next && !context.json)
            std::cout << fmt::format("... {} messages came too fast to be kept\n", messages.front().number - next);
        is_first = false;
        next = answer->value("next", next);
        for (const auto& message : messages) {
            if (context.json)
                std::cout << report_json(message).dump() << "\n";
            else
                std::cout << fmt::format("{}  {:<28} {:<20} {}\n", time_text(message.time_us), printable(message.kind),
                                         printable(message.from),
                                         message.bytes != 0 ? std::to_string(message.bytes) : "-");
            if (++shown == most) return;
        }
        std::cout.flush();
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
}

}  // namespace

void add_trace_commands(CLI::App& app, Context& context) {
    auto* trace = app.add_subcommand("trace", "Follow one transaction through the actors, or one actor's messages");
    trace->require_subcommand(1);

    auto* transaction = trace->add_subcommand("tx", "The way of a transaction, with the time at each station");
    transaction->footer(
        "Stations are kept by each node for the recent past only. Times are those of each node's own clock.");
    const auto hash = std::make_shared<std::string>();
    add_common(*transaction, context);
    transaction->add_option("hash", *hash, "The transaction's hash")->required();
    transaction->callback([hash, &context] { trace_transaction(context, *hash); });

    auto* actor = trace->add_subcommand("actor", "An actor's messages as they arrive, until Ctrl-C");
    const auto id = std::make_shared<std::string>();
    const auto most = std::make_shared<std::size_t>(0);
    add_common(*actor, context);
    actor->add_option("id", *id, "The actor's id: NODE/NAME, as `troupe inspect actors` shows it")->required();
    actor->add_option("-n,--count", *most, "Stop after this many messages");
    actor->callback([id, most, &context] { trace_actor(context, *id, *most); });
}

}  // namespace troupe::cli
