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

-- The node at owner and path from `height` on, until the next version; an empty node says that there is none.
CREATE TABLE trie_nodes (owner BLOB NOT NULL, path BLOB NOT NULL, height INTEGER NOT NULL, node BLOB NOT NULL,
                         PRIMARY KEY (owner, path, height)) WITHOUT ROWID;
-- Which nodes each height wrote, for pruning: owner (32), length of the path (1), path; one after another.
CREATE TABLE trie_changes (height INTEGER NOT NULL, part INTEGER NOT NULL, nodes BLOB NOT NULL,
                           PRIMARY KEY (height, part)) WITHOUT ROWID;

CREATE TABLE seen (expiry INTEGER NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (expiry, hash)) WITHOUT ROWID;
)sql"};

/// Meta keys of the store itself; others belong to callers.
inline constexpr const char* executed_tip_key = "store.executed_tip";
inline constexpr const char* history_start_key = "store.history_start";

}  // namespace troupe::chain_schema
