#include "deploy/inspect/observer.hpp"

#include <algorithm>
#include <unordered_map>

#include <unistd.h>

#include "deploy/inspect/process_stats.hpp"

namespace troupe {
namespace {

/// Rates are over this many samples at most: about five seconds.
constexpr std::size_t samples_max = 10;
/// A node whose consensus has not said anything for this long is not ready.
constexpr std::uint64_t silence_ns_max = 5'000'000'000;
constexpr std::size_t messages_shown = 50;

[[nodiscard]] std::uint64_t now_us() { return TickClock::to_unix_us(ticks_now()); }

[[nodiscard]] std::string host_name() {
    char name[256] = {};
    return gethostname(name, sizeof name - 1) == 0 ? name : "";
}

}  // namespace

NodeObserver::NodeObserver(ObserverOptions options) : options_(std::move(options)), started_us_(now_us()) {}

void NodeObserver::sample() {
    const auto entries = options_.actors->all();
    std::unordered_map<std::uint64_t, std::uint64_t> out;
    for (const auto& sent : ActorRegistry::sent_between(entries)) out[sent.from] += sent.count;
    const auto process = read_process_stats();
    const std::lock_guard lock{mutex_};
    const auto push = [](std::deque<Sample>& samples, Sample sample) {
        samples.push_back(sample);
        if (samples.size() > samples_max) samples.pop_front();
    };
    std::map<const Meter*, std::deque<Sample>> kept;
    std::map<const Meter*, std::string> summaries;
    for (const auto& entry : entries) {
        const auto* meter = entry->meter.get();
        auto& samples = kept[meter] = std::move(samples_[meter]);
        push(samples, {ticks_now(), meter->in() + meter->frames_out() + out[entry->id], meter->busy_ns()});
        if (const auto it = summaries_.find(meter); it != summaries_.end()) summaries.insert(std::move(*it));
    }
    // Those of actors that are gone go with them.
    samples_ = std::move(kept);
    summaries_ = std::move(summaries);
    push(process_samples_, {ticks_now(), 0, static_cast<std::uint64_t>(process.cpu_seconds * 1e9)});
}

void NodeObserver::set_status(const consensus::NodeStatus& status, bool has_answered) {
    const std::lock_guard lock{mutex_};
    if (!has_answered) return;
    status_ = status;
    has_answered_ = true;
    answered_ticks_ = ticks_now();
}

void NodeObserver::set_nodes(std::vector<KnownNode> nodes) {
    const std::lock_guard lock{mutex_};
    nodes_ = std::move(nodes);
}

void NodeObserver::set_draining(std::string state) {
    const std::lock_guard lock{mutex_};
    draining_ = std::move(state);
}

NodeObserver::Readiness NodeObserver::readiness() const {
    const std::lock_guard lock{mutex_};
    const bool is_silent = !has_answered_ || TickClock::to_ns(ticks_now() - answered_ticks_) > silence_ns_max;
    Readiness out;
    out.status = status_;
    out.state = !has_answered_        ? "starting"
                : is_silent           ? "stuck"
                : !draining_.empty()  ? draining_
                : status_.catching_up ? "catching_up"
                                      : "ready";
    out.is_ready = out.state == "ready";
    return out;
}

ActorReport NodeObserver::actor_report(const ActorEntry& entry, std::uint64_t out,
                                       const std::optional<ActorAnswer>& answer) {
    const auto& meter = *entry.meter;
    ActorReport report;
    report.name = entry.name();
    report.role = entry.role;
    report.messages_in = meter.in();
    report.messages_out = meter.frames_out() + out;
    report.mailbox = meter.mailbox();
    const auto busy_ns = meter.busy_ns();
    report.busy_seconds = static_cast<double>(busy_ns) * 1e-9;
    report.running_seconds = static_cast<double>(meter.running_ns()) * 1e-9;
    report.restarts = entry.restarts;
    report.uptime_seconds = static_cast<double>(now_us() - entry.started_us) * 1e-6;
    report.errors = meter.errors();
    if (const auto error = meter.last_error(); error.unix_us != 0) {
        report.last_error = error.text;
        report.last_error_us = error.unix_us;
    }
    if (meter.has_ended()) report.ended = meter.end_reason();
    report.answers = answer.has_value() || meter.has_ended();

    const std::lock_guard lock{mutex_};
    if (answer) summaries_[&meter] = answer->summary;
    if (const auto it = summaries_.find(&meter); it != summaries_.end()) report.state = it->second;
    if (const auto it = samples_.find(&meter); it != samples_.end() && !it->second.empty()) {
        const auto& first = it->second.front();
        const auto ns = static_cast<double>(TickClock::to_ns(ticks_now() - first.ticks));
        const auto messages = report.messages_in + report.messages_out;
        if (ns > 0) {
            report.messages_per_second = static_cast<double>(messages - std::min(messages, first.messages)) * 1e9 / ns;
            report.busy_share = std::min(1.0, static_cast<double>(busy_ns - std::min(busy_ns, first.busy_ns)) / ns);
        }
    }
    return report;
}

KnownNode NodeObserver::node_at(std::uint32_t index) const {
    const std::lock_guard lock{mutex_};
    if (index < nodes_.size() && !nodes_[index].name.empty()) return nodes_[index];
    return {"node " + std::to_string(index), true};
}

std::string NodeObserver::peer_name(PeerKey peer) const {
    if (peer.is_node()) return node_at(peer.node_index()).name;
    if (peer.value == 0) return "outside";
    const auto entry = options_.actors->find_id(peer.value);
    return entry ? entry->name() : "actor " + std::to_string(peer.value);
}

std::vector<LinkReport> NodeObserver::links() const {
    std::vector<LinkReport> out;
    if (!options_.links) return out;
    for (const auto& peer : options_.links()) {
        const auto node = node_at(peer.index.value);
        if (!node.is_there && !peer.connected) continue;
        LinkReport link;
        link.peer = node.name;
        link.connected = peer.connected;
        link.round_trip_seconds = static_cast<double>(peer.round_trip_us) * 1e-6;
        link.frames_in = peer.frames_in;
        link.frames_out = peer.frames_out;
        link.bytes_in = peer.bytes_in;
        link.bytes_out = peer.bytes_out;
        link.queued_bytes = peer.queued_bytes;
        link.frames_dropped = peer.bulk_dropped + peer.dropped_unconnected + peer.lost_on_close + peer.dropped_illegal;
        link.reconnects = peer.connections > 0 ? peer.connections - 1 : 0;
        link.last_error = peer.last_error;
        out.push_back(std::move(link));
    }
    return out;
}

NodeReport NodeObserver::report(unsigned wait_ms) {
    const auto entries = options_.actors->all();
    const auto answers = ActorRegistry::ask(entries, false, wait_ms);
    std::unordered_map<std::uint64_t, std::uint64_t> sent_by;
    for (const auto& sent : ActorRegistry::sent_between(entries)) sent_by[sent.from] += sent.count;

    NodeReport report;
    report.name = options_.name;
    report.host = host_name();
    report.index = options_.index;
    report.is_validator = options_.is_validator;
    report.roles = options_.roles;
    report.pid = static_cast<std::uint32_t>(getpid());
    report.version = options_.version;
    const auto ready = readiness();
    report.state = ready.state;
    report.height = ready.status.height.value;
    report.executed = ready.status.executed.value;
    report.view = ready.status.view.value;
    report.now = ready.status.role;
    report.time_us = now_us();
    report.uptime_seconds = static_cast<double>(report.time_us - started_us_) * 1e-6;
    const auto process = read_process_stats();
    report.cpu_seconds = process.cpu_seconds;
    report.resident_bytes = process.resident_bytes;
    {
        const std::lock_guard lock{mutex_};
        if (!process_samples_.empty()) {
            const auto& first = process_samples_.front();
            const auto seconds = static_cast<double>(TickClock::to_ns(ticks_now() - first.ticks)) * 1e-9;
            const auto before = static_cast<double>(first.busy_ns) * 1e-9;
            if (seconds > 0) report.cpu_share = std::max(0.0, process.cpu_seconds - before) / seconds;
        }
    }
    report.links = links();
    for (std::size_t i = 0; i < entries.size(); ++i)
        report.actors.push_back(actor_report(*entries[i], sent_by[entries[i]->id], answers[i]));
    return report;
}

std::optional<ActorDetail> NodeObserver::detail(std::string_view actor, unsigned wait_ms) {
    const auto entry = options_.actors->find(actor);
    if (!entry) return std::nullopt;
    const auto answer = ActorRegistry::ask({entry}, true, wait_ms)[0];
    const auto& meter = *entry->meter;
    ActorDetail detail;
    std::map<std::string, TrafficReport> kinds;
    std::map<std::string, TrafficReport> peers;
    const auto add = [&](const std::string& kind, const std::string& peer, bool is_out, std::uint64_t count,
                         std::uint64_t bytes) {
        for (auto* traffic : {&kinds[kind], &peers[peer]}) {
            (is_out ? traffic->messages_out : traffic->messages_in) += count;
            (is_out ? traffic->bytes_out : traffic->bytes_in) += bytes;
        }
    };
    for (const auto* channel : meter.channels())
        add(channel->kind, peer_name(channel->peer), channel->is_out, meter.count_of(*channel), channel->bytes);
    std::uint64_t out = 0;
    for (const auto& sent : ActorRegistry::sent_between(options_.actors->all())) {
        if (sent.from != entry->id) continue;
        out += sent.count;
        add(sent.kind, peer_name(PeerKey::actor(sent.to)), true, sent.count, 0);
    }
    const auto list = [](std::map<std::string, TrafficReport>& from, std::vector<TrafficReport>& to) {
        for (auto& [name, traffic] : from) {
            traffic.name = name;
            to.push_back(std::move(traffic));
        }
    };
    list(kinds, detail.kinds);
    list(peers, detail.peers);
    detail.actor = actor_report(*entry, out, answer ? std::optional{ActorAnswer{answer->summary, {}}} : std::nullopt);
    if (answer && !answer->state.empty()) detail.state = Json::parse(answer->state, nullptr, false);
    detail.timers = meter.timers();
    std::uint64_t next = 0;
    auto messages = meter.messages(0, next);
    const auto skip = messages.size() > messages_shown ? messages.size() - messages_shown : 0;
    for (std::size_t i = skip; i < messages.size(); ++i) {
        const auto& message = messages[i];
        detail.messages.push_back({next - messages.size() + i, TickClock::to_unix_us(message.ticks),
                                   message.channel->kind, peer_name(message.channel->peer), message.bytes});
    }
    return detail;
}

std::optional<std::vector<MessageReport>> NodeObserver::follow(std::string_view actor, std::uint64_t from,
                                                               std::uint64_t& next) {
    const auto entry = options_.actors->find(actor);
    if (!entry) return std::nullopt;
    entry->meter->widen_ring();
    std::vector<MessageReport> out;
    const auto messages = entry->meter->messages(from, next);
    for (std::size_t i = 0; i < messages.size(); ++i)
        out.push_back({next - messages.size() + i, TickClock::to_unix_us(messages[i].ticks), messages[i].channel->kind,
                       peer_name(messages[i].channel->peer), messages[i].bytes});
    return out;
}

}  // namespace troupe
