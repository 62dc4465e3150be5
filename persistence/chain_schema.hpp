// Tables of chain.db. Only chain_reader.cpp and chain_store.cpp include this.
#pragma once

#include "persistence/database.hpp"

namespace troupe::chain_schema {

// Small rows live in WITHOUT ROWID tables (the key is the tree); large blobs in rowid tables beside a small index,
// since overflow pages in a key tree slow every search. Expiry leads the key where rows leave by expiry: leaving is
// then one range and no second index is needed.
inline constexpr Schema schema{0x54726370 /* Trcp */, 1, R"sql(
CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;

CREATE TABLE blocks (height INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, data BLOB NOT NULL);

CREATE TABLE chunks (id BLOB NOT NULL UNIQUE, expiry INTEGER NOT NULL, data BLOB NOT NULL);
CREATE INDEX chunks_by_expiry ON chunks (expiry);

CREATE TABLE executed (height INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, data BLOB NOT NULL);
CREATE TABLE blooms (height INTEGER PRIMARY KEY, bloom BLOB NOT NULL);
CREATE TABLE transactions (hash BLOB PRIMARY KEY, height INTEGER NOT NULL, place INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE accounts (address BLOB PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE storage (address BLOB NOT NULL, slot BLOB NOT NULL, value BLOB NOT NULL,
                      PRIMARY KEY (address, slot)) WITHOUT ROWID;
CREATE TABLE codes (hash BLOB NOT NULL UNIQUE, data BLOB NOT NULL);

-- Every version of every trie node, in the order of writing, and for each owner and path the latest. A version is
-- height * 2^24 + number within the height, so appending touches no old page, whatever the paths are; older versions are
-- found through `previous` (0: none). An empty node says that there is none, and then `key` is its owner and path.
CREATE TABLE trie_nodes (version INTEGER PRIMARY KEY, previous INTEGER NOT NULL, node BLOB NOT NULL, key BLOB);
CREATE TABLE trie_latest (key BLOB PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE seen (expiry INTEGER NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (expiry, hash)) WITHOUT ROWID;
)sql"};

/// Meta keys of the store itself; others belong to callers.
inline constexpr const char* executed_tip_key = "store.executed_tip";
inline constexpr const char* history_start_key = "store.history_start";
/// Version of the trie node that pruning visits next.
inline constexpr const char* prune_cursor_key = "store.prune_cursor";

inline constexpr unsigned version_number_bits = 24;
[[nodiscard]] constexpr std::uint64_t first_version(Height height) noexcept {
    return height.value << version_number_bits;
}
/// Heights beyond this have no versions; far above any chain.
inline constexpr Height versioned_height_max{(1ULL << (63 - version_number_bits)) - 2};

/// Key of trie_latest: owner, then path.
[[nodiscard]] inline Bytes trie_key(const Hash256& owner, ByteView path) {
    Bytes key;
    key.reserve(Hash256::size_bytes + path.size());
    append(key, owner.view());
    append(key, path);
    return key;
}

}  // namespace troupe::chain_schema
