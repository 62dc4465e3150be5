// The batch validator's protocol: for an assignment it fetches manifests from metadata nodes and content from storage
// nodes, believing neither: manifests carry a quorum's votes and link to each other, content has the hash that was
// asked for. Then the fragment is replayed, and the verdict goes to the arbiter until it is settled. Pure.
#pragma once

#include <deque>
#include <set>

#include "actors/batch_validator/fragment.hpp"
#include "actors/batch_validator/peers.hpp"
#include "actors/storage_node/bundle.hpp"
#include "runtime/ledger/genesis.hpp"

namespace troupe::batch_validator {

struct RequestManifests {
    NodeIndex to;
    Height from;
    std::uint32_t count = 0;
};
struct RequestContent {
    NodeIndex to;
    Hash256 hash;
};
/// Run replay_fragment, then call on_replayed.
struct Replay {
    std::shared_ptr<Fragment> fragment;
};
/// Sign and send to the arbiter.
struct Submit {
    arbiter::CommandBody command;
};
/// A node gave what its peer must not give; `why` is for the log.
struct Refuse {
    NodeIndex from;
    std::string why;
};
using Effect = std::variant<RequestManifests, RequestContent, Replay, Submit, Refuse>;
using Outbox = std::vector<Effect>;

struct Config {
    std::vector<NodeIndex> storage_nodes;
    std::vector<NodeIndex> metadata_nodes;
    /// A request without an answer is sent again, elsewhere.
    DurationMs request_retry{1000};
    /// The registration, and a verdict that is not settled, are sent again.
    DurationMs submit_retry{1000};
    std::size_t requests_in_flight_max = 16;
    /// Refusals of one content before it counts as not to be had.
    std::size_t refusals_max = 4;
    /// Bytes of one fragment's content.
    std::size_t fragment_bytes_max = 1 << 30;
    /// Manifests before and after the fragment that are gone through at most.
    std::uint64_t manifests_max = 20'000;
};

/// What it is at, for inspection.
struct CoreView {
    bool registered = false;
    /// idle, manifests, contents, replaying or submitted.
    std::string step;
    std::optional<arbiter::Assignment> assignment;
    std::uint64_t manifests = 0;
    std::uint64_t contents = 0;
    std::uint64_t content_bytes = 0;
    std::uint64_t contents_wanted = 0;
    /// The last confirmed checkpoint, whose state is at hand.
    Height latest;
    /// Verdicts since the start.
    std::uint64_t confirmed = 0;
    std::uint64_t reported = 0;
    std::uint64_t unable = 0;

    static constexpr auto reflect() {
        using V = CoreView;
        return fields("BatchValidator", field("registered", &V::registered), field("step", &V::step),
                      field("assignment", &V::assignment), field("manifests", &V::manifests),
                      field("contents", &V::contents), field("content_bytes", &V::content_bytes),
                      field("contents_wanted", &V::contents_wanted), field("latest", &V::latest),
                      field("confirmed", &V::confirmed), field("reported", &V::reported), field("unable", &V::unable));
    }
};

class Core {
public:
    /// All outlive the core.
    Core(Config config, const Genesis& genesis, const SignatureScheme& scheme);

    void on_registered() { registered_ = true; }
    void on_assignment(const arbiter::Assignment& assignment, TimeMs now, Outbox& out);
    void on_settled(Height height, std::uint32_t attempt);
    void on_manifests(NodeIndex from, std::vector<BlockManifest> manifests, TimeMs now, Outbox& out);
    /// No data: `from` does not have it.
    void on_content(NodeIndex from, const Hash256& hash, std::optional<Bytes> data, TimeMs now, Outbox& out);
    void on_replayed(Verdict verdict, TimeMs now, Outbox& out);
    void on_timer(TimeMs now, Outbox& out);

    /// For a person.
    [[nodiscard]] std::string line() const;
    [[nodiscard]] CoreView view() const;
    [[nodiscard]] Height latest() const noexcept { return state_at_; }
    [[nodiscard]] bool registered() const noexcept { return registered_; }

private:
    enum class Step : std::uint8_t { idle, manifests, contents, replaying, submitted };
    struct Wanted {
        TimeMs asked;
        std::optional<NodeIndex> asks;
        std::set<NodeIndex> refused_by;
        std::size_t refusals = 0;
    };

    void advance(TimeMs now, Outbox& out);
    void need_manifests(TimeMs now, Outbox& out);
    [[nodiscard]] bool manifests_suffice() const;
    void forget_manifests();
    /// Hashes that are named by what is here, and not here. Empty: the fragment is complete.
    [[nodiscard]] Result<std::vector<Hash256>> missing() const;
    [[nodiscard]] Result<std::vector<Hash256>> missing_of_snapshot(std::vector<Hash256> out) const;
    [[nodiscard]] Result<std::vector<Hash256>> missing_of_block(Height height, std::vector<Hash256> out) const;
    [[nodiscard]] const Bytes* content(const Hash256& hash) const;
    [[nodiscard]] std::optional<Bytes> joined(const storage_node::Pieces& pieces) const;
    [[nodiscard]] std::optional<Hash256> bundle_of(Height height) const;
    [[nodiscard]] Result<std::shared_ptr<Fragment>> assemble();
    [[nodiscard]] Result<std::unique_ptr<FragmentState>> start_state();
    void ask(TimeMs now, Outbox& out);
    void give_up(std::string why, TimeMs now, Outbox& out);
    void submit(arbiter::CommandBody command, TimeMs now, Outbox& out);
    void drop_contents();

    Config config_;
    const Genesis& genesis_;
    const SignatureScheme& scheme_;
    StorageRegistry registry_;

    bool registered_ = false;
    TimeMs last_submit_;
    Step step_ = Step::idle;
    std::optional<arbiter::Assignment> assignment_;
    TimeMs give_up_at_;
    std::optional<arbiter::CommandBody> verdict_;

    /// Verified and linked, without gaps; kept from one assignment to the next.
    std::map<Height, BlockManifest> manifests_;
    TimeMs manifests_asked_;
    std::optional<NodeIndex> manifests_from_;
    Peers metadata_peers_;

    std::map<Hash256, Bytes> contents_;
    std::size_t content_bytes_ = 0;
    std::map<Hash256, Wanted> wanted_;
    std::deque<Hash256> to_ask_;
    std::size_t in_flight_ = 0;
    Peers storage_peers_;

    /// After the latest confirmed fragment.
    std::unique_ptr<FragmentState> state_;
    Height state_at_;
    std::uint64_t confirmed_ = 0;
    std::uint64_t reported_ = 0;
    std::uint64_t unable_ = 0;
};

}  // namespace troupe::batch_validator
