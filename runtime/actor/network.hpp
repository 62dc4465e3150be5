// The way to other nodes, as actors see it. The closed set of frame kinds; what each carries is one reflected struct,
// decoded by the role that receives it.
#pragma once

#include <array>
#include <memory>
#include <string_view>

#include "runtime/ledger/sender_keys.hpp"

namespace troupe {

enum class FrameKind : std::uint8_t {
    consensus = 1,        // consensus::SignedConsensusMessage
    chunk_proposal = 2,   // ChunkProposal
    chunk_signature = 3,  // ChunkSignature
    certificate = 4,      // ChunkCertificate
    chunk_request = 5,    // ChunkRequest
    chunk_reply = 6,      // Chunk
    blocks_request = 7,   // BlocksRequest
    blocks = 8,           // Blocks
    submit = 9,           // SubmitTransactions
    refusals = 10,        // Refusals
    // The services beside the chain; what each carries is in the interface.hpp of the role that receives it.
    storage_receipt = 16,   // StorageReceipt, from a storage node to validators
    content_request = 17,   // storage_node::ContentRequest
    content_reply = 18,     // storage_node::ContentReply
    manifest_request = 19,  // metadata_node::ManifestRequest
    manifests = 20,         // metadata_node::Manifests
    arbiter_command = 21,   // arbiter::SignedCommand, to the arbiter
    arbiter_notice = 22,    // arbiter::Notice, from the arbiter
};

struct FrameFacts {
    FrameKind kind;
    std::string_view name;
    std::size_t bytes_max;
    /// Overtakes bulk frames; must not be lost while the link is up.
    bool priority;
};

inline constexpr std::size_t frame_kinds_max = 32;

inline constexpr std::array frame_table{
    FrameFacts{FrameKind::consensus, "consensus", limits::frame_bytes_max, true},
    FrameFacts{FrameKind::chunk_proposal, "chunk_proposal", limits::chunk_bytes_max + 4096, false},
    FrameFacts{FrameKind::chunk_signature, "chunk_signature", 4096, true},
    FrameFacts{FrameKind::certificate, "certificate", 512 << 10, true},
    FrameFacts{FrameKind::chunk_request, "chunk_request", 256, false},
    FrameFacts{FrameKind::chunk_reply, "chunk_reply", limits::chunk_bytes_max + 4096, false},
    FrameFacts{FrameKind::blocks_request, "blocks_request", 256, false},
    FrameFacts{FrameKind::blocks, "blocks", limits::frame_bytes_max, false},
    FrameFacts{FrameKind::submit, "submit", limits::chunk_bytes_max, false},
    FrameFacts{FrameKind::refusals, "refusals", 512 << 10, false},
    FrameFacts{FrameKind::storage_receipt, "storage_receipt", 512, false},
    FrameFacts{FrameKind::content_request, "content_request", 256, false},
    FrameFacts{FrameKind::content_reply, "content_reply", limits::chunk_bytes_max + 4096, false},
    FrameFacts{FrameKind::manifest_request, "manifest_request", 256, false},
    FrameFacts{FrameKind::manifests, "manifests", limits::frame_bytes_max, false},
    FrameFacts{FrameKind::arbiter_command, "arbiter_command", 64 << 10, false},
    FrameFacts{FrameKind::arbiter_notice, "arbiter_notice", 64 << 10, false},
};

struct ChunkRequest {
    FixedBytes<32, struct ChunkIdKind> chunk;

    bool operator==(const ChunkRequest&) const = default;
    static constexpr auto reflect() { return fields("ChunkRequest", field("chunk", &ChunkRequest::chunk)); }
};

/// For committed blocks from this height upwards.
struct BlocksRequest {
    Height from;

    bool operator==(const BlocksRequest&) const = default;
    static constexpr auto reflect() { return fields("BlocksRequest", field("from", &BlocksRequest::from)); }
};

/// From a gateway to a builder: raw transactions.
struct SubmitTransactions {
    std::vector<Bytes> transactions;
    SenderKeys senders;

    bool operator==(const SubmitTransactions&) const = default;
    static constexpr auto reflect() {
        return fields("SubmitTransactions", field("transactions", &SubmitTransactions::transactions),
                      field("senders", &SubmitTransactions::senders));
    }
};

struct Refusal {
    TransactionHash transaction;
    /// False: the same transaction may be accepted later.
    bool for_good = false;
    std::string why;

    bool operator==(const Refusal&) const = default;
    static constexpr auto reflect() {
        return fields("Refusal", field("transaction", &Refusal::transaction), field("for_good", &Refusal::for_good),
                      field("why", &Refusal::why));
    }
};

/// From a builder to the gateway that submitted.
struct Refusals {
    std::vector<Refusal> refusals;

    bool operator==(const Refusals&) const = default;
    static constexpr auto reflect() { return fields("Refusals", field("refusals", &Refusals::refusals)); }
};

/// Thread-safe; sending never blocks. A frame to this node itself is delivered like any other.
class Network {
public:
    virtual ~Network() = default;
    virtual void send(NodeIndex to, FrameKind kind, std::shared_ptr<const Bytes> payload) = 0;
    /// To all other nodes that follow the chain, or to all other validators.
    virtual void broadcast(FrameKind kind, std::shared_ptr<const Bytes> payload, bool validators_only) = 0;
    /// Closes the link for a while and notes why: the peer broke the protocol.
    virtual void report(NodeIndex peer, std::string_view why) = 0;
};

template <class T>
[[nodiscard]] std::shared_ptr<const Bytes> to_payload(const T& message) {
    return std::make_shared<const Bytes>(encode(message));
}

/// A frame as it reaches an actor. Within a process only: the payload has been checked for size, not for content.
struct PeerFrame {
    NodeIndex from;
    FrameKind kind{};
    Bytes payload;
};

}  // namespace troupe
