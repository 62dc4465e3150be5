// dBFT as a pure state machine (NEO's dBFT 2.0; Troupe's own rules). One event at a time with the current time; what is
// to be done is appended to an outbox whose order is a contract: a Persist is durable before what follows is sent.
//
// Two rule sets share everything but what Rules names. Under `dbft2` a commit locks its validator in its view (A8).
// Under `troupe` ("2.0-PC", reference A12) a ChangeView carries the highest prepared certificate, the next view must
// propose that certificate's block again, and so a commit need not lock: no live quorum ever stalls.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "actors/consensus/messages.hpp"
#include "runtime/ledger/genesis.hpp"

namespace troupe::consensus {

struct Config {
    std::uint64_t chain_id = 0;
    ConsensusRules rules = ConsensusRules::troupe;
    std::size_t validators = 0;
    /// Nothing: follows without a vote.
    std::optional<ValidatorIndex> self;
    /// dBFT's T.
    DurationMs view_time{1000};
    DurationMs block_interval{100};
    DurationMs heartbeat_interval{1000};
};

// Effects ------------------------------------------------------------------------------------------------------------

using Encoded = std::shared_ptr<const Bytes>;

/// The core's record for a restart, replacing the one before. Durable before the effects after it.
struct Persist {
    Bytes record;
};
struct Broadcast {
    Encoded message;
};
struct Send {
    ValidatorIndex to;
    Encoded message;
};
/// Answer with on_proposal_built. `votes` are what is known for the previous block.
struct BuildProposal {
    Height height;
    View view;
};
/// Answer with on_judged.
struct Judge {
    BlockHash hash;
    std::shared_ptr<const Block> block;
};
struct Committed {
    std::shared_ptr<const CommittedBlock> block;
};
/// `from` is ahead: ask it for blocks.
struct RequestBlocks {
    ValidatorIndex from;
    Height first;
};
/// `to` is behind: send it blocks.
struct SendBlocks {
    ValidatorIndex to;
    Height first;
};
/// Two signed messages that an honest validator would not both sign.
struct Evidence {
    ValidatorIndex validator;
    std::string what;
    Bytes first;
    Bytes second;
};
struct Note {
    std::string text;
};
using Effect =
    std::variant<Persist, Broadcast, Send, BuildProposal, Judge, Committed, RequestBlocks, SendBlocks, Evidence, Note>;
using Outbox = std::vector<Effect>;

/// For inspection.
struct ConsensusStatus {
    Height height;
    View view;
    std::string role;
    std::string phase;
    std::uint64_t preparations = 0;
    std::uint64_t commits = 0;
    std::uint64_t change_views = 0;

    static constexpr auto reflect() {
        return fields("ConsensusStatus", field("height", &ConsensusStatus::height),
                      field("view", &ConsensusStatus::view), field("role", &ConsensusStatus::role),
                      field("phase", &ConsensusStatus::phase), field("preparations", &ConsensusStatus::preparations),
                      field("commits", &ConsensusStatus::commits),
                      field("change_views", &ConsensusStatus::change_views));
    }
};

/// Where the chain stands when the core starts.
struct Tip {
    Height height;
    BlockHash hash;
    /// The commit votes of that block; none for the genesis.
    std::vector<CommitCertificate> votes;
};

/// What differs between the rule sets.
struct Rules {
    /// A commit disables leaving its view; there is one per height.
    bool commit_locks = false;
    /// ChangeViews carry prepared certificates and views above 0 must be justified by them.
    bool carries_certificates = false;
    /// A timeout asks for recovery instead of leaving the view while more than f validators have committed or are lost.
    bool recovers_when_many_are_gone = false;
    /// M commits of any view make a block, not only of the own one.
    bool accepts_commits_of_any_view = false;
    /// A restart begins in view 0, or in the view of the own commit, whatever ChangeViews are out (A7). Safe as long as
    /// a commit locks, but the height can split for good (S12).
    bool forgets_change_views = false;

    [[nodiscard]] static Rules of(ConsensusRules rules) noexcept;
};

class Core {
public:
    Core(Config config, const SignatureScheme& scheme, const Signer* signer);

    /// `record` is the last Persist of before a restart, if any.
    void start(Tip tip, const std::optional<Bytes>& record, TimeMs now, Outbox& out);

    /// Bytes from the node of validator `from`; the message inside may be another's (recovery).
    void on_message(ValidatorIndex from, ByteView encoded, TimeMs now, Outbox& out);
    void on_timer(TimeMs now, Outbox& out);
    /// The block digests must be sealed. Ignored if the height or view has passed.
    void on_proposal_built(Block block, View view, TimeMs now, Outbox& out);
    void on_judged(const BlockHash& hash, bool valid, const std::string& why, TimeMs now, Outbox& out);
    /// There is something to include (or not): the next block comes sooner (or with the heartbeat).
    void set_work(bool available, TimeMs now);
    /// A final block from elsewhere, verified by the caller, at the current height. Others are ignored.
    void on_block_synced(const CommittedBlock& block, TimeMs now, Outbox& out);

    [[nodiscard]] std::optional<TimeMs> next_deadline() const;

    [[nodiscard]] Height height() const noexcept { return height_; }
    [[nodiscard]] View view() const noexcept { return view_; }
    [[nodiscard]] bool is_primary() const noexcept { return votes() && primary(view_) == *config_.self; }
    [[nodiscard]] ConsensusStatus status() const;
    /// All commit votes known for the block before height(), late ones included; none at the genesis.
    [[nodiscard]] std::vector<CommitCertificate> previous_votes() const;
    /// p(h, v) = (h - v) mod n (A1).
    [[nodiscard]] ValidatorIndex primary(View view) const noexcept;

private:
    enum class Validity : std::uint8_t { unknown, asked, valid, invalid };
    struct Vote {
        BlockHash block;
        Bytes signature;
        Encoded original;
    };
    struct ViewState {
        Encoded request;
        BlockHash proposed;
        std::map<ValidatorIndex, Vote> preparations;
        std::map<ValidatorIndex, Vote> commits;
        Validity validity = Validity::unknown;
        bool has_request = false;
    };
    struct ChangeViewEntry {
        View target;
        std::optional<PreparedCertificate> prepared;
        BlockHash prepared_hash;
        Encoded original;
    };
    struct Record;

    [[nodiscard]] std::size_t quorum_size() const noexcept { return quorum(config_.validators); }
    /// Not below the height of its record: what it signed for blocks that it has lost is not known any more.
    [[nodiscard]] bool votes() const noexcept { return config_.self && height_ >= vote_from_; }
    [[nodiscard]] std::size_t faulty() const noexcept { return faulty_max(config_.validators); }
    [[nodiscard]] ViewState& current() { return views_[view_]; }
    /// An own ChangeView beyond this view is out: what it says of prepared certificates must stay true, so nothing is
    /// voted here any more, even if the node gets here only now.
    [[nodiscard]] bool has_left(View view) const noexcept { return view < left_before_; }
    /// NEO lets a view-changing node go on in its view once more than f have committed or are lost (A3); the troupe
    /// rules never do.
    [[nodiscard]] bool takes_part_in(View view) const {
        return !has_left(view) || (rules_.commit_locks && many_committed_or_lost());
    }
    [[nodiscard]] bool lacks_proposal() {
        return is_primary() && !current().has_request && !building_ && !has_left(view_);
    }

    // core.cpp: the ordinary way of a height
    void begin_height(TimeMs now, Outbox& out);
    void resume(TimeMs now, Outbox& out);
    void enter_view(View view, TimeMs now, Outbox& out);
    void propose(TimeMs now, Outbox& out);
    [[nodiscard]] const ChangeViewEntry* highest_certificate() const;
    [[nodiscard]] std::vector<Bytes> justification(const ChangeViewEntry* highest) const;
    void adopt_request(View view, TimeMs now, Outbox& out);
    void check_preparations(TimeMs now, Outbox& out);
    void check_commits(TimeMs now, Outbox& out);
    void finish(std::shared_ptr<const CommittedBlock> block, TimeMs now, Outbox& out);
    void extend_deadline(std::uint64_t quarters, TimeMs now);

    // messages.cpp of the core: what comes in
    void receive(const Encoded& original, ValidatorIndex from, unsigned depth, TimeMs now, Outbox& out);
    [[nodiscard]] bool authentic(const SignedMessage& message) const;
    void on_request(const Message& message, PrepareRequest& body, const Encoded& original, TimeMs now, Outbox& out);
    void on_vote(const Message& message, const BlockHash& block, const Bytes& signature, bool is_commit,
                 const Encoded& original, TimeMs now, Outbox& out);
    void on_change_view(const Message& message, ChangeView& body, const Encoded& original, ValidatorIndex from,
                        TimeMs now, Outbox& out);
    void on_late_commit(const Message& message, const Commit& body);
    [[nodiscard]] bool knows(const Message& message, ByteView original) const;
    [[nodiscard]] bool check_prepared(const PreparedCertificate& prepared) const;
    [[nodiscard]] std::optional<std::string> check_justification(const Message& message,
                                                                 const PrepareRequest& body) const;

    // view_change.cpp
    void timeout(TimeMs now, Outbox& out);
    void request_change_view(ChangeViewReason reason, TimeMs now, Outbox& out);
    void send_change_view(View target, ChangeViewReason reason, TimeMs now, Outbox& out);
    void check_change_views(TimeMs now, Outbox& out);
    void ask_for_recovery(TimeMs now, Outbox& out);
    void answer_recovery(ValidatorIndex to, TimeMs now, Outbox& out);
    [[nodiscard]] Bytes recovery_message() const;
    [[nodiscard]] std::size_t count_committed() const;
    [[nodiscard]] std::size_t count_lost() const;
    [[nodiscard]] bool has_committed() const;
    [[nodiscard]] bool many_committed_or_lost() const;

    Encoded sign(Body body, View view);
    /// Adds an own message to the record, persists, sends to all, and takes it in.
    void publish(const Encoded& message, Outbox& out);
    void persist(Outbox& out) const;

    Config config_;
    Rules rules_;
    const SignatureScheme& scheme_;
    const Signer* signer_;

    Height height_;
    /// The height of the record that the node started with, and the record until that height is reached.
    Height vote_from_;
    std::optional<Bytes> record_;
    View view_;
    /// The highest target of an own ChangeView of this height.
    View left_before_;
    BlockHash previous_;
    TimeMs height_began_;
    bool work_ = false;

    std::map<View, ViewState> views_;
    std::map<ValidatorIndex, ChangeViewEntry> change_views_;
    std::map<BlockHash, std::shared_ptr<const Block>> blocks_;
    std::optional<PreparedCertificate> prepared_;
    /// Own messages of this height that bind this node, in order.
    std::vector<Encoded> own_;
    bool building_ = false;
    TimeMs view_deadline_;
    TimeMs resend_at_;

    /// Commit votes for the block before this height.
    std::optional<CommitCertificate> last_commit_;
    std::map<ValidatorIndex, Bytes> last_votes_;
    /// Messages of the next height that came early: the latest of each kind and view from each validator, bounded.
    std::map<ValidatorIndex, std::vector<Encoded>> early_;
    std::map<ValidatorIndex, std::pair<Height, View>> seen_;
    std::map<ValidatorIndex, TimeMs> recovery_answered_;
    std::map<ValidatorIndex, TimeMs> blocks_asked_;
    std::map<ValidatorIndex, TimeMs> blocks_sent_;
};

}  // namespace troupe::consensus
