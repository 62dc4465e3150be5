#include "deploy/inspect/metrics.hpp"

#include <algorithm>
#include <array>

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
    // A height of 0 of a node that has no chain would be taken for one that has fallen behind.
    if (node.has_role("executor")) {
        page.family("troupe_executor_height", "gauge", "Height of the last executed block.");
        page.sample(node.executed);
    }
    if (!node.has_role("consensus")) return;
    page.family("troupe_consensus_height", "gauge", "Height of the last final block.");
    page.sample(node.height);
    page.family("troupe_consensus_view", "gauge", "View that the node is in at the next height.");
    page.sample(node.view);
    page.family("troupe_consensus_primary", "gauge", "1 while the node is the primary of its view.");
    page.sample(node.now == "primary" ? 1 : 0);
    page.family("troupe_consensus_pending_certificates", "gauge", "Chunk certificates that wait for a block.");
    page.sample(ready.status.certificates);
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

/// A figure of a role's own struct.
struct RoleFigure {
    std::string_view role;
    const char* field;
    std::string_view name;
    std::string_view type;
    std::string_view help;
};

/// Those of a role stand together.
constexpr std::array role_figures{
    RoleFigure{"executor", "transactions", "troupe_executor_transactions_total", "counter", "Transactions executed."},
    RoleFigure{"executor", "filtered", "troupe_executor_filtered_transactions_total", "counter",
               "Transactions of included chunks that were invalid and did not execute."},
    RoleFigure{"executor", "gas", "troupe_executor_gas_total", "counter", "Gas used by executed transactions."},
    RoleFigure{"executor", "parallel_transactions", "troupe_executor_parallel_transactions_total", "counter",
               "Transactions of blocks that executed in parallel."},
    RoleFigure{"executor", "parallel_executions", "troupe_executor_parallel_executions_total", "counter",
               "Speculative executions, those thrown away included."},
    RoleFigure{"executor", "parallel_validations", "troupe_executor_parallel_validations_total", "counter",
               "Validations of speculative executions."},
    RoleFigure{"executor", "parallel_aborts", "troupe_executor_parallel_aborts_total", "counter",
               "Validations that failed: the transaction was executed again."},
    RoleFigure{"executor", "parallel_waits", "troupe_executor_parallel_waits_total", "counter",
               "Executions put off until another transaction had executed."},
    RoleFigure{"executor", "speculated", "troupe_executor_speculated_transactions_total", "counter",
               "Transactions offered to workers of other processes ahead of their turn."},
    RoleFigure{"executor", "speculated_used", "troupe_executor_speculated_transactions_used_total", "counter",
               "Transactions whose result of another process counted."},
    RoleFigure{"chunk_builder", "queued", "troupe_chunk_builder_queued_transactions", "gauge",
               "Transactions held for chunks."},
    RoleFigure{"chunk_builder", "chunks_in_flight", "troupe_chunk_builder_chunks_in_flight", "gauge",
               "Own chunks that are neither executed nor expired."},
    RoleFigure{"chunk_signer", "signed_chunks", "troupe_chunk_signer_signed_chunks_total", "counter",
               "Chunks vouched for."},
    RoleFigure{"chunk_signer", "faults", "troupe_chunk_signer_faults_total", "counter",
               "Chunk faults of producers seen."},
    RoleFigure{"vm_pool", "workers", "troupe_vm_pool_workers", "gauge", "Workers of this process."},
    RoleFigure{"vm_pool", "idle", "troupe_vm_pool_idle_workers", "gauge", "Workers of this process without work."},
    RoleFigure{"vm_pool", "remote_lanes", "troupe_vm_pool_remote_lanes", "gauge",
               "Connections to workers of other processes."},
    RoleFigure{"vm_pool", "remote_idle", "troupe_vm_pool_idle_remote_lanes", "gauge",
               "Connections to workers of other processes that could take work."},
    RoleFigure{"vm_pool", "waiting_reads", "troupe_vm_pool_waiting_reads", "gauge", "Read calls that wait."},
    RoleFigure{"vm_pool", "reads_here", "troupe_vm_pool_local_reads_total", "counter",
               "Read calls run by workers of this process."},
    RoleFigure{"vm_pool", "reads_elsewhere", "troupe_vm_pool_remote_reads_total", "counter",
               "Read calls run by workers of other processes."},
    RoleFigure{"gateway", "pool_transactions", "troupe_gateway_pool_transactions", "gauge",
               "Accepted transactions that have not executed."},
    RoleFigure{"gateway", "held_requests", "troupe_gateway_held_requests", "gauge",
               "Requests that wait for a receipt."},
    RoleFigure{"gateway", "accepted", "troupe_gateway_transactions_accepted_total", "counter",
               "Transactions accepted."},
    RoleFigure{"gateway", "refused", "troupe_gateway_transactions_refused_total", "counter", "Transactions refused."},
    RoleFigure{"storage_node", "kept", "troupe_storage_node_height", "gauge",
               "Height of the last block whose bundle is kept."},
    RoleFigure{"storage_node", "receipts_pending", "troupe_storage_node_pending_receipts", "gauge",
               "Receipts that no block carries yet."},
    RoleFigure{"storage_node", "served", "troupe_storage_node_contents_served_total", "counter",
               "Contents given to other nodes."},
    RoleFigure{"storage_node", "served_bytes", "troupe_storage_node_served_bytes_total", "counter",
               "Bytes of contents given to other nodes."},
    RoleFigure{"storage_node", "damaged", "troupe_storage_node_damaged_reads_total", "counter",
               "Contents asked for that do not hash to their name any more."},
    RoleFigure{"metadata_node", "tip", "troupe_metadata_node_height", "gauge", "Height of the last manifest."},
    RoleFigure{"metadata_node", "checkpoints_unacknowledged", "troupe_metadata_node_unacknowledged_checkpoints",
               "gauge", "Checkpoints that the arbiter is not known to have."},
    RoleFigure{"metadata_node", "evidence", "troupe_metadata_node_evidence", "gauge",
               "Pieces of evidence of forks and invalid manifests that are kept."},
    RoleFigure{"batch_validator", "registered", "troupe_batch_validator_registered", "gauge",
               "1 while the arbiter has it registered."},
    RoleFigure{"batch_validator", "confirmed", "troupe_batch_validator_confirmed_total", "counter",
               "Checkpoints replayed and confirmed."},
    RoleFigure{"batch_validator", "reported", "troupe_batch_validator_reported_total", "counter",
               "Checkpoints whose replay gave something else."},
    RoleFigure{"batch_validator", "unable", "troupe_batch_validator_unable_total", "counter",
               "Checkpoints whose data could not be had."},
    RoleFigure{"arbiter", "entries", "troupe_arbiter_log_entries_total", "counter", "Entries of the arbiter's log."},
    RoleFigure{"arbiter", "latest_confirmed", "troupe_arbiter_confirmed_height", "gauge",
               "Height of the last confirmed checkpoint."},
    RoleFigure{"arbiter", "latest_verified", "troupe_arbiter_verified_height", "gauge",
               "Height of the last checkpoint that was validated as often as the draws demanded."},
    RoleFigure{"arbiter", "disputes_opened", "troupe_arbiter_disputes_total", "counter", "Disputes opened."},
};

/// Of the roles that are there.
void write_roles(Page& page, NodeObserver& observer) {
    std::string_view role;
    Json state;
    for (const auto& figure : role_figures) {
        if (figure.role != role) {
            role = figure.role;
            auto detail = observer.detail(role, 100);
            state = detail ? std::move(detail->state) : Json{};
        }
        if (!state.is_object() || !state.contains(figure.field)) continue;
        const auto& value = state[figure.field];
        page.family(figure.name, figure.type, figure.help);
        page.sample(value.is_boolean() ? (value.get<bool>() ? 1.0 : 0.0) : value.get<double>());
    }
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
