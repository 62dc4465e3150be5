// What others tell the arbiter, each signed by its sender's identity, and what the arbiter tells them.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "runtime/ledger/block.hpp"

namespace troupe::arbiter {

/// Every rho-th block (Fluence D-12): what a fragment of history must end in.
struct Checkpoint {
    Height height;
    BlockHash block;
    /// After executing the block, as a quorum has signed in a later one.
    RootHash state_root;
    /// What storage keeps of the block, the state's snapshot included, as a receipt in a later block says.
    Hash256 bundle;

    bool operator==(const Checkpoint&) const = default;
    static constexpr auto reflect() {
        return fields("Checkpoint", field("height", &Checkpoint::height), field("block", &Checkpoint::block),
                      field("state_root", &Checkpoint::state_root), field("bundle", &Checkpoint::bundle));
    }
};

// Commands -----------------------------------------------------------------------------------------------------------

/// From a batch validator: it is there and takes assignments. Its open assignment is sent again.
struct Register {
    bool operator==(const Register&) const = default;
    static constexpr auto reflect() { return fields("Register"); }
};
/// From a batch validator: no assignments any more; its open one goes to another.
struct Leave {
    bool operator==(const Leave&) const = default;
    static constexpr auto reflect() { return fields("Leave"); }
};
/// From a metadata node.
struct PostCheckpoint {
    Checkpoint checkpoint;

    bool operator==(const PostCheckpoint&) const = default;
    static constexpr auto reflect() {
        return fields("PostCheckpoint", field("checkpoint", &PostCheckpoint::checkpoint));
    }
};
/// From the assigned batch validator: replaying the fragment gives this.
struct Confirm {
    Height height;
    std::uint32_t attempt = 0;
    RootHash state_root;

    bool operator==(const Confirm&) const = default;
    static constexpr auto reflect() {
        return fields("Confirm", field("height", &Confirm::height), field("attempt", &Confirm::attempt),
                      field("state_root", &Confirm::state_root));
    }
};
/// From the assigned batch validator: replaying gives something else, first at this block. Opens a dispute.
struct Report {
    Height height;
    std::uint32_t attempt = 0;
    Height differs_at;
    ExecutionResult claimed;
    ExecutionResult computed;

    bool operator==(const Report&) const = default;
    static constexpr auto reflect() {
        return fields("Report", field("height", &Report::height), field("attempt", &Report::attempt),
                      field("differs_at", &Report::differs_at), field("claimed", &Report::claimed),
                      field("computed", &Report::computed));
    }
};
/// From the assigned batch validator: no storage or metadata node gives what the fragment needs. Opens a dispute.
struct Unable {
    Height height;
    std::uint32_t attempt = 0;
    /// What is missing, in words; limited by why_bytes_max.
    std::string why;

    bool operator==(const Unable&) const = default;
    static constexpr auto reflect() {
        return fields("Unable", field("height", &Unable::height), field("attempt", &Unable::attempt),
                      field("why", &Unable::why));
    }
};
inline constexpr std::size_t why_bytes_max = 256;

using CommandBody = std::variant<Register, Leave, PostCheckpoint, Confirm, Report, Unable>;

struct SignedCommand {
    NodeIndex sender;
    CommandBody body;
    /// Ed25519 over command_signing_payload.
    Bytes signature;

    bool operator==(const SignedCommand&) const = default;
    static constexpr auto reflect() {
        return fields("SignedCommand", field("sender", &SignedCommand::sender), field("body", &SignedCommand::body),
                      field("signature", &SignedCommand::signature));
    }
};

[[nodiscard]] Bytes command_signing_payload(std::uint64_t chain_id, NodeIndex sender, const CommandBody& body);
[[nodiscard]] SignedCommand sign_command(std::uint64_t chain_id, NodeIndex sender, CommandBody body,
                                         const Ed25519KeyPair& key);

// Notices ------------------------------------------------------------------------------------------------------------

/// To a batch validator: replay (from, target.height], and confirm or report before the deadline.
struct Assignment {
    /// The checkpoint before, or the genesis.
    Height from;
    Checkpoint target;
    std::uint32_t attempt = 0;
    TimeMs deadline;

    bool operator==(const Assignment&) const = default;
    static constexpr auto reflect() {
        return fields("Assignment", field("from", &Assignment::from), field("target", &Assignment::target),
                      field("attempt", &Assignment::attempt), field("deadline", &Assignment::deadline));
    }
};

enum class Phase : std::uint8_t {
    posted = 0,    // waits for a validator
    assigned = 1,  // a validator is at it
    verified = 2,  // validated as often as the draws demanded
    disputed = 3,  // a validator got something else
};
[[nodiscard]] constexpr bool is_valid(Phase p) noexcept { return p <= Phase::disputed; }
[[nodiscard]] constexpr const char* to_string(Phase p) noexcept {
    switch (p) {
        case Phase::posted: return "posted";
        case Phase::assigned: return "assigned";
        case Phase::verified: return "verified";
        case Phase::disputed: return "disputed";
    }
    return "unknown";
}

/// To a metadata node that posted: the arbiter's log has it, and this is how it stands.
struct CheckpointStanding {
    Height height;
    Phase phase{};

    bool operator==(const CheckpointStanding&) const = default;
    static constexpr auto reflect() {
        return fields("CheckpointStanding", field("height", &CheckpointStanding::height),
                      field("phase", &CheckpointStanding::phase));
    }
};
/// To a batch validator: its confirmation or report is in the log, or is not wanted any more.
struct Settled {
    Height height;
    std::uint32_t attempt = 0;

    bool operator==(const Settled&) const = default;
    static constexpr auto reflect() {
        return fields("Settled", field("height", &Settled::height), field("attempt", &Settled::attempt));
    }
};
/// To a batch validator: it is registered.
struct Registered {
    bool operator==(const Registered&) const = default;
    static constexpr auto reflect() { return fields("Registered"); }
};

struct Notice {
    std::variant<Assignment, CheckpointStanding, Settled, Registered> body;

    bool operator==(const Notice&) const = default;
    static constexpr auto reflect() { return fields("Notice", field("body", &Notice::body)); }
};

}  // namespace troupe::arbiter
