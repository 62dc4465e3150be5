// What goes into a block and what makes one valid, apart from who agrees on it: the pool of certificates, the window in
// which a chunk may be included once, the execution results that blocks carry. Pure.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>

#include "runtime/ledger/block.hpp"
#include "runtime/ledger/genesis.hpp"

namespace troupe::consensus {

struct AssemblyConfig {
    std::uint64_t chain_id = 0;
    ChainParameters parameters;
    ValidatorIndex self;
    std::size_t validators = 0;
    /// Certificates that one proposal carries at most; the rest waits for the next.
    std::size_t certificates_per_block_max = 128;
    std::size_t pool_max = 65536;
    /// How far a proposal's timestamp may be ahead of this node's clock (S16: a primary must not expire the chunks of
    /// others by pushing time).
    DurationMs clock_skew_max{500};
    /// Whose storage receipts count.
    StorageRegistry storage;
};

/// Chunks by expiry, then producer, then id.
struct ChunkReferenceOrder {
    TimeMs expiry;
    ValidatorIndex producer;
    ChunkId id;
    auto operator<=>(const ChunkReferenceOrder&) const = default;
};

enum class Verdict : std::uint8_t {
    valid,
    invalid,
    /// This node has not executed far enough to tell.
    wait,
};
struct Judgement {
    Verdict verdict = Verdict::valid;
    std::string why;
};

class Assembly {
public:
    Assembly(AssemblyConfig config, const SignatureScheme& scheme) : config_(std::move(config)), scheme_(scheme) {}

    /// Blocks of before a restart, in order of height: at least those of the last two chunk lifetimes, and the last
    /// receipt_window_blocks.
    void replay(const CommittedBlock& block);

    /// A certificate from anybody. Done: it is in the pool now or was before.
    Status add(ChunkCertificate certificate, TimeMs now);
    /// A storage receipt from anybody. Done: it will be in a block, or was.
    Status add(StorageReceipt receipt);
    void on_committed(const CommittedBlock& block);
    void on_executed(const ExecutionResult& result);

    [[nodiscard]] bool has_certificates() const noexcept { return !pool_.empty(); }
    [[nodiscard]] std::size_t pool_size() const noexcept { return pool_.size(); }
    [[nodiscard]] bool can_build(Height height) const;
    /// Requires can_build. `votes` are for the previous block; none for block 1.
    [[nodiscard]] Block build(Height height, const BlockHash& previous, TimeMs now,
                              std::vector<CommitCertificate> votes) const;
    /// A proposal for the height after the tip, from a primary that may lie.
    [[nodiscard]] Judgement judge(const Block& block, TimeMs now) const;

    [[nodiscard]] Height tip() const noexcept { return tip_; }
    [[nodiscard]] const BlockHash& tip_hash() const noexcept { return tip_hash_; }
    [[nodiscard]] TimeMs tip_timestamp() const noexcept { return tip_timestamp_; }
    void set_genesis(const BlockHash& hash, TimeMs timestamp) {
        tip_hash_ = hash;
        tip_timestamp_ = timestamp;
    }

private:
    [[nodiscard]] std::string check_certificates(const Block& block) const;
    [[nodiscard]] std::string check_votes(const Block& block) const;
    [[nodiscard]] std::string check_receipts(const Block& block) const;
    [[nodiscard]] bool owes_result(Height height) const noexcept {
        return height.value > config_.parameters.execution_delay;
    }

    AssemblyConfig config_;
    const SignatureScheme& scheme_;
    Height tip_{0};
    BlockHash tip_hash_;
    TimeMs tip_timestamp_;
    /// Verified, not included, not expired; by expiry, so that earlier chunks of a producer go first.
    std::map<ChunkReferenceOrder, ChunkCertificate> pool_;
    /// Included chunks that have not expired.
    std::set<ChunkReferenceOrder> included_;
    /// Results of executed blocks that no committed block carries yet.
    std::map<Height, ExecutionResult> results_;
    using ReceiptKey = std::pair<Height, NodeIndex>;
    [[nodiscard]] static ReceiptKey key_of(const StorageReceipt& receipt) { return {receipt.height, receipt.node}; }
    /// Verified, not included yet.
    std::map<ReceiptKey, StorageReceipt> receipts_;
    /// Those that blocks carry, as far back as another block could carry them again.
    std::set<ReceiptKey> receipts_included_;
};

}  // namespace troupe::consensus
