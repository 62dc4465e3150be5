// Blocks of chunk certificates, the votes that commit them, and the execution results that later blocks carry.
#pragma once

#include <vector>

#include "runtime/ledger/chunk.hpp"
#include "runtime/ledger/storage_receipt.hpp"

namespace troupe {

/// What executing one block gave. Block h carries the result of block h - execution_delay (Vryx: deferred root).
struct ExecutionResult {
    Height height;
    /// One per included chunk, in order: SHA-256 of its ExecutedChunk.
    std::vector<Hash256> executed_chunks;
    /// Ethereum trie roots over the executed transactions and their receipts, and over the state afterwards.
    RootHash transactions_root;
    RootHash receipts_root;
    RootHash state_root;
    std::uint64_t gas_used = 0;

    bool operator==(const ExecutionResult&) const = default;
    static constexpr auto reflect() {
        return fields("ExecutionResult", field("height", &ExecutionResult::height),
                      field("executed_chunks", &ExecutionResult::executed_chunks),
                      field("transactions_root", &ExecutionResult::transactions_root),
                      field("receipts_root", &ExecutionResult::receipts_root),
                      field("state_root", &ExecutionResult::state_root), field("gas_used", &ExecutionResult::gas_used));
    }
};

/// What is left of a chunk after filtering: exactly the transactions that executed and paid (C-20).
struct ExecutedChunk {
    ChunkId chunk;
    Address beneficiary;
    std::vector<TransactionHash> transactions;

    bool operator==(const ExecutedChunk&) const = default;
    static constexpr auto reflect() {
        return fields("ExecutedChunk", field("chunk", &ExecutedChunk::chunk),
                      field("beneficiary", &ExecutedChunk::beneficiary),
                      field("transactions", &ExecutedChunk::transactions));
    }
};

/// Quorum of commit votes for one block in one view.
struct CommitCertificate {
    Height height;
    View view;
    BlockHash block;
    MultiSignature signatures;

    bool operator==(const CommitCertificate&) const = default;
    static constexpr auto reflect() {
        return fields("CommitCertificate", field("height", &CommitCertificate::height),
                      field("view", &CommitCertificate::view), field("block", &CommitCertificate::block),
                      field("signatures", &CommitCertificate::signatures));
    }
};

struct BlockHeader {
    Height height;
    BlockHash previous;
    /// Strictly greater than the previous block's.
    TimeMs timestamp;
    /// Who first proposed this value; a later view may propose it again unchanged.
    ValidatorIndex proposer;
    /// SHA-256 over the canonical encodings of the block's parts.
    Hash256 certificates_digest;
    Hash256 votes_digest;
    /// SHA-256 over execution results and storage receipts: what the application has come to, and who keeps it.
    Hash256 application_hash;

    bool operator==(const BlockHeader&) const = default;
    static constexpr auto reflect() {
        return fields("BlockHeader", field("height", &BlockHeader::height), field("previous", &BlockHeader::previous),
                      field("timestamp", &BlockHeader::timestamp), field("proposer", &BlockHeader::proposer),
                      field("certificates_digest", &BlockHeader::certificates_digest),
                      field("votes_digest", &BlockHeader::votes_digest),
                      field("application_hash", &BlockHeader::application_hash));
    }
};

struct Block {
    BlockHeader header;
    std::vector<ChunkCertificate> certificates;
    /// Commit votes for the previous block (none in block 1): they show who is live, and bind the chain (Fluence 5.3).
    std::vector<CommitCertificate> votes;
    /// Result of block height - execution_delay (none while there is no such block).
    std::vector<ExecutionResult> results;
    /// Receipts for earlier blocks, ascending by height, then node; each at most once in the chain.
    std::vector<StorageReceipt> receipts;

    bool operator==(const Block&) const = default;
    static constexpr auto reflect() {
        return fields("Block", field("header", &Block::header), field("certificates", &Block::certificates),
                      field("votes", &Block::votes), field("results", &Block::results),
                      field("receipts", &Block::receipts));
    }
};

/// A final block: what nodes store and send to those who are behind.
struct CommittedBlock {
    Block block;
    CommitCertificate commit;

    bool operator==(const CommittedBlock&) const = default;
    static constexpr auto reflect() {
        return fields("CommittedBlock", field("block", &CommittedBlock::block),
                      field("commit", &CommittedBlock::commit));
    }
};

/// Blocks for one that is behind, in order of height.
struct Blocks {
    std::vector<CommittedBlock> blocks;

    static constexpr auto reflect() { return fields("Blocks", field("blocks", &Blocks::blocks)); }
};

[[nodiscard]] Hash256 application_hash(const std::vector<ExecutionResult>& results,
                                       const std::vector<StorageReceipt>& receipts);
/// Sets the three digests from the block's parts.
void seal(Block& block);
/// True if the digests match the parts.
[[nodiscard]] bool is_sealed(const Block& block);
/// SHA-256 of the header's canonical encoding.
[[nodiscard]] BlockHash hash_of(const BlockHeader& header);
/// Bytes under a commit vote: domain, chain id, height, view, block hash.
[[nodiscard]] Bytes commit_signing_payload(std::uint64_t chain_id, Height height, View view, const BlockHash& block);
/// At least quorum(n) signers, each one's signature valid.
[[nodiscard]] Status verify_commit(std::uint64_t chain_id, const CommitCertificate& commit,
                                   const SignatureScheme& scheme);
/// Digests, commit quorum over this block's hash. Not the block's place in a chain.
[[nodiscard]] Status verify_committed(std::uint64_t chain_id, const CommittedBlock& block,
                                      const SignatureScheme& scheme);

}  // namespace troupe
