#include "deploy/cli/inspect_view.hpp"

#include <algorithm>
#include <ctime>

#include <fmt/format.h>

#include "deploy/manifest/hint.hpp"

namespace troupe::cli {
namespace {

[[nodiscard]] std::size_t width_of(std::string_view text) {
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

[[nodiscard]] std::string percent(double share) { return fmt::format("{:.1f}%", share * 100); }

[[nodiscard]] std::string state_of(const ActorReport& actor) {
    if (!actor.ended.empty()) return "ended: " + printable(actor.ended);
    auto text = printable(actor.state);
    if (!actor.answers) text += text.empty() ? "busy" : " (busy)";
    return text;
}

[[nodiscard]] std::vector<std::string> figures(const ActorReport& actor) {
    return {std::to_string(actor.mailbox), count_text(actor.messages_per_second) + "/s",
            percent(actor.busy_share),     std::to_string(actor.restarts),
            std::to_string(actor.errors),  duration_text(actor.uptime_seconds)};
}

void add(std::vector<std::string>& to, const std::vector<std::string>& more) {
    to.insert(to.end(), more.begin(), more.end());
}

[[nodiscard]] std::string node_line(const NodeReport& node) {
    if (node.actors.empty()) return node.name + "  " + node.state;
    std::size_t up = 0;
    for (const auto& link : node.links) up += link.connected ? 1 : 0;
    return fmt::format("{}  {}  {}{}{}  cpu {}  {} MB  up {}", node.name, node.state,
                       node.has_role("consensus") ? fmt::format("h={} v={} ", node.height, node.view) : "",
                       printable(node.now),
                       node.links.empty() ? "" : fmt::format("  links {}/{}", up, node.links.size()),
                       percent(node.cpu_share), node.resident_bytes >> 20, duration_text(node.uptime_seconds));
}

[[nodiscard]] std::string bytes_text(double bytes) { return bytes == 0 ? "" : count_text(bytes) + "B"; }

/// Of a list of structs in an actor's state, from its end; JSON has all.
constexpr std::size_t rows_shown = 24;
constexpr std::size_t elements_shown = 8;

[[nodiscard]] std::string value_text(const Json& value) {
    if (value.is_null()) return "-";
    if (value.is_string()) return printable(value.get<std::string>());
    if (!value.is_array()) return value.dump();
    std::string out;
    for (const auto& element : value) out += (out.empty() ? "" : ", ") + value_text(element);
    return out.empty() ? "-" : out;
}

[[nodiscard]] std::string skipped_text(std::size_t shown, std::size_t all) {
    return shown < all ? fmt::format(" (the last {} of {}; --json shows all)", shown, all) : "";
}

void show_json(const Json& value, const std::string& indent, std::string& out);

/// Structs of single values make a table, others a block each.
void show_list(const Json& list, const std::string& name, const std::string& indent, std::string& out) {
    const bool is_flat = std::ranges::all_of(list, [](const Json& element) {
        return element.is_object() && std::ranges::none_of(element, [](const Json& m) { return m.is_object(); });
    });
    const auto shown = std::min(list.size(), is_flat ? rows_shown : elements_shown);
    out += indent + name + skipped_text(shown, list.size()) + "\n";
    std::vector<std::vector<std::string>> table;
    for (auto i = list.size() - shown; i < list.size(); ++i) {
        if (!is_flat) {
            std::string lines;
            show_json(list[i], indent + "    ", lines);
            out += indent + "  - " + lines.substr(std::min(lines.size(), indent.size() + 4));
            continue;
        }
        if (table.empty()) table.emplace_back();
        auto& row = table.emplace_back();
        for (const auto& [member, content] : list[i].items()) {
            if (table.size() == 2) table.front().push_back(member);
            row.push_back(value_text(content));
        }
    }
    for (const auto& line : columns(table, 1)) out += indent + "  " + line + "\n";
}

void show_json(const Json& value, const std::string& indent, std::string& out) {
    if (!value.is_object()) {
        out += indent + value_text(value) + "\n";
        return;
    }
    std::size_t width = 16;
    for (const auto& [name, member] : value.items()) width = std::max(width, name.size());
    for (const auto& [name, member] : value.items()) {
        if (member.is_object()) {
            out += indent + name + "\n";
            show_json(member, indent + "  ", out);
        } else if (member.is_array() && std::ranges::any_of(member, [](const Json& m) { return m.is_object(); })) {
            show_list(member, name, indent, out);
        } else {
            out += fmt::format("{}{:<{}}  {}\n", indent, name, width, value_text(member));
        }
    }
}

}  // namespace

bool RowFilter::admits(const ActorRow& row) const {
    return (host.empty() || row.host == host) && (node.empty() || row.node == node) &&
           (role.empty() || row.actor.role == role) &&
           (text.empty() || row.id().find(text) != std::string::npos ||
            row.actor.state.find(text) != std::string::npos);
}

Status check_filter(const ClusterReport& cluster, const RowFilter& filter) {
    std::vector<std::string> hosts, nodes, roles;
    for (const auto& host : cluster.hosts) {
        hosts.push_back(host.name);
        for (const auto& node : host.nodes) {
            nodes.push_back(node.name);
            // A node that does not answer has its manifest's roles.
            roles.insert(roles.end(), node.roles.begin(), node.roles.end());
            for (const auto& actor : node.actors) roles.push_back(actor.role);
        }
    }
    const auto check = [](const char* what, const std::string& wanted,
                          const std::vector<std::string>& known) -> Status {
        if (wanted.empty() || std::ranges::find(known, wanted) != known.end()) return Done{};
        return make_error(ErrorCode::not_found, fmt::format("no {} \"{}\"", what, wanted) + hint_for(wanted, known));
    };
    if (auto status = check("host", filter.host, hosts); !status) return status;
    if (auto status = check("node", filter.node, nodes); !status) return status;
    return check("role", filter.role, roles);
}

const std::vector<std::string>& sort_keys() {
    static const std::vector<std::string> keys{"id",   "busy",   "messages", "mailbox",
                                               "role", "errors", "restarts", "uptime"};
    return keys;
}

std::vector<ActorRow> rows_of(const ClusterReport& cluster, const RowFilter& filter) {
    std::vector<ActorRow> out;
    for (const auto& host : cluster.hosts)
        for (const auto& node : host.nodes)
            for (const auto& actor : node.actors) {
                ActorRow row{host.name, node.name, actor};
                if (filter.admits(row)) out.push_back(std::move(row));
            }
    return out;
}

void sort_rows(std::vector<ActorRow>& rows, const std::string& key, bool reverse) {
    const auto number = [&](const ActorRow& row) -> double {
        const auto& a = row.actor;
        if (key == "busy") return a.busy_share;
        if (key == "messages") return a.messages_per_second;
        if (key == "mailbox") return static_cast<double>(a.mailbox);
        if (key == "errors") return static_cast<double>(a.errors);
        if (key == "restarts") return static_cast<double>(a.restarts);
        if (key == "uptime") return a.uptime_seconds;
        return 0;
    };
    std::ranges::stable_sort(rows, [&](const ActorRow& a, const ActorRow& b) {
        if (number(a) != number(b)) return number(a) > number(b);
        if (key == "role" && a.actor.role != b.actor.role) return a.actor.role < b.actor.role;
        return a.id() < b.id();
    });
    if (reverse) std::ranges::reverse(rows);
}

Json rows_json(const std::vector<ActorRow>& rows) {
    Json out = Json::array();
    for (const auto& row : rows) {
        Json one{{"id", row.id()}, {"host", row.host}, {"node", row.node}};
        one.update(report_json(row.actor));
        out.push_back(std::move(one));
    }
    return out;
}

std::string show_tree(const ClusterReport& cluster, const RowFilter& filter) {
    struct Line {
        std::string before;
        const ActorRow* row = nullptr;
    };
    const auto rows = rows_of(cluster, filter);
    const bool has_filter = !filter.role.empty() || !filter.text.empty();
    std::vector<Line> lines;
    std::size_t nodes = 0;
    for (const auto& host : cluster.hosts) {
        if (!filter.host.empty() && host.name != filter.host) continue;
        std::vector<const NodeReport*> shown;
        for (const auto& node : host.nodes) {
            if (!filter.node.empty() && node.name != filter.node) continue;
            if (has_filter && std::ranges::none_of(rows, [&](const auto& row) { return row.node == node.name; }))
                continue;
            shown.push_back(&node);
        }
        if (shown.empty()) continue;
        lines.push_back({"host " + host.name, nullptr});
        for (const auto* node : shown) {
            ++nodes;
            const bool last_node = node == shown.back();
            lines.push_back({(last_node ? "└─ " : "├─ ") + node_line(*node), nullptr});
            std::vector<const ActorRow*> own;
            for (const auto& row : rows)
                if (row.node == node->name) own.push_back(&row);
            for (const auto* row : own)
                lines.push_back(
                    {std::string{last_node ? "   " : "│  "} + (row == own.back() ? "└─ " : "├─ ") + row->actor.name,
                     row});
        }
    }
    std::vector<std::vector<std::string>> table{
        {"", "STATE", "MAILBOX", "MESSAGES", "BUSY", "RESTARTS", "ERRORS", "UPTIME"}};
    for (const auto& line : lines) {
        if (line.row == nullptr) continue;
        std::vector<std::string> cells{line.before, state_of(line.row->actor)};
        add(cells, figures(line.row->actor));
        table.push_back(std::move(cells));
    }
    const auto padded = columns(table, 2);
    std::string out = fmt::format("cluster {}: {} nodes, {} actors\n", cluster.name, nodes, rows.size());
    if (!rows.empty()) out += padded[0] + "\n";
    std::size_t next = 1;
    for (const auto& line : lines) out += (line.row == nullptr ? line.before : padded[next++]) + "\n";
    if (std::ranges::all_of(cluster.hosts, [](const HostReport& host) {
            return std::ranges::all_of(host.nodes, [](const NodeReport& node) { return node.state == "stopped"; });
        }))
        out += "Nothing is running; `troupe up` starts it again.\n";
    return out;
}

std::string show_rows(const std::vector<ActorRow>& rows) {
    std::vector<std::vector<std::string>> table{
        {"ACTOR", "STATE", "MAILBOX", "MESSAGES", "BUSY", "RESTARTS", "ERRORS", "UPTIME"}};
    for (const auto& row : rows) {
        std::vector<std::string> cells{row.id(), state_of(row.actor)};
        add(cells, figures(row.actor));
        table.push_back(std::move(cells));
    }
    std::string out;
    for (const auto& line : columns(table, 2)) out += line + "\n";
    return out;
}

std::string show_hosts(const ClusterReport& cluster) {
    std::vector<std::vector<std::string>> table{{"HOST", "STATE", "NODES", "UP", "ACTORS", "CPU", "MEMORY"}};
    for (const auto& host : cluster.hosts) {
        std::size_t up = 0, actors = 0;
        std::uint64_t bytes = 0;
        double cpu = 0;
        for (const auto& node : host.nodes) {
            up += node.actors.empty() ? 0 : 1;
            actors += node.actors.size();
            cpu += node.cpu_share;
            bytes += node.resident_bytes;
        }
        const auto all_are = [&](std::string_view state) {
            return std::ranges::all_of(host.nodes, [&](const NodeReport& node) { return node.state == state; });
        };
        const auto* state = all_are("unreachable") ? "unreachable" : all_are("stopped") ? "stopped" : "up";
        table.push_back({host.name, state, std::to_string(host.nodes.size()), std::to_string(up),
                         std::to_string(actors), percent(cpu), std::to_string(bytes >> 20) + " MB"});
    }
    std::string out;
    for (const auto& line : columns(table, 2)) out += line + "\n";
    return out;
}

std::string show_links(const NodeReport& node) {
    std::vector<std::vector<std::string>> table{
        {"LINK TO", "STATE", "ROUND TRIP", "FRAMES IN", "FRAMES OUT", "IN", "OUT", "QUEUED", "DROPPED", "RECONNECTS"}};
    for (const auto& link : node.links)
        table.push_back(
            {link.peer, link.connected ? "up" : "down " + printable(link.last_error),
             link.round_trip_seconds == 0 ? "-" : fmt::format("{:.2f} ms", link.round_trip_seconds * 1e3),
             count_text(static_cast<double>(link.frames_in)), count_text(static_cast<double>(link.frames_out)),
             bytes_text(static_cast<double>(link.bytes_in)), bytes_text(static_cast<double>(link.bytes_out)),
             bytes_text(static_cast<double>(link.queued_bytes)), std::to_string(link.frames_dropped),
             std::to_string(link.reconnects)});
    std::string out;
    for (const auto& line : columns(table, 2)) out += line + "\n";
    return out;
}

std::string show_actor(const std::string& node, const Json& json) {
    ActorDetail detail;
    read_report(json, detail);
    const auto& actor = detail.actor;
    std::string out = fmt::format("{}/{}  {}\n", node, actor.name, state_of(actor));
    out +=
        fmt::format("role {}, up {}, restarts {}\n", actor.role, duration_text(actor.uptime_seconds), actor.restarts);
    out += fmt::format("mailbox {}, messages {} in and {} out, {}/s, busy {} ({:.3f} s of CPU and waiting)\n",
                       actor.mailbox, actor.messages_in, actor.messages_out, count_text(actor.messages_per_second),
                       percent(actor.busy_share), actor.busy_seconds);
    if (actor.running_seconds > 0.1)
        out += fmt::format("at its present work for {}\n", duration_text(actor.running_seconds));
    if (actor.errors > 0)
        out += fmt::format("errors {}, the last at {}: {}\n", actor.errors, time_text(actor.last_error_us),
                           printable(actor.last_error));
    const auto section = [&](const char* title, const std::vector<std::vector<std::string>>& table, std::size_t left) {
        if (table.size() < 2) return;
        out += fmt::format("\n{}\n", title);
        for (const auto& line : columns(table, left)) out += "  " + line + "\n";
    };
    if (detail.state.is_object()) {
        out += "\nstate\n";
        show_json(detail.state, "  ", out);
    }
    const auto traffic = [&](const char* title, const char* column, const std::vector<TrafficReport>& list) {
        std::vector<std::vector<std::string>> table{{column, "IN", "OUT", "BYTES IN", "BYTES OUT"}};
        for (const auto& t : list)
            table.push_back({printable(t.name), std::to_string(t.messages_in), std::to_string(t.messages_out),
                             bytes_text(static_cast<double>(t.bytes_in)),
                             bytes_text(static_cast<double>(t.bytes_out))});
        section(title, table, 1);
    };
    traffic("messages by kind", "KIND", detail.kinds);
    traffic("peers", "PEER", detail.peers);
    std::vector<std::vector<std::string>> table{{"TIMER", "DUE"}};
    for (const auto& timer : detail.timers) {
        const auto now = TickClock::to_unix_us(ticks_now());
        table.push_back({printable(timer.kind),
                         timer.due_us > now ? "in " + duration_text(static_cast<double>(timer.due_us - now) * 1e-6)
                                            : "at " + time_text(timer.due_us)});
    }
    section("timers", table, 1);
    table = {{"TIME", "KIND", "FROM", "BYTES"}};
    for (const auto& message : detail.messages)
        table.push_back({time_text(message.time_us), printable(message.kind), printable(message.from),
                         message.bytes != 0 ? std::to_string(message.bytes) : "-"});
    section("last messages", table, 3);
    return out;
}

std::vector<std::string> columns(const std::vector<std::vector<std::string>>& rows, std::size_t left) {
    std::vector<std::size_t> widths;
    for (const auto& row : rows)
        for (std::size_t i = 0; i < row.size(); ++i) {
            if (i >= widths.size()) widths.push_back(0);
            widths[i] = std::max(widths[i], width_of(row[i]));
        }
    std::vector<std::string> out;
    for (const auto& row : rows) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) {
            const std::string padding(widths[i] - width_of(row[i]), ' ');
            line += (i == 0 ? "" : "  ") + (i < left ? row[i] + padding : padding + row[i]);
        }
        out.push_back(line.substr(0, line.find_last_not_of(' ') + 1));
    }
    return out;
}

std::string clipped(const std::string& line, std::size_t width) {
    std::size_t seen = 0;
    for (std::size_t i = 0; i < line.size(); ++i)
        if ((static_cast<unsigned char>(line[i]) & 0xC0) != 0x80 && seen++ == width) return line.substr(0, i);
    return line;
}

std::string duration_text(double seconds) {
    const auto s = static_cast<std::uint64_t>(std::max(0.0, seconds));
    if (seconds < 60) return fmt::format("{:.1f}s", seconds);
    if (s < 3600) return fmt::format("{}m{:02}s", s / 60, s % 60);
    if (s < 86400) return fmt::format("{}h{:02}m", s / 3600, s / 60 % 60);
    return fmt::format("{}d{:02}h", s / 86400, s / 3600 % 24);
}

std::string count_text(double count) {
    if (count < 10 && count != static_cast<double>(static_cast<std::uint64_t>(count)))
        return fmt::format("{:.1f}", count);
    if (count < 10'000) return fmt::format("{:.0f}", count);
    if (count < 1e6) return fmt::format("{:.1f}k", count / 1e3);
    if (count < 1e9) return fmt::format("{:.1f}M", count / 1e6);
    return fmt::format("{:.1f}G", count / 1e9);
}

std::string time_text(std::uint64_t unix_us) {
    const auto seconds = static_cast<std::time_t>(unix_us / 1'000'000);
    std::tm local{};
    localtime_r(&seconds, &local);
    return fmt::format("{:02}:{:02}:{:02}.{:06}", local.tm_hour, local.tm_min, local.tm_sec, unix_us % 1'000'000);
}

std::string printable(std::string_view text) {
    std::string out;
    for (const char c : text) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
    return out;
}

}  // namespace troupe::cli
