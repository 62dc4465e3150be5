// The wire messages of dBFT. One envelope for all; every message is signed by its sender over its canonical encoding.
// A proposal is a whole block (header, certificates inline, votes, results), so no backup stalls on a missing part
// (C-27). A block's hash does not depend on the view: a later view may propose the same value again unchanged.
#pragma once

#include <optional>
#include <variant>
#include <vector>

#include "runtime/ledger/block.hpp"

namespace troupe::consensus {

/// dBFT A9.
enum class ChangeViewReason : std::uint8_t { timeout = 0, agreement = 1, rejected = 5 };
[[nodiscard]] constexpr bool is_valid(ChangeViewReason r) noexcept {
    return r == ChangeViewReason::timeout || r == ChangeViewReason::agreement || r == ChangeViewReason::rejected;
}
[[nodiscard]] constexpr const char* to_string(ChangeViewReason r) noexcept {
    switch (r) {
        case ChangeViewReason::timeout: return "timeout";
        case ChangeViewReason::agreement: return "agreement";
        case ChangeViewReason::rejected: return "rejected";
    }
    return "unknown";
}

/// A quorum prepared `block` in `view`: nothing else can have been committed in that view or, followed by a view change
/// under the troupe rules, later.
struct PreparedCertificate {
    View view;
    Block block;
    /// Over prepare_signing_payload(height, view, hash of block).
    MultiSignature preparations;

    bool operator==(const PreparedCertificate&) const = default;
    static constexpr auto reflect() {
        return fields("PreparedCertificate", field("view", &PreparedCertificate::view),
                      field("block", &PreparedCertificate::block),
                      field("preparations", &PreparedCertificate::preparations));
    }
};

/// "I have left the envelope's view and want `target`."
struct ChangeView {
    View target;
    ChangeViewReason reason{};
    /// Troupe rules: the highest one the sender has. None under dbft2.
    std::vector<PreparedCertificate> prepared;

    bool operator==(const ChangeView&) const = default;
    static constexpr auto reflect() {
        return fields("ChangeView", field("target", &ChangeView::target), field("reason", &ChangeView::reason),
                      field("prepared", &ChangeView::prepared));
    }
};

/// The primary's proposal, and its own preparation.
struct PrepareRequest {
    Block block;
    Bytes preparation;
    /// Troupe rules, views above 0: a quorum of signed ChangeViews for this view (canonical SignedMessage bytes).
    std::vector<Bytes> justification;

    bool operator==(const PrepareRequest&) const = default;
    static constexpr auto reflect() {
        return fields("PrepareRequest", field("block", &PrepareRequest::block),
                      field("preparation", &PrepareRequest::preparation),
                      field("justification", &PrepareRequest::justification));
    }
};

struct PrepareResponse {
    BlockHash block;
    Bytes preparation;

    bool operator==(const PrepareResponse&) const = default;
    static constexpr auto reflect() {
        return fields("PrepareResponse", field("block", &PrepareResponse::block),
                      field("preparation", &PrepareResponse::preparation));
    }
};

struct Commit {
    BlockHash block;
    /// Over commit_signing_payload: goes into the CommitCertificate.
    Bytes signature;

    bool operator==(const Commit&) const = default;
    static constexpr auto reflect() {
        return fields("Commit", field("block", &Commit::block), field("signature", &Commit::signature));
    }
};

/// "I may have missed something of this height."
struct RecoveryRequest {
    /// Makes each request unique.
    TimeMs timestamp;

    bool operator==(const RecoveryRequest&) const = default;
    static constexpr auto reflect() {
        return fields("RecoveryRequest", field("timestamp", &RecoveryRequest::timestamp));
    }
};

/// The originals, as their senders signed them (canonical SignedMessage bytes): receivers check each like any other.
struct RecoveryMessage {
    std::vector<Bytes> messages;

    bool operator==(const RecoveryMessage&) const = default;
    static constexpr auto reflect() { return fields("RecoveryMessage", field("messages", &RecoveryMessage::messages)); }
};

using Body = std::variant<ChangeView, PrepareRequest, PrepareResponse, Commit, RecoveryRequest, RecoveryMessage>;

struct Message {
    Height height;
    /// The view the sender is in, or for Commit the view it commits in.
    View view;
    ValidatorIndex sender;
    Body body;

    bool operator==(const Message&) const = default;
    static constexpr auto reflect() {
        return fields("Message", field("height", &Message::height), field("view", &Message::view),
                      field("sender", &Message::sender), field("body", &Message::body));
    }
};

struct SignedMessage {
    Message message;
    Bytes signature;

    bool operator==(const SignedMessage&) const = default;
    static constexpr auto reflect() {
        return fields("SignedMessage", field("message", &SignedMessage::message),
                      field("signature", &SignedMessage::signature));
    }
};

/// Bytes under a message's signature: domain, chain id, message.
[[nodiscard]] Bytes message_signing_payload(std::uint64_t chain_id, const Message& message);
/// Bytes under a preparation: domain, chain id, height, view, block hash.
[[nodiscard]] Bytes prepare_signing_payload(std::uint64_t chain_id, Height height, View view, const BlockHash& block);
[[nodiscard]] const char* kind_name(const Body& body) noexcept;

}  // namespace troupe::consensus
