// top: the cluster's actors live in the terminal.
#include <algorithm>
#include <chrono>
#include <iostream>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fmt/format.h>

#include "deploy/cli/cli.hpp"
#include "deploy/cli/inspect_view.hpp"
#include "deploy/cli/terminal.hpp"

namespace troupe::cli {
namespace {

struct Options {
    RowFilter filter;
    std::string sort = "busy";
    bool reverse = false;
    double every_seconds = 2;
    bool once = false;
};

struct View {
    std::size_t first_row = 0;
    bool is_paused = false;
    bool shows_help = false;
    /// While a filter is typed.
    bool is_typing = false;
};

[[nodiscard]] std::string header(const ClusterReport& cluster, std::size_t actors) {
    std::size_t nodes = 0, ready = 0;
    std::uint64_t height = 0;
    double messages = 0, cpu = 0;
    std::string primary, down;
    for (const auto& host : cluster.hosts)
        for (const auto& node : host.nodes) {
            ++nodes;
            if (node.state == "ready") ++ready;
            if (node.actors.empty()) down += " " + node.name + " (" + node.state + ")";
            if (node.now == "primary") primary += (primary.empty() ? "" : ",") + node.name;
            height = std::max(height, node.height);
            cpu += node.cpu_share;
            for (const auto& actor : node.actors) messages += actor.messages_per_second;
        }
    auto text = fmt::format(
        "{}  {}/{} nodes ready  {} actors  height {}  primary {}  {} messages/s  {:.0f}% of a core\n", cluster.name,
        ready, nodes, actors, height, primary.empty() ? "-" : primary, count_text(messages), cpu * 100);
    if (!down.empty()) text += "down:" + down + "\n";
    return text;
}

constexpr const char* help_text =
    "keys\n"
    "  q, Ctrl-C      leave\n"
    "  s, S           next and previous column to sort by\n"
    "  r              sort the other way round\n"
    "  b m x i        sort by busy share, messages, mailbox, id\n"
    "  /              type a filter for id and state; Enter ends, Esc clears\n"
    "  space          pause\n"
    "  arrows, PgUp, PgDn, Home, End   scroll\n"
    "  + -            slower, faster\n"
    "  h, ?           this help\n";

[[nodiscard]] std::string picture(const ClusterReport& cluster, const Options& options, View& view,
                                  Terminal::Size size) {
    auto rows = rows_of(cluster, options.filter);
    sort_rows(rows, options.sort, options.reverse);
    auto text = header(cluster, rows.size());
    text += fmt::format("sorted by {}{}  every {:.1f}s{}{}  h: help\n", options.sort,
                        options.reverse ? " reversed" : "", options.every_seconds, view.is_paused ? "  PAUSED" : "",
                        options.filter.text.empty() && !view.is_typing
                            ? ""
                            : "  filter: " + printable(options.filter.text) + (view.is_typing ? "_" : ""));
    const auto above = static_cast<std::size_t>(std::ranges::count(text, '\n')) + 1;
    const auto room = size.rows > above + 1 ? size.rows - above - 1 : 1;
    view.first_row = std::min(view.first_row, rows.size() > room ? rows.size() - room : 0);
    rows.erase(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(view.first_row));
    if (rows.size() > room) rows.resize(room);
    text += view.shows_help ? help_text : show_rows(rows);
    std::string out;
    std::size_t lines = 0;
    for (std::size_t at = 0; at < text.size() && lines < size.rows;) {
        const auto end = std::min(text.find('\n', at), text.size());
        out += (lines++ == 0 ? "" : "\n") + clipped(text.substr(at, end - at), size.columns);
        at = end + 1;
    }
    return out;
}

void next_sort(Options& options, int step) {
    const auto& keys = sort_keys();
    const auto at = static_cast<std::size_t>(std::ranges::find(keys, options.sort) - keys.begin());
    options.sort = keys[(at + keys.size() + static_cast<std::size_t>(step)) % keys.size()];
}

/// False: leave.
bool on_key(int key, Options& options, View& view, std::size_t page) {
    if (key == Terminal::quit) return false;
    if (view.is_typing) {
        if (key == '\n' || key == '\r') view.is_typing = false;
        if (key == 27) view.is_typing = false, options.filter.text.clear();
        if ((key == 127 || key == 8) && !options.filter.text.empty()) options.filter.text.pop_back();
        if (key >= 32 && key < 127) options.filter.text += static_cast<char>(key);
        return true;
    }
    switch (key) {
        case 'q': return false;
        case 's': next_sort(options, 1); break;
        case 'S': next_sort(options, -1); break;
        case 'r': options.reverse = !options.reverse; break;
        case 'b': options.sort = "busy"; break;
        case 'm': options.sort = "messages"; break;
        case 'x': options.sort = "mailbox"; break;
        case 'i': options.sort = "id"; break;
        case '/': view.is_typing = true; break;
        case ' ': view.is_paused = !view.is_paused; break;
        case '+': options.every_seconds = std::min(60.0, options.every_seconds * 2); break;
        case '-': options.every_seconds = std::max(0.5, options.every_seconds / 2); break;
        case 'h':
        case '?': view.shows_help = !view.shows_help; break;
        case 27: options.filter.text.clear(); break;
        case Terminal::up: view.first_row -= view.first_row > 0 ? 1 : 0; break;
        case Terminal::down: ++view.first_row; break;
        case Terminal::page_up: view.first_row -= std::min(view.first_row, page); break;
        case Terminal::page_down: view.first_row += page; break;
        case Terminal::home: view.first_row = 0; break;
        case Terminal::end: view.first_row = 1'000'000; break;
        default: break;
    }
    return true;
}

void run_top(Context& context, Options options) {
    const auto directory = context.cluster_directory();
    if (!directory) return;
    const Collector collector{*directory};
    auto cluster = collector.report();
    if (!cluster) return context.fail(cluster.error());
    if (const auto status = check_filter(*cluster, options.filter); !status) return context.fail(status.error());
    View view;
    if (context.json) {
        auto rows = rows_of(*cluster, options.filter);
        sort_rows(rows, options.sort, options.reverse);
        std::cout << rows_json(rows).dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
        return;
    }
    if (options.once) {
        std::cout << picture(*cluster, options, view, {200, 10'000}) << "\n";
        return;
    }
    const auto terminal = Terminal::open();
    if (!terminal)
        return context.fail(exit_usage,
                            "top needs a terminal; `troupe top --once` or `troupe inspect --watch` does not");
    auto next = std::chrono::steady_clock::now();
    for (;;) {
        const auto now = std::chrono::steady_clock::now();
        if (now >= next && !view.is_paused) {
            auto fresh = collector.report();
            // A cluster that is taken down under our eyes: the last picture stays.
            if (fresh) cluster = std::move(fresh);
            next = now + std::chrono::milliseconds(static_cast<int>(options.every_seconds * 1000));
        }
        const auto size = terminal->size();
        terminal->draw(picture(*cluster, options, view, size));
        const auto wait =
            std::chrono::duration_cast<std::chrono::milliseconds>(next - std::chrono::steady_clock::now());
        const auto key =
            terminal->key(view.is_paused ? 1000 : static_cast<int>(std::max<std::int64_t>(1, wait.count())));
        if (key && !on_key(*key, options, view, size.rows > 6 ? size.rows - 6 : 1)) return;
    }
}

}  // namespace

void add_top_command(CLI::App& app, Context& context) {
    auto* command = app.add_subcommand("top", "The cluster's actors live, the busiest first; `h` shows the keys");
    const auto options = std::make_shared<Options>();
    add_common(*command, context);
    command->add_option("--host", options->filter.host, "Only this host");
    command->add_option("--node", options->filter.node, "Only this node");
    command->add_option("--role", options->filter.role, "Only actors of this role");
    command->add_option("--filter", options->filter.text, "Only actors with this text in their id or state");
    command->add_option("--sort", options->sort, "Column to sort by")->check(CLI::IsMember(sort_keys()));
    command->add_option("--every", options->every_seconds, "Seconds between two looks")->check(CLI::Range(0.5, 60.0));
    command->add_flag("--once", options->once, "Print one picture and leave, as --json does");
    command->callback([options, &context] { run_top(context, *options); });
}

}  // namespace troupe::cli
