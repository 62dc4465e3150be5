#include "persistence/chain_store.hpp"

#include <algorithm>

#include "persistence/chain_schema.hpp"

namespace troupe {

struct ChainStore::Statements {
    Statement put_block, put_chunk, prune_chunks;
    Statement put_executed, put_bloom, put_transaction;
    Statement put_account, delete_account, clear_storage, put_slot, delete_slot, put_code;
    Statement last_version, latest_version, put_latest, delete_latest;
    Statement put_node, put_empty_node, nodes_from, delete_node;
    Statement put_seen, prune_seen;
    Statement put_meta;
};

Result<ChainStore> ChainStore::open(const std::string& path, const ChainStoreOptions& options) {
    auto opened = Database::open(path, chain_schema::schema, options.database);
    if (!opened) return opened.error();
    auto database = std::make_unique<Database>(std::move(opened).value());
    auto made = std::make_unique<Statements>();
    if (auto status = database->prepare_all({
            {&made->put_block, "INSERT INTO blocks (height, hash, data) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"},
            {&made->put_chunk, "INSERT INTO chunks (id, expiry, data) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"},
            {&made->prune_chunks,
             "DELETE FROM chunks WHERE rowid IN (SELECT rowid FROM chunks WHERE expiry < ? ORDER BY expiry LIMIT ?)"},
            {&made->put_executed, "INSERT INTO executed (height, hash, data) VALUES (?, ?, ?)"},
            {&made->put_bloom, "INSERT INTO blooms (height, bloom) VALUES (?, ?)"},
            {&made->put_transaction, "INSERT OR REPLACE INTO transactions (hash, height, place) VALUES (?, ?, ?)"},
            {&made->put_account, "INSERT OR REPLACE INTO accounts (address, data) VALUES (?, ?)"},
            {&made->delete_account, "DELETE FROM accounts WHERE address = ?"},
            {&made->clear_storage, "DELETE FROM storage WHERE address = ?"},
            {&made->put_slot, "INSERT OR REPLACE INTO storage (address, slot, value) VALUES (?, ?, ?)"},
            {&made->delete_slot, "DELETE FROM storage WHERE address = ? AND slot = ?"},
            {&made->put_code, "INSERT INTO codes (hash, data) VALUES (?, ?) ON CONFLICT DO NOTHING"},
            {&made->last_version, "SELECT version FROM trie_nodes ORDER BY version DESC LIMIT 1"},
            {&made->latest_version, "SELECT version FROM trie_latest WHERE key = ?"},
            {&made->put_latest, "INSERT OR REPLACE INTO trie_latest (key, version) VALUES (?, ?)"},
            {&made->delete_latest, "DELETE FROM trie_latest WHERE key = ? AND version = ?"},
            {&made->put_node, "INSERT INTO trie_nodes (version, previous, node, key) VALUES (?, ?, ?, NULL)"},
            {&made->put_empty_node, "INSERT INTO trie_nodes (version, previous, node, key) VALUES (?, ?, x'', ?)"},
            {&made->nodes_from,
             "SELECT version, previous, key FROM trie_nodes WHERE version >= ? AND version < ? ORDER BY version LIMIT "
             "?"},
            {&made->delete_node, "DELETE FROM trie_nodes WHERE version = ?"},
            {&made->put_seen, "INSERT OR REPLACE INTO seen (expiry, hash) VALUES (?, ?)"},
            {&made->prune_seen,
             "DELETE FROM seen WHERE (expiry, hash) IN"
             " (SELECT expiry, hash FROM seen WHERE expiry < ? ORDER BY expiry, hash LIMIT ?)"},
            {&made->put_meta, "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)"},
        });
        !status)
        return status.error();
    auto reader = ChainReader::on(*database);
    if (!reader) return reader.error();
    return ChainStore{std::move(database), std::move(made), std::move(reader).value(), options.transaction_index};
}

ChainStore::ChainStore(std::unique_ptr<Database> database, std::unique_ptr<Statements> statements, ChainReader reader,
                       bool transaction_index) noexcept
    : database_(std::move(database)),
      statements_(std::move(statements)),
      reader_(std::move(reader)),
      transaction_index_(transaction_index) {}
ChainStore::ChainStore(ChainStore&&) noexcept = default;
ChainStore::~ChainStore() = default;

Result<DatabaseTransaction> ChainStore::batch() { return DatabaseTransaction::begin(*database_); }

Status ChainStore::put_block(Height height, const BlockHash& hash, ByteView data) {
    auto& statement = statements_->put_block;
    if (auto status = statement.run(height, hash, data); !status) return status;
    if (statement.changes() == 1) return Done{};
    const auto present = reader_.block(hash);
    if (!present) return present.error();
    if (*present && (*present)->height == height) return Done{};
    return make_error(ErrorCode::already_exists,
                      database_->path() + ": height " + std::to_string(height.value) + " has another block already");
}

Status ChainStore::put_chunk(const ChunkId& id, TimeMs expiry, ByteView data) {
    return statements_->put_chunk.run(id, expiry, data);
}

Result<std::size_t> ChainStore::prune_chunks(TimeMs before, std::size_t limit) {
    if (auto status = statements_->prune_chunks.run(before, limit); !status) return status.error();
    return statements_->prune_chunks.changes();
}

Status ChainStore::apply_execution(const ExecutionUpdate& update) {
    auto transaction = batch();
    if (!transaction) return transaction.error();
    const auto tip = reader_.executed_tip();
    if (!tip) return tip.error();
    if (*tip && update.height != (*tip)->next())
        return make_error(ErrorCode::invalid, database_->path() + ": execution of height " +
                                                  std::to_string(update.height.value) + " can't follow that of " +
                                                  std::to_string((*tip)->value));
    if (auto status = put_executed(update); !status) return status;
    if (auto status = put_accounts(update.accounts); !status) return status;
    for (const auto& [hash, code] : update.codes)
        if (auto status = statements_->put_code.run(hash, code); !status) return status;
    if (auto status = put_trie_nodes(update.height, update.trie_nodes); !status) return status;
    for (const auto& [hash, expiry] : update.seen)
        if (auto status = statements_->put_seen.run(expiry, hash); !status) return status;
    if (auto status = put_number(chain_schema::executed_tip_key, update.height.value); !status) return status;
    return transaction->commit();
}

Status ChainStore::put_executed(const ExecutionUpdate& update) {
    if (auto status = statements_->put_executed.run(update.height, update.hash, update.executed_block); !status)
        return status;
    if (auto status = statements_->put_bloom.run(update.height, update.bloom); !status) return status;
    if (!transaction_index_) return Done{};
    for (std::size_t i = 0; i < update.transactions.size(); ++i)
        if (auto status = statements_->put_transaction.run(update.transactions[i], update.height, i); !status)
            return status;
    return Done{};
}

Status ChainStore::put_accounts(const std::vector<AccountUpdate>& accounts) {
    for (const auto& account : accounts) {
        auto status = account.data ? statements_->put_account.run(account.address, *account.data)
                                   : statements_->delete_account.run(account.address);
        if (!status) return status;
        if (account.storage_cleared || !account.data)
            if (status = statements_->clear_storage.run(account.address); !status) return status;
        if (!account.data) continue;
        for (const auto& [slot, value] : account.storage) {
            status = value.is_zero() ? statements_->delete_slot.run(account.address, slot)
                                     : statements_->put_slot.run(account.address, slot, value);
            if (!status) return status;
        }
    }
    return Done{};
}

Status ChainStore::put_trie_nodes(Height height, const std::vector<TrieNodeUpdate>& nodes) {
    if (nodes.empty()) return Done{};
    auto transaction = batch();
    if (!transaction) return transaction.error();
    std::uint64_t last = 0;
    if (auto row = statements_->last_version.first([&](Row r) { last = r.integer(0); }); !row) return row.error();
    // Never below the pruning's cursor, which would miss it; and version 0 stands for "none".
    const auto cursor = reader_.meta_number(chain_schema::prune_cursor_key);
    if (!cursor) return cursor.error();
    auto version = std::max({chain_schema::first_version(height), last + 1, cursor->value_or(1)});
    if (height > chain_schema::versioned_height_max ||
        version + nodes.size() > chain_schema::first_version(height.next()))
        return make_error(ErrorCode::invalid, database_->path() + ": trie nodes of height " +
                                                  std::to_string(height.value) + " come too late or are too many");
    for (const auto& [owner, path, node] : nodes) {
        const auto key = chain_schema::trie_key(owner, path);
        if (auto status = put_trie_node(version++, key, node); !status) return status;
    }
    return transaction->commit();
}

Status ChainStore::put_trie_node(std::uint64_t version, ByteView key, const std::optional<Bytes>& node) {
    std::uint64_t previous = 0;
    auto row = statements_->latest_version.first([&](Row r) { previous = r.integer(0); }, key);
    if (!row) return row.error();
    TROUPE_ASSERT(!node || !node->empty());
    auto status = node ? statements_->put_node.run(version, previous, *node)
                       : statements_->put_empty_node.run(version, previous, key);
    return status ? statements_->put_latest.run(key, version) : status;
}

Result<std::size_t> ChainStore::prune_trie(Height keep_from, std::size_t limit) {
    auto transaction = batch();
    if (!transaction) return transaction.error();
    const auto start = reader_.history_start();
    if (!start) return start.error();
    if (keep_from > *start)
        if (auto status = put_number(chain_schema::history_start_key, keep_from.value); !status) return status.error();
    const auto cursor = reader_.meta_number(chain_schema::prune_cursor_key);
    if (!cursor) return cursor.error();

    struct Visited {
        std::uint64_t version = 0;
        std::uint64_t previous = 0;
        Bytes key;
    };
    std::vector<Visited> visited;
    const auto end = chain_schema::first_version(std::min(keep_from, chain_schema::versioned_height_max).next());
    auto listed = statements_->nodes_from.each(
        [&](Row row) {
            visited.push_back({row.integer(0), row.integer(1), row.copy(2)});
            return true;
        },
        cursor->value_or(0), end, limit);
    if (!listed) return listed.error();
    if (visited.empty()) return std::size_t{0};

    // In order of writing: what hides a version is visited before anything that could show it again goes.
    for (const auto& [version, previous, key] : visited) {
        if (previous != 0)
            if (auto status = statements_->delete_node.run(previous); !status) return status.error();
        if (key.empty()) continue;
        // The successor of an empty node that goes still names it as `previous`, which then leads nowhere: the same.
        if (auto status = statements_->delete_latest.run(key, version); !status) return status.error();
        if (auto status = statements_->delete_node.run(version); !status) return status.error();
    }
    if (auto status = put_number(chain_schema::prune_cursor_key, visited.back().version + 1); !status)
        return status.error();
    if (auto status = transaction->commit(); !status) return status.error();
    return visited.size();
}

Result<std::size_t> ChainStore::prune_seen(TimeMs before, std::size_t limit) {
    if (auto status = statements_->prune_seen.run(before, limit); !status) return status.error();
    return statements_->prune_seen.changes();
}

Status ChainStore::put_meta(std::string_view key, ByteView value) { return statements_->put_meta.run(key, value); }

Status ChainStore::put_number(const char* key, std::uint64_t number) {
    std::uint8_t big_endian[8];
    for (std::size_t i = 0; i < 8; ++i) big_endian[i] = static_cast<std::uint8_t>(number >> (8 * (7 - i)));
    return put_meta(key, big_endian);
}

}  // namespace troupe
