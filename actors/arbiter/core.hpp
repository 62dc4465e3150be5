// The arbiter's state machine: deposits, registered batch validators, checkpoints, who validates which, confirmations,
// full verification, disputes (Fluence: D4). Pure and deterministic: the state is what applying the log's entries in
// order to the genesis' state gives, on every machine. An entry carries the time and the draw that it was decided with.
#pragma once

#include <map>
#include <optional>
#include <variant>
#include <vector>

#include "actors/arbiter/messages.hpp"
#include "runtime/ledger/genesis.hpp"

namespace troupe::arbiter {

// The log
// --------------------------------------------------------------------------------------------------------------

struct LogEntry {
    std::uint64_t index = 0;
    TimeMs time;
    /// Nothing: time has passed, and that alone changes something.
    std::optional<SignedCommand> command;
    /// The arbiter's Ed25519 signature over draw_payload: what selections are drawn from. Unknown to everybody else
    /// before the entry is made, and not for the arbiter to choose.
    Bytes draw;

    bool operator==(const LogEntry&) const = default;
    static constexpr auto reflect() {
        return fields("LogEntry", field("index", &LogEntry::index), field("time", &LogEntry::time),
                      field("command", &LogEntry::command), field("draw", &LogEntry::draw));
    }
};

/// Over the log so far: nobody can ask for another draw without another log.
[[nodiscard]] Bytes draw_payload(std::uint64_t chain_id, std::uint64_t index, const Hash256& log_hash);

// The state
// ------------------------------------------------------------------------------------------------------------

struct Validator {
    NodeIndex node;
    /// What is left of what the genesis locked for it, in wei.
    uint256 deposit;
    bool active = false;
    /// Assignments in a row that it did not answer in time.
    std::uint32_t missed = 0;
    std::uint64_t confirmed = 0;
    std::uint64_t reported = 0;
    /// The checkpoint that it is validating.
    std::optional<Height> busy_with;

    bool operator==(const Validator&) const = default;
    static constexpr auto reflect() {
        using V = Validator;
        return fields("Validator", field("node", &V::node), field("deposit", &V::deposit), field("active", &V::active),
                      field("missed", &V::missed), field("confirmed", &V::confirmed), field("reported", &V::reported),
                      field("busy_with", &V::busy_with));
    }
};

/// A metadata node that posted something else for a height.
struct Contradiction {
    NodeIndex node;
    Checkpoint checkpoint;

    bool operator==(const Contradiction&) const = default;
    static constexpr auto reflect() {
        return fields("Contradiction", field("node", &Contradiction::node),
                      field("checkpoint", &Contradiction::checkpoint));
    }
};

struct CheckpointRecord {
    Checkpoint checkpoint;
    /// Height of the checkpoint before; 0: the genesis.
    Height from;
    std::vector<NodeIndex> posted_by;
    Phase phase{};
    /// Counts assignments, failed ones too (6.1).
    std::uint32_t attempt = 0;
    std::optional<NodeIndex> assigned;
    TimeMs deadline;
    std::vector<NodeIndex> confirmed_by;

    bool operator==(const CheckpointRecord&) const = default;
    static constexpr auto reflect() {
        using R = CheckpointRecord;
        return fields("CheckpointRecord", field("checkpoint", &R::checkpoint), field("from", &R::from),
                      field("posted_by", &R::posted_by), field("phase", &R::phase), field("attempt", &R::attempt),
                      field("assigned", &R::assigned), field("deadline", &R::deadline),
                      field("confirmed_by", &R::confirmed_by));
    }
};

/// Two claims about one thing, of which at most one is true. What is asked next of whom is its phase's affair.
struct Dispute {
    std::uint64_t number = 0;
    Height height;
    NodeIndex challenger;
    TimeMs opened;
    /// Replay gave something else; two metadata nodes posted different checkpoints; the data can't be had.
    std::variant<Report, Contradiction, Unable> claim;

    bool operator==(const Dispute&) const = default;
    static constexpr auto reflect() {
        using D = Dispute;
        return fields("Dispute", field("number", &D::number), field("height", &D::height),
                      field("challenger", &D::challenger), field("opened", &D::opened), field("claim", &D::claim));
    }
};

struct State {
    std::uint64_t entries = 0;
    /// SHA-256 over the log hash before and the entry.
    Hash256 log_hash;
    /// Ascending by node.
    std::vector<Validator> validators;
    /// Ascending by height.
    std::vector<CheckpointRecord> checkpoints;
    std::vector<Dispute> disputes;
    std::uint64_t disputes_opened = 0;
    std::uint64_t verified = 0;
    Height latest_verified;
    Height latest_confirmed;
    /// Closed checkpoints up to here may be gone from `checkpoints`.
    Height forgotten_to;
    uint256 slashed;

    bool operator==(const State&) const = default;
    static constexpr auto reflect() {
        using S = State;
        return fields("State", field("entries", &S::entries), field("log_hash", &S::log_hash),
                      field("validators", &S::validators), field("checkpoints", &S::checkpoints),
                      field("disputes", &S::disputes), field("disputes_opened", &S::disputes_opened),
                      field("verified", &S::verified), field("latest_verified", &S::latest_verified),
                      field("latest_confirmed", &S::latest_confirmed), field("forgotten_to", &S::forgotten_to),
                      field("slashed", &S::slashed));
    }
};

[[nodiscard]] Hash256 hash_of(const State& state);

// The machine
// ----------------------------------------------------------------------------------------------------------

struct Send {
    NodeIndex to;
    Notice notice;
};
using Outbox = std::vector<Send>;

struct Config {
    std::uint64_t chain_id = 0;
    std::uint64_t checkpoint_interval = 8;
    DurationMs validation_time{60000};
    std::uint64_t revalidation_permille = 500;
    std::map<NodeIndex, Ed25519PublicKey> metadata_nodes;
    std::map<NodeIndex, Ed25519PublicKey> batch_validators;
    uint256 deposit;

    [[nodiscard]] static Config of(const Genesis& genesis);
};

class Core {
public:
    /// Checkpoints that are not verified yet; further posts have to wait.
    static constexpr std::size_t open_checkpoints_max = 4096;
    /// Verified checkpoints and disputes that the state keeps; the log has all.
    static constexpr std::size_t closed_checkpoints_kept = 256;
    static constexpr std::size_t disputes_kept = 1024;
    static constexpr std::uint32_t misses_max = 3;
    /// A miss costs this part of the deposit.
    static constexpr std::uint64_t miss_costs_one_in = 100;

    explicit Core(Config config);

    /// What is wrong with a command, before it gets an entry: its signature, its sender's service, its place. What
    /// changes nothing is ErrorCode::already_exists: answer it by `answer`.
    [[nodiscard]] Status check(const SignedCommand& command) const;
    /// True if an entry without a command would change something now.
    [[nodiscard]] bool is_due(TimeMs now) const;
    /// The next entry in order; its command passed `check`. Replaying a log is calling this for each entry.
    void apply(const LogEntry& entry, Outbox& out);
    /// What the sender of an accepted or repeated command hears, apart from assignments.
    void answer(const SignedCommand& command, Outbox& out) const;
    /// Open assignments once more: their validators may not have been connected. Changes nothing.
    void remind(Outbox& out) const;

    [[nodiscard]] const State& state() const noexcept { return state_; }
    /// Goes on from a state that a core of the same configuration came to.
    void restore(State state) { state_ = std::move(state); }

private:
    [[nodiscard]] Validator* validator(NodeIndex node);
    [[nodiscard]] const Validator* validator(NodeIndex node) const;
    [[nodiscard]] const CheckpointRecord* record(Height height) const;
    [[nodiscard]] CheckpointRecord* record(Height height);

    void carry(const SignedCommand& command, const LogEntry& entry, const Hash256& seed, Outbox& out);
    void post(NodeIndex sender, const Checkpoint& checkpoint, TimeMs time);
    void confirm(Validator& by, const Confirm& confirm, const Hash256& seed, Outbox& out);
    void dispute(Validator& by, Dispute dispute, Outbox& out);
    void expire(TimeMs now, Outbox& out);
    void assign(const Hash256& seed, TimeMs now, Outbox& out);
    [[nodiscard]] std::vector<Validator*> candidates(const CheckpointRecord& record, bool also_busy);
    void verify(CheckpointRecord& record, Outbox& out);
    void open_dispute(Dispute dispute);
    void tell_posters(const CheckpointRecord& record, Outbox& out) const;
    void forget_closed();

    Config config_;
    State state_;
};

}  // namespace troupe::arbiter
