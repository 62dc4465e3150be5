// A node's view of itself: asks its registry, keeps samples for rates, knows its links. What the endpoint, the metrics
// and the page show comes from here.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>

#include "actors/consensus/interface.hpp"
#include "deploy/inspect/report.hpp"
#include "runtime/actor/trace.hpp"
#include "runtime/link/link.hpp"

namespace troupe {

struct ObserverOptions {
    std::string name;
    std::uint32_t index = 0;
    bool is_validator = false;
    std::vector<std::string> roles;
    std::string version;
    std::shared_ptr<ActorRegistry> actors;
    std::shared_ptr<TraceLog> trace;
    /// Empty until there are links.
    std::function<std::vector<link::PeerCounters>()> links;
};

/// A node as this one knows it.
struct KnownNode {
    std::string name;
    /// False of identities that nobody has taken: no link to them is missed.
    bool is_there = false;
};

/// Thread-safe.
class NodeObserver {
public:
    explicit NodeObserver(ObserverOptions options);

    /// Takes a sample for the rates; the node calls it about twice a second.
    void sample();
    /// What consensus last said of itself, and whether it did.
    void set_status(const consensus::NodeStatus& status, bool has_answered);
    /// By node index; indexes beyond it are shown as numbers.
    void set_nodes(std::vector<KnownNode> nodes);
    /// "draining" or "drained", once the node was told to take no new work: it is not ready any more.
    void set_draining(std::string state);

    /// Waits for the actors' one-line states, at most `wait_ms`.
    [[nodiscard]] NodeReport report(unsigned wait_ms = 100);
    /// Nothing if there is no such actor.
    [[nodiscard]] std::optional<ActorDetail> detail(std::string_view actor, unsigned wait_ms = 500);
    /// Received messages from number `from` on, as far as they are kept; `next` to go on with. The first call makes the
    /// actor keep more of them.
    [[nodiscard]] std::optional<std::vector<MessageReport>> follow(std::string_view actor, std::uint64_t from,
                                                                   std::uint64_t& next);
    [[nodiscard]] std::vector<TraceEvent> trace(std::span<const Hash256> keys) const {
        return options_.trace->find(keys);
    }

    struct Readiness {
        bool is_ready = false;
        std::string state;
        consensus::NodeStatus status;
    };
    [[nodiscard]] Readiness readiness() const;
    [[nodiscard]] const ObserverOptions& options() const noexcept { return options_; }

private:
    struct Sample {
        std::uint64_t ticks = 0;
        std::uint64_t messages = 0;
        std::uint64_t busy_ns = 0;
    };
    using Sent = std::vector<ActorRegistry::Sent>;

    [[nodiscard]] ActorReport actor_report(const ActorEntry& entry, std::uint64_t out,
                                           const std::optional<ActorAnswer>& answer);
    [[nodiscard]] KnownNode node_at(std::uint32_t index) const;
    [[nodiscard]] std::string peer_name(PeerKey peer) const;
    [[nodiscard]] std::vector<LinkReport> links() const;

    ObserverOptions options_;
    std::uint64_t started_us_;

    mutable std::mutex mutex_;
    consensus::NodeStatus status_;
    bool has_answered_ = false;
    std::uint64_t answered_ticks_ = 0;
    std::string draining_;
    std::vector<KnownNode> nodes_;
    std::map<const Meter*, std::deque<Sample>> samples_;
    std::deque<Sample> process_samples_;
    /// The last one-line states, for actors that are too busy to answer.
    std::map<const Meter*, std::string> summaries_;
};

}  // namespace troupe
