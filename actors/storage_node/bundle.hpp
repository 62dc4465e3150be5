// What storage keeps of a block, as content addressed by SHA-256: an index (the bundle) that names the block, its
// chunks, what executing it left, and at checkpoint heights a snapshot of the state. The same on every honest node: the
// votes for the block are not part of it, since nodes hold different quorums of them. Pure.
#pragma once

#include <optional>
#include <vector>

#include "actors/execution/outcome.hpp"
#include "runtime/ledger/genesis.hpp"

namespace troupe::storage_node {

/// Larger values are kept in pieces of this size, so that each fits a frame.
inline constexpr std::size_t piece_bytes_max = 1 << 20;

/// The pieces of a value, in order, by SHA-256.
using Pieces = std::vector<Hash256>;

struct Content {
    Hash256 hash;
    Bytes data;
};

struct Bundle {
    Height height;
    /// A canonical Block.
    Pieces block;
    /// Canonical Chunks, in the order of the block's certificates; a chunk's id is its hash.
    std::vector<ChunkId> chunks;
    /// A canonical ExecutedBlock: transactions and their receipts.
    Pieces executed;
    /// Hash of a SnapshotIndex of the state after this block.
    std::optional<Hash256> snapshot;

    bool operator==(const Bundle&) const = default;
    static constexpr auto reflect() {
        return fields("Bundle", field("height", &Bundle::height), field("block", &Bundle::block),
                      field("chunks", &Bundle::chunks), field("executed", &Bundle::executed),
                      field("snapshot", &Bundle::snapshot));
    }
};

// The state as entries ------------------------------------------------------------------------------------------------
//
// A key is a tag and a name; entries fall into buckets by the hash of their key, so that a snapshot shares the pages of
// every bucket in which nothing has changed with the snapshot before.
//     'a' address           canonical StateAccount
//     's' address slot(32)  32 bytes, not zero
//     'c' code hash         canonical Pieces of the code
//     'n' transaction hash  canonical TimeMs: a native transaction that must not execute again until then

enum class EntryTag : std::uint8_t { account = 'a', slot = 's', code = 'c', native = 'n' };

struct StateAccount {
    std::uint64_t nonce = 0;
    uint256 balance;
    CodeHash code_hash;

    bool operator==(const StateAccount&) const = default;
    static constexpr auto reflect() {
        return fields("StateAccount", field("nonce", &StateAccount::nonce), field("balance", &StateAccount::balance),
                      field("code_hash", &StateAccount::code_hash));
    }
};

using Entry = std::pair<Bytes, Bytes>;

inline constexpr std::size_t buckets = 64;
/// Entries of a page; together with page_bytes_max, what makes a bucket more than one page.
inline constexpr std::size_t page_entries_max = 8192;
inline constexpr std::size_t page_bytes_max = 1 << 20;

[[nodiscard]] std::size_t bucket_of(ByteView key);
[[nodiscard]] Bytes account_entry(const Address& address);
[[nodiscard]] Bytes slot_entry(const Address& address, const uint256& slot);
/// Prefix of the keys of all slots of an account.
[[nodiscard]] Bytes slots_prefix(const Address& address);
[[nodiscard]] Bytes code_entry(const CodeHash& hash);
[[nodiscard]] Bytes native_entry(const TransactionHash& hash);

struct SnapshotIndex {
    Height height;
    RootHash state_root;
    /// Pages of each bucket: canonical lists of entries, ascending by key.
    std::vector<Pieces> pages;

    bool operator==(const SnapshotIndex&) const = default;
    static constexpr auto reflect() {
        return fields("SnapshotIndex", field("height", &SnapshotIndex::height),
                      field("state_root", &SnapshotIndex::state_root), field("pages", &SnapshotIndex::pages));
    }
};

// Making --------------------------------------------------------------------------------------------------------------

[[nodiscard]] Content make_content(Bytes data);
/// Cut into pieces; adds them to `out`.
[[nodiscard]] Pieces cut(ByteView data, std::vector<Content>& out);
/// Entries in ascending order of key, as pages; adds them to `out`.
[[nodiscard]] Pieces make_pages(const std::vector<Entry>& entries, std::vector<Content>& out);

struct MadeBundle {
    Hash256 hash;
    /// The index included.
    std::vector<Content> contents;
};
/// `chunks` are the canonical chunks of the block's certificates, in their order.
[[nodiscard]] MadeBundle make_bundle(const Block& block, const std::vector<Bytes>& chunks,
                                     const ExecutedBlock& executed, std::vector<Content> snapshot,
                                     std::optional<Hash256> snapshot_index);

}  // namespace troupe::storage_node
