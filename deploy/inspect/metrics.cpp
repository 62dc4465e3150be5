#include "deploy/inspect/metrics.hpp"

#include <fmt/format.h>

#include "deploy/inspect/process_stats.hpp"

namespace troupe {
namespace {

using Labels = std::vector<std::pair<std::string_view, std::string>>;

[[nodiscard]] std::string escaped(std::string_view value) {
    std::string out;
    for (const char c : value) {
        if (c == '\\' || c == '"') out += '\\';
        if (c == '\n')
            out += "\\n";
        else
            out += c;
    }
    return out;
}

/// Writes families one after the other; the samples of a family stand together.
class Page {
public:
    void family(std::string_view name, std::string_view type, std::string_view help) {
        name_ = name;
        text_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
    }
    void sample(double value, const Labels& labels = {}) {
        text_ += name_;
        if (!labels.empty()) {
            char before = '{';
            for (const auto& [label, content] : labels) {
                text_ += before;
                text_ += fmt::format("{}=\"{}\"", label, escaped(content));
                before = ',';
            }
            text_ += '}';
        }
        text_ += fmt::format(" {}\n", value);
    }
    template <class Number>
    requires std::is_integral_v<Number>
    void sample(Number value, const Labels& labels = {}) { sample(static_cast<double>(value), labels); }
    [[nodiscard]] std::string take() { return std::move(text_); }

private:
    std::string name_;
    std::string text_;
};

void write_process(Page& page) {
    const auto process = read_process_stats();
    page.family("process_cpu_seconds_total", "counter", "User and system CPU time spent.");
    page.sample(process.cpu_seconds);
    page.family("process_resident_memory_bytes", "gauge", "Resident memory size.");
    page.sample(process.resident_bytes);
    page.family("process_virtual_memory_bytes", "gauge", "Virtual memory size.");
    page.sample(process.virtual_bytes);
    page.family("process_start_time_seconds", "gauge", "Start time of the process since the Unix epoch.");
    page.sample(process.start_time);
    page.family("process_open_fds", "gauge", "Open file descriptors.");
    page.sample(process.open_files);
    page.family("process_max_fds", "gauge", "Most file descriptors that may be open.");
    page.sample(process.open_files_max);
    page.family("process_threads", "gauge", "Threads of the process.");
    page.sample(process.threads);
}

void write_node(Page& page, const NodeReport& node, const NodeObserver::Readiness& ready) {
    page.family("troupe_node_info", "gauge", "Always 1; what the node is.");
    page.sample(1, {{"node", node.name},
                    {"host", node.host},
                    {"version", node.version},
                    {"validator", node.is_validator ? "true" : "false"}});
    page.family("troupe_node_ready", "gauge", "1 when the node is in step with the cluster and serves.");
    page.sample(ready.is_ready ? 1 : 0);
    page.family("troupe_consensus_height", "gauge", "Height of the last final block.");
    page.sample(node.height);
    page.family("troupe_consensus_view", "gauge", "View that the node is in at the next height.");
    page.sample(node.view);
    page.family("troupe_consensus_primary", "gauge", "1 while the node is the primary of its view.");
    page.sample(node.now == "primary" ? 1 : 0);
    page.family("troupe_consensus_pending_certificates", "gauge", "Chunk certificates that wait for a block.");
    page.sample(ready.status.certificates);
    page.family("troupe_executor_height", "gauge", "Height of the last executed block.");
    page.sample(node.executed);
}

void write_links(Page& page, const std::vector<LinkReport>& links) {
    const auto each = [&](std::string_view name, std::string_view type, std::string_view help, auto value) {
        page.family(name, type, help);
        for (const auto& link : links) page.sample(value(link), {{"peer", link.peer}});
    };
    each("troupe_link_up", "gauge", "1 while the link to the peer is established.",
         [](const auto& l) { return l.connected ? 1 : 0; });
    each("troupe_link_round_trip_seconds", "gauge", "Of the newest answered ping.",
         [](const auto& l) { return l.round_trip_seconds; });
    each("troupe_link_frames_received_total", "counter", "Frames received from the peer.",
         [](const auto& l) { return l.frames_in; });
    each("troupe_link_frames_sent_total", "counter", "Frames sent to the peer.",
         [](const auto& l) { return l.frames_out; });
    each("troupe_link_received_bytes_total", "counter", "Bytes received from the peer.",
         [](const auto& l) { return l.bytes_in; });
    each("troupe_link_sent_bytes_total", "counter", "Bytes sent to the peer.",
         [](const auto& l) { return l.bytes_out; });
    each("troupe_link_queued_bytes", "gauge", "Bytes that wait to be sent to the peer.",
         [](const auto& l) { return l.queued_bytes; });
    each("troupe_link_frames_dropped_total", "counter", "Frames to the peer that were not sent.",
         [](const auto& l) { return l.frames_dropped; });
    each("troupe_link_reconnects_total", "counter", "Times that the link was established again.",
         [](const auto& l) { return l.reconnects; });
}

void write_actors(Page& page, const std::vector<ActorReport>& actors) {
    const auto each = [&](std::string_view name, std::string_view type, std::string_view help, auto value) {
        page.family(name, type, help);
        for (const auto& actor : actors)
            if (actor.ended.empty()) page.sample(value(actor), {{"actor", actor.name}, {"role", actor.role}});
    };
    each("troupe_actor_busy_seconds_total", "counter", "Time that the actor's handlers had a thread.",
         [](const auto& a) { return a.busy_seconds; });
    each("troupe_actor_mailbox_messages", "gauge", "Messages that wait in the actor's mailbox.",
         [](const auto& a) { return a.mailbox; });
    each("troupe_actor_restarts_total", "counter", "Times that the actor was started again.",
         [](const auto& a) { return a.restarts; });
    each("troupe_actor_errors_total", "counter", "Errors of the actor's handlers.",
         [](const auto& a) { return a.errors; });
}

void write_messages(Page& page, const ActorRegistry& registry) {
    const auto entries = registry.all();
    std::map<std::uint64_t, ActorEntryPtr> by_id;
    // Summed over peers, so that the number of series does not grow with the cluster.
    std::map<std::pair<std::uint64_t, std::string>, std::uint64_t> in;
    std::map<std::pair<std::uint64_t, std::string>, std::uint64_t> out;
    for (const auto& entry : entries) {
        if (entry->meter->has_ended()) continue;
        by_id[entry->id] = entry;
        for (const auto* channel : entry->meter->channels())
            (channel->is_out ? out : in)[{entry->id, channel->kind}] += entry->meter->count_of(*channel);
    }
    for (const auto& sent : ActorRegistry::sent_between(entries)) out[{sent.from, sent.kind}] += sent.count;
    const auto write = [&](std::string_view name, std::string_view help, const auto& counts) {
        page.family(name, "counter", help);
        for (const auto& [key, count] : counts)
            if (const auto it = by_id.find(key.first); it != by_id.end())
                page.sample(count, {{"actor", it->second->name()}, {"role", it->second->role}, {"kind", key.second}});
    };
    write("troupe_actor_messages_received_total", "Messages that the actor took from its mailbox, by kind.", in);
    write("troupe_actor_messages_sent_total", "Messages that the actor sent to actors and nodes, by kind.", out);
}

/// Figures of a role's own struct, where the role is there.
void write_roles(Page& page, NodeObserver& observer) {
    const auto state_of = [&](std::string_view role) {
        const auto detail = observer.detail(role, 100);
        return detail ? detail->state : Json{};
    };
    const auto one = [&](const Json& state, const char* field, std::string_view name, std::string_view type,
                         std::string_view help) {
        if (!state.is_object() || !state.contains(field)) return;
        page.family(name, type, help);
        page.sample(state[field].get<double>());
    };
    const auto executor = state_of("executor");
    one(executor, "transactions", "troupe_executor_transactions_total", "counter", "Transactions executed.");
    one(executor, "filtered", "troupe_executor_filtered_transactions_total", "counter",
        "Transactions of included chunks that were invalid and did not execute.");
    one(executor, "gas", "troupe_executor_gas_total", "counter", "Gas used by executed transactions.");
    one(executor, "parallel_transactions", "troupe_executor_parallel_transactions_total", "counter",
        "Transactions of blocks that executed in parallel.");
    one(executor, "parallel_executions", "troupe_executor_parallel_executions_total", "counter",
        "Speculative executions, those thrown away included.");
    one(executor, "parallel_validations", "troupe_executor_parallel_validations_total", "counter",
        "Validations of speculative executions.");
    one(executor, "parallel_aborts", "troupe_executor_parallel_aborts_total", "counter",
        "Validations that failed: the transaction was executed again.");
    one(executor, "parallel_waits", "troupe_executor_parallel_waits_total", "counter",
        "Executions put off until another transaction had executed.");
    const auto builder = state_of("chunk_builder");
    one(builder, "queued", "troupe_chunk_builder_queued_transactions", "gauge", "Transactions held for chunks.");
    one(builder, "chunks_in_flight", "troupe_chunk_builder_chunks_in_flight", "gauge",
        "Own chunks that are neither executed nor expired.");
    const auto signer = state_of("chunk_signer");
    one(signer, "signed_chunks", "troupe_chunk_signer_signed_chunks_total", "counter", "Chunks vouched for.");
    one(signer, "faults", "troupe_chunk_signer_faults_total", "counter", "Chunk faults of producers seen.");
    const auto gateway = state_of("gateway");
    one(gateway, "pool_transactions", "troupe_gateway_pool_transactions", "gauge",
        "Accepted transactions that have not executed.");
    one(gateway, "held_requests", "troupe_gateway_held_requests", "gauge", "Requests that wait for a receipt.");
    one(gateway, "accepted", "troupe_gateway_transactions_accepted_total", "counter", "Transactions accepted.");
    one(gateway, "refused", "troupe_gateway_transactions_refused_total", "counter", "Transactions refused.");
}

}  // namespace

std::string metrics(NodeObserver& observer) {
    Page page;
    const auto node = observer.report();
    write_process(page);
    write_node(page, node, observer.readiness());
    write_roles(page, observer);
    write_links(page, node.links);
    write_actors(page, node.actors);
    write_messages(page, *observer.options().actors);
    return page.take();
}

}  // namespace troupe
