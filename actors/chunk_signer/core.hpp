// The chunk signer's protocol: keeps every proposed chunk until it is executed or expired, vouches for at most one
// chunk per producer and expiry, answers requests for chunks, and reports producers that signed two (Vryx: Chunk
// Signature, Chunk Request, Chunk Fault). Pure: time comes with each event, what is to be done goes to the outbox.
//
// The outbox is carried out in order, so a signature is sent only after its record and its chunk are on disk.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include "runtime/ledger/chunk.hpp"
#include "runtime/ledger/genesis.hpp"

namespace troupe::chunk_signer {

// Effects ------------------------------------------------------------------------------------------------------------

/// Keep the chunk and the fact that this node signs it, durably, before anything that follows.
struct PersistChunk {
    ChunkReference chunk;
    Bytes encoded_chunk;
    /// The producer's own signature: with another chunk's it proves a fault.
    Bytes producer_signature;
    /// False for chunks that were only fetched: they are kept, not vouched for.
    bool signs = false;
};
struct SendSignature {
    ChunkSignature signature;
};
struct SendChunk {
    NodeIndex to;
    ChunkId id;
};
struct RequestChunk {
    NodeIndex to;
    ChunkId id;
};
/// The chunk is here now: executors waiting for it may go on, its transactions can be recovered ahead of time.
struct ChunkArrived {
    ChunkReference chunk;
    std::shared_ptr<const Chunk> content;
    /// Empty for a chunk that was fetched.
    SenderKeys senders;
};
struct ForgetChunks {
    std::vector<ChunkId> ids;
};
struct ReportFault {
    ChunkFault fault;
};
/// Somebody sent something that is not in order; `why` is for the log.
struct RejectPeer {
    NodeIndex from;
    std::string why;
};

using Effect = std::variant<PersistChunk, SendSignature, SendChunk, RequestChunk, ChunkArrived, ForgetChunks,
                            ReportFault, RejectPeer>;
using Outbox = std::vector<Effect>;

// Core ---------------------------------------------------------------------------------------------------------------

struct Config {
    std::uint64_t chain_id = 0;
    ChainParameters parameters;
    /// Nothing for nodes that keep chunks without vouching for them.
    std::optional<ValidatorIndex> self;
    /// Chunks of one producer that are neither executed nor expired; bounds what a producer can make others store.
    std::size_t live_chunks_per_producer_max = 256;
    /// Tolerated difference between this node's clock and a producer's.
    DurationMs clock_skew_max{500};
    /// A chunk that was asked for and did not come is asked for again, from the next signer, after this long.
    DurationMs request_retry{150};
};

/// A chunk that was signed before a restart.
struct SignedBefore {
    ChunkReference chunk;
    Bytes producer_signature;
};

class Core {
public:
    /// `signer` may be null if config.self is nothing. Both outlive the core.
    Core(Config config, const SignatureScheme& scheme, const Signer* signer)
        : config_(std::move(config)), scheme_(scheme), signer_(signer) {}

    /// Restores what was signed before a restart; to be called before any event.
    void restore(const std::vector<SignedBefore>& records);

    /// `proposal` came from `from` (a producer's own node, or this node's builder).
    void on_proposal(NodeIndex from, ChunkProposal proposal, TimeMs now, Outbox& out);

    /// A block certifies chunks that this node must have to execute it: those missing are asked for.
    void on_chunks_needed(const std::vector<ChunkCertificate>& certificates, TimeMs now, Outbox& out);
    void on_chunk_request(NodeIndex from, const ChunkId& id, bool have, Outbox& out);
    void on_chunk_reply(NodeIndex from, Bytes encoded_chunk, Outbox& out);
    void on_timer(TimeMs now, Outbox& out);

    /// Chunks of an executed block; and everything that no later block may include is forgotten.
    void on_executed(const std::vector<ChunkReference>& executed, TimeMs block_timestamp, Outbox& out);

    [[nodiscard]] bool waits_for_chunks() const noexcept { return !wanted_.empty(); }
    [[nodiscard]] std::size_t live_chunks() const noexcept { return live_.size(); }

private:
    struct Signed {
        ChunkReference chunk;
        Bytes producer_signature;
    };
    struct Wanted {
        std::vector<ValidatorIndex> holders;
        std::size_t next_holder = 0;
        TimeMs asked;
    };

    [[nodiscard]] const char* check(const ChunkReference& chunk, const Chunk& content, TimeMs now) const;
    void vouch(const ChunkReference& chunk, Outbox& out);
    void ask(const ChunkId& id, Wanted& wanted, TimeMs now, Outbox& out);

    Config config_;
    const SignatureScheme& scheme_;
    const Signer* signer_;
    /// By expiry first, so that expired slots are a prefix.
    std::map<std::pair<TimeMs, ValidatorIndex>, Signed> slots_;
    std::unordered_map<ChunkId, ChunkReference, FixedBytesHash> live_;
    std::map<ValidatorIndex, std::size_t> live_by_producer_;
    std::map<ChunkId, Wanted> wanted_;
};

}  // namespace troupe::chunk_signer
