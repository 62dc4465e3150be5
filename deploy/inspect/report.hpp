// What a node tells about itself and its actors: the shapes of `troupe inspect --json`, of a node's inspection endpoint
// and of the page. Times are microseconds since the Unix epoch, durations say their unit.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/actor/registry.hpp"
#include "runtime/base/json.hpp"

namespace troupe {

struct ActorReport {
    /// Unique in the node: "consensus", "vm_worker.1". NODE/NAME is the actor's id in the cluster.
    std::string name;
    std::string role;
    /// For example "h=812 v=0 backup"; the last known one if the actor did not answer in time.
    std::string state;
    /// It answered the question for its state in time, or has ended.
    bool answers = false;
    /// Why it ended; empty while it lives.
    std::string ended;
    std::uint64_t mailbox = 0;
    std::uint64_t messages_in = 0;
    std::uint64_t messages_out = 0;
    /// In and out, over the last seconds.
    double messages_per_second = 0;
    /// Of one core, over the last seconds; 1 is all of it.
    double busy_share = 0;
    double busy_seconds = 0;
    /// How long it has been at what it does now.
    double running_seconds = 0;
    std::uint64_t restarts = 0;
    double uptime_seconds = 0;
    std::uint64_t errors = 0;
    std::string last_error;
    std::uint64_t last_error_us = 0;

    static constexpr auto reflect() {
        using R = ActorReport;
        return fields("ActorReport", field("name", &R::name), field("role", &R::role), field("state", &R::state),
                      field("answers", &R::answers), field("ended", &R::ended), field("mailbox", &R::mailbox),
                      field("messages_in", &R::messages_in), field("messages_out", &R::messages_out),
                      field("messages_per_second", &R::messages_per_second), field("busy_share", &R::busy_share),
                      field("busy_seconds", &R::busy_seconds), field("running_seconds", &R::running_seconds),
                      field("restarts", &R::restarts), field("uptime_seconds", &R::uptime_seconds),
                      field("errors", &R::errors), field("last_error", &R::last_error),
                      field("last_error_us", &R::last_error_us));
    }
};

/// An actor's messages of one kind, or to and from one peer.
struct TrafficReport {
    /// The kind; of a peer an actor of the node, or another node.
    std::string name;
    std::uint64_t messages_in = 0;
    std::uint64_t messages_out = 0;
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;

    static constexpr auto reflect() {
        using R = TrafficReport;
        return fields("TrafficReport", field("name", &R::name), field("messages_in", &R::messages_in),
                      field("messages_out", &R::messages_out), field("bytes_in", &R::bytes_in),
                      field("bytes_out", &R::bytes_out));
    }
};

struct MessageReport {
    std::uint64_t number = 0;
    std::uint64_t time_us = 0;
    std::string kind;
    std::string from;
    /// Of what crossed between nodes; 0 for messages within the process.
    std::uint64_t bytes = 0;

    static constexpr auto reflect() {
        using R = MessageReport;
        return fields("MessageReport", field("number", &R::number), field("time_us", &R::time_us),
                      field("kind", &R::kind), field("from", &R::from), field("bytes", &R::bytes));
    }
};

struct ActorDetail {
    ActorReport actor;
    /// The actor's own struct; null if it did not answer in time or shows none.
    Json state;
    std::vector<TrafficReport> kinds;
    std::vector<TrafficReport> peers;
    /// Kind and when due.
    std::vector<TimerReading> timers;
    std::vector<MessageReport> messages;

    static constexpr auto reflect() {
        using R = ActorDetail;
        return fields("ActorDetail", field("actor", &R::actor), field("state", &R::state), field("kinds", &R::kinds),
                      field("peers", &R::peers), field("timers", &R::timers), field("messages", &R::messages));
    }
};

struct LinkReport {
    std::string peer;
    bool connected = false;
    double round_trip_seconds = 0;
    std::uint64_t frames_in = 0;
    std::uint64_t frames_out = 0;
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;
    std::uint64_t queued_bytes = 0;
    std::uint64_t frames_dropped = 0;
    std::uint64_t reconnects = 0;
    std::string last_error;

    static constexpr auto reflect() {
        using R = LinkReport;
        return fields("LinkReport", field("peer", &R::peer), field("connected", &R::connected),
                      field("round_trip_seconds", &R::round_trip_seconds), field("frames_in", &R::frames_in),
                      field("frames_out", &R::frames_out), field("bytes_in", &R::bytes_in),
                      field("bytes_out", &R::bytes_out), field("queued_bytes", &R::queued_bytes),
                      field("frames_dropped", &R::frames_dropped), field("reconnects", &R::reconnects),
                      field("last_error", &R::last_error));
    }
};

struct NodeReport {
    std::string name;
    std::string host;
    std::uint32_t index = 0;
    bool is_validator = false;
    std::vector<std::string> roles;
    std::uint32_t pid = 0;
    std::string version;
    /// starting, catching_up, ready, draining, drained; stopped, dead, unreachable, "not asked" where it did not
    /// answer.
    std::string state;
    std::uint64_t height = 0;
    std::uint64_t executed = 0;
    std::uint64_t view = 0;
    /// What it is in consensus now: primary, backup, follower.
    std::string now;
    double uptime_seconds = 0;
    double cpu_seconds = 0;
    /// Of one core, over the last seconds.
    double cpu_share = 0;
    std::uint64_t resident_bytes = 0;
    std::uint64_t time_us = 0;
    std::vector<LinkReport> links;
    std::vector<ActorReport> actors;

    [[nodiscard]] bool has_role(std::string_view role) const {
        return std::ranges::find(actors, role, &ActorReport::role) != actors.end();
    }

    static constexpr auto reflect() {
        using R = NodeReport;
        return fields("NodeReport", field("name", &R::name), field("host", &R::host), field("index", &R::index),
                      field("is_validator", &R::is_validator), field("roles", &R::roles), field("pid", &R::pid),
                      field("version", &R::version), field("state", &R::state), field("height", &R::height),
                      field("executed", &R::executed), field("view", &R::view), field("now", &R::now),
                      field("uptime_seconds", &R::uptime_seconds), field("cpu_seconds", &R::cpu_seconds),
                      field("cpu_share", &R::cpu_share), field("resident_bytes", &R::resident_bytes),
                      field("time_us", &R::time_us), field("links", &R::links), field("actors", &R::actors));
    }
};

/// JSON of a report or any reflected struct; unlike to_json_value also of shares and durations.
template <class T>
[[nodiscard]] Json report_json(const T& value) {
    if constexpr (std::is_same_v<T, double>) {
        return value;
    } else if constexpr (std::is_same_v<T, Json>) {
        return value;
    } else if constexpr (codec_detail::IsVector<T>::value && !std::is_same_v<T, Bytes>) {
        Json out = Json::array();
        for (const auto& element : value) out.push_back(report_json(element));
        return out;
    } else if constexpr (Reflected<T>) {
        Json out = Json::object();
        for_each_field(
            value, [&](std::string_view name, const auto& member) { out[std::string{name}] = report_json(member); });
        return out;
    } else {
        return to_json_value(value);
    }
}

/// The inverse as far as `in` has the fields: what another version wrote must not make a node invisible.
template <class T>
void read_report(const Json& in, T& value) {
    if constexpr (std::is_same_v<T, Json>) {
        value = in;
    } else if constexpr (codec_detail::IsVector<T>::value) {
        value.clear();
        if (in.is_array())
            for (const auto& element : in) read_report(element, value.emplace_back());
    } else if constexpr (Reflected<T>) {
        if (!in.is_object()) return;
        for_each_field(value, [&](std::string_view name, auto& member) {
            if (const auto found = in.find(std::string{name}); found != in.end()) read_report(*found, member);
        });
    } else if constexpr (std::is_same_v<T, bool>) {
        if (in.is_boolean()) value = in.get<bool>();
    } else if constexpr (std::is_same_v<T, std::string>) {
        if (in.is_string()) value = in.get<std::string>();
    } else if constexpr (std::is_arithmetic_v<T>) {
        if (in.is_number()) value = in.get<T>();
    }
}

}  // namespace troupe
