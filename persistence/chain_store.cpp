#include "persistence/chain_store.hpp"

#include "persistence/chain_schema.hpp"

namespace troupe {

struct ChainStore::Statements {
    Statement put_block, put_chunk, prune_chunks;
    Statement put_executed, put_bloom, put_transaction;
    Statement put_account, delete_account, clear_storage, put_slot, delete_slot, put_code;
    Statement put_node, put_changes, next_changes, delete_node_versions, delete_changes;
    Statement put_seen, prune_seen;
    Statement put_meta;
};

namespace {

/// Node keys in one row of trie_changes: the unit of pruning, and small enough to stay off long overflow chains.
constexpr std::size_t changes_in_part = 64;

}  // namespace

Result<ChainStore> ChainStore::open(const std::string& path, const ChainStoreOptions& options) {
    auto opened = Database::open(path, chain_schema::schema, options.database);
    if (!opened) return opened.error();
    auto database = std::make_unique<Database>(std::move(opened).value());
    auto made = std::make_unique<Statements>();
    const std::pair<Statement*, const char*> all[] = {
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
        {&made->put_node, "INSERT OR REPLACE INTO trie_nodes (owner, path, height, node) VALUES (?, ?, ?, ?)"},
        {&made->put_changes,
         "INSERT INTO trie_changes (height, part, nodes) VALUES"
         " (?1, (SELECT coalesce(max(part) + 1, 0) FROM trie_changes WHERE height = ?1), ?2)"},
        {&made->next_changes,
         "SELECT height, part, nodes FROM trie_changes WHERE height <= ? ORDER BY height, part LIMIT 1"},
        {&made->delete_node_versions,
         "DELETE FROM trie_nodes WHERE owner = ?1 AND path = ?2 AND height <= ?3"
         " AND (height < ?3 OR length(node) = 0)"},
        {&made->delete_changes, "DELETE FROM trie_changes WHERE height = ? AND part = ?"},
        {&made->put_seen, "INSERT OR REPLACE INTO seen (expiry, hash) VALUES (?, ?)"},
        {&made->prune_seen,
         "DELETE FROM seen WHERE (expiry, hash) IN"
         " (SELECT expiry, hash FROM seen WHERE expiry < ? ORDER BY expiry, hash LIMIT ?)"},
        {&made->put_meta, "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)"},
    };
    for (const auto& [statement, sql] : all) {
        auto prepared = database->prepare(sql);
        if (!prepared) return prepared.error();
        *statement = std::move(prepared).value();
    }
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

Result<Transaction> ChainStore::batch() { return Transaction::begin(*database_); }

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
    if (auto status = put_height(chain_schema::executed_tip_key, update.height); !status) return status;
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
    auto transaction = batch();
    if (!transaction) return transaction.error();
    Bytes changes;
    std::size_t in_part = 0;
    for (const auto& [owner, path, node] : nodes) {
        TROUPE_ASSERT(path.size() <= 0xff);
        const auto encoded = node ? ByteView{*node} : ByteView{};
        TROUPE_ASSERT(!node || !node->empty());
        if (auto status = statements_->put_node.run(owner, path, height, encoded); !status) return status;
        append(changes, owner.view());
        changes.push_back(static_cast<std::uint8_t>(path.size()));
        append(changes, path);
        if (++in_part < changes_in_part) continue;
        if (auto status = statements_->put_changes.run(height, changes); !status) return status;
        changes.clear();
        in_part = 0;
    }
    if (!changes.empty())
        if (auto status = statements_->put_changes.run(height, changes); !status) return status;
    return transaction->commit();
}

Result<std::size_t> ChainStore::prune_trie(Height keep_from, std::size_t limit) {
    auto transaction = batch();
    if (!transaction) return transaction.error();
    const auto start = reader_.history_start();
    if (!start) return start.error();
    if (keep_from > *start)
        if (auto status = put_height(chain_schema::history_start_key, keep_from); !status) return status.error();

    // In order of height: an empty node must not go before the older versions that it hides.
    std::size_t visited = 0;
    for (; visited < limit; visited += changes_in_part) {
        Height height;
        std::uint64_t part = 0;
        Bytes nodes;
        auto row = statements_->next_changes.first(
            [&](Row r) {
                height = Height{r.integer(0)};
                part = r.integer(1);
                nodes = r.copy(2);
            },
            keep_from);
        if (!row) return row.error();
        if (!*row) break;
        if (auto status = prune_changes(height, nodes); !status) return status.error();
        if (auto status = statements_->delete_changes.run(height, part); !status) return status.error();
    }
    if (auto status = transaction->commit(); !status) return status.error();
    return visited;
}

Status ChainStore::prune_changes(Height height, ByteView nodes) {
    constexpr std::size_t owner_bytes = Hash256::size_bytes;
    while (!nodes.empty()) {
        const std::size_t path_bytes = nodes.size() > owner_bytes ? nodes[owner_bytes] : 0;
        if (nodes.size() < owner_bytes + 1 + path_bytes)
            return make_error(ErrorCode::malformed, database_->path() + ": damaged: list of changed trie nodes");
        const auto owner = nodes.first(owner_bytes);
        const auto path = nodes.subspan(owner_bytes + 1, path_bytes);
        if (auto status = statements_->delete_node_versions.run(owner, path, height); !status) return status;
        nodes = nodes.subspan(owner_bytes + 1 + path_bytes);
    }
    return Done{};
}

Result<std::size_t> ChainStore::prune_seen(TimeMs before, std::size_t limit) {
    if (auto status = statements_->prune_seen.run(before, limit); !status) return status.error();
    return statements_->prune_seen.changes();
}

Status ChainStore::put_meta(std::string_view key, ByteView value) { return statements_->put_meta.run(key, value); }

Status ChainStore::put_height(const char* key, Height height) {
    std::uint8_t big_endian[8];
    for (std::size_t i = 0; i < 8; ++i) big_endian[i] = static_cast<std::uint8_t>(height.value >> (8 * (7 - i)));
    return put_meta(key, big_endian);
}

}  // namespace troupe
