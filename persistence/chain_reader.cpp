#include "persistence/chain_reader.hpp"

#include <algorithm>

#include "persistence/chain_schema.hpp"

namespace troupe {

struct ChainReader::Statements {
    Statement committed_tip, block_by_height, block_by_hash, blocks_from;
    Statement chunk, has_chunk, chunks_from;
    Statement executed, height_of_executed, find_transaction, blooms;
    Statement account, storage, code, accounts;
    Statement latest_version, node_version;
    Statement has_seen, seen_from;
    Statement meta;
};

namespace {

[[nodiscard]] Error damaged(const Database& database, const char* what) {
    return make_error(ErrorCode::malformed, database.path() + ": damaged: " + what);
}

/// The first column of the first row.
template <class... Arguments>
[[nodiscard]] Result<std::optional<Bytes>> first_blob(Statement& statement, const Arguments&... arguments) {
    std::optional<Bytes> out;
    auto row = statement.first([&](Row r) { out = r.copy(0); }, arguments...);
    if (!row) return row.error();
    return out;
}

template <class... Arguments>
[[nodiscard]] Result<std::optional<std::uint64_t>> first_integer(Statement& statement, const Arguments&... arguments) {
    std::optional<std::uint64_t> out;
    auto row = statement.first([&](Row r) { out = r.integer(0); }, arguments...);
    if (!row) return row.error();
    return out;
}

/// Columns height, hash, data.
[[nodiscard]] std::optional<StoredBlock> stored_block(Row row) {
    const auto hash = BlockHash::from_view(row.bytes(1));
    if (!hash) return std::nullopt;
    return StoredBlock{Height{row.integer(0)}, *hash, row.copy(2)};
}

template <class... Arguments>
[[nodiscard]] Result<std::optional<StoredBlock>> first_block(const Database& database, Statement& statement,
                                                             const Arguments&... arguments) {
    std::optional<StoredBlock> out;
    auto row = statement.first([&](Row r) { out = stored_block(r); }, arguments...);
    if (!row) return row.error();
    if (*row && !out) return damaged(database, "hash of a block");
    return out;
}

[[nodiscard]] Result<std::optional<Height>> as_height(const Result<std::optional<std::uint64_t>>& number) {
    if (!number) return number.error();
    return *number ? std::optional{Height{**number}} : std::nullopt;
}

}  // namespace

Result<ChainReader> ChainReader::on(Database& database) {
    auto made = std::make_unique<Statements>();
    if (auto status = database.prepare_all({
            {&made->committed_tip, "SELECT height FROM blocks ORDER BY height DESC LIMIT 1"},
            {&made->block_by_height, "SELECT height, hash, data FROM blocks WHERE height = ?"},
            {&made->block_by_hash, "SELECT height, hash, data FROM blocks WHERE hash = ?"},
            {&made->blocks_from, "SELECT height, hash, data FROM blocks WHERE height >= ? ORDER BY height"},
            {&made->chunk, "SELECT data FROM chunks WHERE id = ?"},
            {&made->has_chunk, "SELECT 1 FROM chunks WHERE id = ?"},
            {&made->chunks_from, "SELECT id, expiry, data FROM chunks WHERE expiry >= ? ORDER BY expiry"},
            {&made->executed, "SELECT height, hash, data FROM executed WHERE height = ?"},
            {&made->height_of_executed, "SELECT height FROM executed WHERE hash = ?"},
            {&made->find_transaction, "SELECT height, place FROM transactions WHERE hash = ?"},
            {&made->blooms, "SELECT height, bloom FROM blooms WHERE height BETWEEN ? AND ? ORDER BY height"},
            {&made->account, "SELECT data FROM accounts WHERE address = ?"},
            {&made->storage, "SELECT value FROM storage WHERE address = ? AND slot = ?"},
            {&made->code, "SELECT data FROM codes WHERE hash = ?"},
            {&made->accounts, "SELECT address, data FROM accounts ORDER BY address"},
            {&made->latest_version, "SELECT version FROM trie_latest WHERE key = ?"},
            {&made->node_version, "SELECT previous, node FROM trie_nodes WHERE version = ?"},
            {&made->has_seen, "SELECT 1 FROM seen WHERE expiry = ? AND hash = ?"},
            {&made->seen_from, "SELECT expiry, hash FROM seen WHERE expiry >= ? ORDER BY expiry, hash"},
            {&made->meta, "SELECT value FROM meta WHERE key = ?"},
        });
        !status)
        return status.error();
    return ChainReader{nullptr, database, std::move(made)};
}

ChainReader::ChainReader(std::unique_ptr<Database> own, Database& database,
                         std::unique_ptr<Statements> statements) noexcept
    : own_(std::move(own)), database_(&database), statements_(std::move(statements)) {}
ChainReader::ChainReader(ChainReader&&) noexcept = default;
ChainReader& ChainReader::operator=(ChainReader&& other) noexcept {
    // The old statements must die before the old database.
    statements_ = std::move(other.statements_);
    own_ = std::move(other.own_);
    database_ = other.database_;
    return *this;
}
ChainReader::~ChainReader() = default;

Result<ChainReader> ChainReader::open(const std::string& path, std::size_t cache_bytes) {
    DatabaseOptions options;
    options.read_only = true;
    options.cache_bytes = cache_bytes;
    auto opened = Database::open(path, chain_schema::schema, options);
    if (!opened) return opened.error();
    auto own = std::make_unique<Database>(std::move(opened).value());
    auto reader = on(*own);
    if (reader) reader->own_ = std::move(own);
    return reader;
}

Result<DatabaseTransaction> ChainReader::snapshot() { return DatabaseTransaction::begin(*database_, false); }

Result<std::optional<Height>> ChainReader::committed_tip() {
    return as_height(first_integer(statements_->committed_tip));
}

Result<std::optional<StoredBlock>> ChainReader::block(Height height) {
    return first_block(*database_, statements_->block_by_height, height);
}

Result<std::optional<StoredBlock>> ChainReader::block(const BlockHash& hash) {
    return first_block(*database_, statements_->block_by_hash, hash);
}

Status ChainReader::for_each_block(Height from, const std::function<bool(StoredBlock&&)>& visit) {
    bool broken = false;
    auto status = statements_->blocks_from.each(
        [&](Row row) {
            auto block = stored_block(row);
            broken = !block;
            return block && visit(std::move(*block));
        },
        from);
    return broken ? Status{damaged(*database_, "hash of a block")} : status;
}

Result<std::optional<Bytes>> ChainReader::chunk(const ChunkId& id) { return first_blob(statements_->chunk, id); }

Result<bool> ChainReader::has_chunk(const ChunkId& id) {
    return statements_->has_chunk.first([](Row) {}, id);
}

Status ChainReader::for_each_chunk(TimeMs from,
                                   const std::function<bool(const ChunkId&, TimeMs expiry, Bytes&&)>& visit) {
    bool broken = false;
    auto status = statements_->chunks_from.each(
        [&](Row row) {
            const auto id = ChunkId::from_view(row.bytes(0));
            broken = !id;
            return id && visit(*id, TimeMs{row.integer(1)}, row.copy(2));
        },
        from);
    return broken ? Status{damaged(*database_, "id of a chunk")} : status;
}

Result<std::optional<Height>> ChainReader::executed_tip() {
    return as_height(meta_number(chain_schema::executed_tip_key));
}

Result<std::optional<StoredBlock>> ChainReader::executed(Height height) {
    return first_block(*database_, statements_->executed, height);
}

Result<std::optional<Height>> ChainReader::height_of_executed(const BlockHash& hash) {
    return as_height(first_integer(statements_->height_of_executed, hash));
}

Result<std::optional<TransactionPlace>> ChainReader::find_transaction(const TransactionHash& hash) {
    std::optional<TransactionPlace> out;
    auto row = statements_->find_transaction.first(
        [&](Row r) {
            out = TransactionPlace{Height{r.integer(0)}, r.integer(1)};
        },
        hash);
    if (!row) return row.error();
    return out;
}

Status ChainReader::for_each_bloom(Height first, Height last,
                                   const std::function<bool(Height, const LogsBloom&)>& visit) {
    bool broken = false;
    auto status = statements_->blooms.each(
        [&](Row row) {
            const auto bloom = LogsBloom::from_view(row.bytes(1));
            broken = !bloom;
            return bloom && visit(Height{row.integer(0)}, *bloom);
        },
        first, last);
    return broken ? Status{damaged(*database_, "a bloom")} : status;
}

Result<std::optional<Bytes>> ChainReader::account(const Address& address) {
    return first_blob(statements_->account, address);
}

Result<Hash256> ChainReader::storage(const Address& address, const Hash256& slot) {
    std::optional<Hash256> value = Hash256{};
    auto row = statements_->storage.first([&](Row r) { value = Hash256::from_view(r.bytes(0)); }, address, slot);
    if (!row) return row.error();
    if (!value) return damaged(*database_, "a storage value");
    return *value;
}

Result<std::optional<Bytes>> ChainReader::code(const CodeHash& hash) { return first_blob(statements_->code, hash); }

Status ChainReader::for_each_account(const std::function<bool(const Address&, Bytes&&)>& visit) {
    bool broken = false;
    auto status = statements_->accounts.each([&](Row row) {
        const auto address = Address::from_view(row.bytes(0));
        broken = !address;
        return address && visit(*address, row.copy(1));
    });
    return broken ? Status{damaged(*database_, "an address")} : status;
}

Result<std::optional<Bytes>> ChainReader::node_at(const Hash256& owner, ByteView path, Height height) {
    const auto latest = first_integer(statements_->latest_version, chain_schema::trie_key(owner, path));
    if (!latest) return latest.error();
    const auto end = chain_schema::first_version(std::min(height, chain_schema::versioned_height_max).next());
    std::optional<Bytes> node;
    for (auto version = latest->value_or(0); version != 0;) {
        std::uint64_t previous = 0;
        auto row = statements_->node_version.first(
            [&](Row r) {
                previous = r.integer(0);
                if (version < end) node = r.copy(1);
            },
            version);
        if (!row) return row.error();
        if (node && node->empty()) node.reset();
        if (version < end) break;
        if (previous >= version) return damaged(*database_, "order of the versions of a trie node");
        version = previous;
    }
    return node;
}

Result<Height> ChainReader::history_start() {
    auto height = as_height(meta_number(chain_schema::history_start_key));
    if (!height) return height.error();
    return height->value_or(Height{0});
}

Result<bool> ChainReader::has_seen(const SeenTransaction& transaction) {
    return statements_->has_seen.first([](Row) {}, transaction.expiry, transaction.hash);
}

Status ChainReader::for_each_seen(TimeMs from, const std::function<bool(const SeenTransaction&)>& visit) {
    bool broken = false;
    auto status = statements_->seen_from.each(
        [&](Row row) {
            const auto hash = TransactionHash::from_view(row.bytes(1));
            broken = !hash;
            return hash && visit(SeenTransaction{*hash, TimeMs{row.integer(0)}});
        },
        from);
    return broken ? Status{damaged(*database_, "hash of a seen transaction")} : status;
}

Result<std::optional<std::uint64_t>> ChainReader::meta_number(std::string_view key) {
    const auto bytes = meta(key);
    if (!bytes) return bytes.error();
    if (!*bytes) return std::optional<std::uint64_t>{};
    if ((*bytes)->size() != 8) return damaged(*database_, "a number in meta");
    std::uint64_t value = 0;
    for (const auto byte : **bytes) value = value << 8 | byte;
    return std::optional{value};
}

Result<std::optional<Bytes>> ChainReader::meta(std::string_view key) { return first_blob(statements_->meta, key); }

}  // namespace troupe
