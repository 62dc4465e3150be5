#include "actors/storage_node/store.hpp"

#include "persistence/synced_database.hpp"
#include "runtime/crypto/sha256.hpp"

namespace troupe::storage_node {

struct ContentStore::Statements {
    Statement put_content, content, put_bundle, tip, include, not_included, put_entry, erase_entry, erase_range, entry,
        entries, natives, touch, pages, put_pages, put_meta, meta;
};

namespace {

// `dirty`: entries of the bucket have changed since its pages were made.
constexpr Schema schema{0x54727374 /* Trst */, 1, R"sql(
CREATE TABLE contents (hash BLOB NOT NULL UNIQUE, data BLOB NOT NULL);
CREATE TABLE bundles (height INTEGER PRIMARY KEY, hash BLOB NOT NULL, included INTEGER NOT NULL);
CREATE TABLE state (bucket INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL,
                    PRIMARY KEY (bucket, key)) WITHOUT ROWID;
CREATE TABLE pages (bucket INTEGER PRIMARY KEY, pages BLOB NOT NULL, dirty INTEGER NOT NULL);
CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
)sql"};

/// A state that can't be read or does not parse: going on would vouch for something else.
[[noreturn]] void damaged(const std::string& why) {
    invariant_failed(("storage database: " + why + "; delete the node's data directory to fill it anew").c_str(),
                     __FILE__, __LINE__);
}

/// The least key above all keys with this prefix.
[[nodiscard]] Bytes after_prefix(Bytes prefix) {
    for (auto i = prefix.size(); i-- > 0;)
        if (++prefix[i] != 0) {
            prefix.resize(i + 1);
            break;
        }
    return prefix;
}

}  // namespace

Result<std::unique_ptr<ContentStore>> ContentStore::open(const std::string& path) {
    auto made = std::make_unique<Statements>();
    auto database = open_synced(
        path, schema,
        {
            {&made->put_content, "INSERT INTO contents (hash, data) VALUES (?, ?) ON CONFLICT DO NOTHING"},
            {&made->content, "SELECT data FROM contents WHERE hash = ?"},
            {&made->put_bundle, "INSERT INTO bundles (height, hash, included) VALUES (?, ?, 0)"},
            {&made->tip, "SELECT height FROM bundles ORDER BY height DESC LIMIT 1"},
            {&made->include, "UPDATE bundles SET included = 1 WHERE height = ?"},
            {&made->not_included,
             "SELECT height, hash FROM bundles WHERE height >= ? AND included = 0 ORDER BY height"},
            {&made->put_entry,
             "INSERT INTO state (bucket, key, value) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = "
             "excluded.value"},
            {&made->erase_entry, "DELETE FROM state WHERE bucket = ? AND key = ?"},
            {&made->erase_range, "DELETE FROM state WHERE bucket = ? AND key >= ? AND key < ?"},
            {&made->entry, "SELECT value FROM state WHERE bucket = ? AND key = ?"},
            {&made->entries, "SELECT key, value FROM state WHERE bucket = ? ORDER BY key"},
            {&made->natives, "SELECT key, value FROM state WHERE bucket = ? AND key >= ? AND key < ?"},
            {&made->touch,
             "INSERT INTO pages (bucket, pages, dirty) VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET dirty = 1"},
            {&made->pages, "SELECT pages, dirty FROM pages WHERE bucket = ?"},
            {&made->put_pages,
             "INSERT INTO pages (bucket, pages, dirty) VALUES (?, ?, 0) "
             "ON CONFLICT DO UPDATE SET pages = excluded.pages, dirty = 0"},
            {&made->put_meta,
             "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value"},
            {&made->meta, "SELECT value FROM meta WHERE key = ?"},
        });
    if (!database) return database.error();
    return std::unique_ptr<ContentStore>{new ContentStore(std::move(*database), std::move(made))};
}

ContentStore::ContentStore(std::unique_ptr<Database> database, std::unique_ptr<Statements> statements) noexcept
    : database_(std::move(database)), statements_(std::move(statements)) {}
ContentStore::~ContentStore() = default;

Result<DatabaseTransaction> ContentStore::batch() { return DatabaseTransaction::begin(*database_); }

// Content -------------------------------------------------------------------------------------------------------------

Status ContentStore::put(const std::vector<Content>& contents) {
    for (const auto& content : contents)
        if (auto status = statements_->put_content.run(content.hash, content.data); !status) return status;
    return Done{};
}

Result<std::optional<Bytes>> ContentStore::content(const Hash256& hash) {
    std::optional<Bytes> data;
    const auto found = statements_->content.first([&](Row row) { data = row.copy(0); }, hash);
    if (!found) return found.error();
    if (data && sha256(*data) != hash)
        return make_error(ErrorCode::malformed, "content " + to_hex(hash.view()) + " is damaged: it hashes to " +
                                                    to_hex(sha256(*data).view()));
    return data;
}

Result<Bytes> ContentStore::joined(const Pieces& pieces) {
    Bytes out;
    for (const auto& piece : pieces) {
        auto data = content(piece);
        if (!data) return data.error();
        if (!*data) return make_error(ErrorCode::not_found, "content " + to_hex(piece.view()) + " is missing");
        append(out, **data);
    }
    return out;
}

// Bundles -------------------------------------------------------------------------------------------------------------

Status ContentStore::put_bundle(Height height, const Hash256& bundle) {
    return statements_->put_bundle.run(height, bundle);
}

Result<std::optional<Height>> ContentStore::tip() {
    std::optional<Height> height;
    const auto found = statements_->tip.first([&](Row row) { height = Height{row.integer(0)}; });
    if (!found) return found.error();
    return height;
}

Status ContentStore::mark_included(Height height) { return statements_->include.run(height); }

Result<std::vector<std::pair<Height, Hash256>>> ContentStore::not_included(Height from) {
    std::vector<std::pair<Height, Hash256>> out;
    auto status = statements_->not_included.each(
        [&](Row row) {
            if (const auto hash = Hash256::from_view(row.bytes(1))) out.emplace_back(Height{row.integer(0)}, *hash);
            return true;
        },
        from);
    if (!status) return status.error();
    return out;
}

// State ---------------------------------------------------------------------------------------------------------------

Status ContentStore::touch(std::size_t bucket) {
    return statements_->touch.run(std::uint64_t{bucket}, encode(Pieces{}));
}

Status ContentStore::put_entry(const Bytes& key, ByteView value) {
    const auto bucket = bucket_of(key);
    if (auto status = statements_->put_entry.run(std::uint64_t{bucket}, key, value); !status) return status;
    return touch(bucket);
}

Status ContentStore::erase_entry(const Bytes& key) {
    const auto bucket = bucket_of(key);
    if (auto status = statements_->erase_entry.run(std::uint64_t{bucket}, key); !status) return status;
    return statements_->erase_entry.changes() > 0 ? touch(bucket) : Status{Done{}};
}

Status ContentStore::erase_slots(const Address& address) {
    const auto first = slots_prefix(address);
    const auto last = after_prefix(first);
    for (std::size_t bucket = 0; bucket < buckets; ++bucket) {
        if (auto status = statements_->erase_range.run(std::uint64_t{bucket}, first, last); !status) return status;
        if (statements_->erase_range.changes() == 0) continue;
        if (auto status = touch(bucket); !status) return status;
    }
    return Done{};
}

Status ContentStore::forget_natives(TimeMs before) {
    const Bytes first{static_cast<std::uint8_t>(EntryTag::native)};
    const auto last = after_prefix(first);
    for (std::size_t bucket = 0; bucket < buckets; ++bucket) {
        std::vector<Bytes> expired;
        auto status = statements_->natives.each(
            [&](Row row) {
                const auto expiry = decode<TimeMs>(row.bytes(1));
                if (!expiry) damaged(expiry.error().message);
                if (*expiry < before) expired.push_back(row.copy(0));
                return true;
            },
            std::uint64_t{bucket}, first, last);
        if (!status) return status;
        for (const auto& key : expired)
            if (auto erased = erase_entry(key); !erased) return erased;
    }
    return Done{};
}

Status ContentStore::apply(const StateDiff& diff, const std::vector<std::pair<TransactionHash, TimeMs>>& natives) {
    for (const auto& [hash, code] : diff.codes) {
        std::vector<Content> contents;
        const auto pieces = cut(code, contents);
        if (auto status = put(contents); !status) return status;
        if (auto status = put_entry(code_entry(hash), encode(pieces)); !status) return status;
    }
    for (const auto& change : diff.accounts) {
        const auto key = account_entry(change.address);
        auto status = change.deleted
                          ? erase_entry(key)
                          : put_entry(key, encode(StateAccount{change.nonce, change.balance, change.code_hash}));
        if (status && (change.deleted || change.storage_cleared)) status = erase_slots(change.address);
        for (const auto& [slot, value] : change.storage) {
            if (!status) break;
            const auto slot_key = slot_entry(change.address, slot);
            status = value.is_zero() ? erase_entry(slot_key) : put_entry(slot_key, to_big_endian(value).view());
        }
        if (!status) return status;
    }
    for (const auto& [hash, expiry] : natives)
        if (auto status = put_entry(native_entry(hash), encode(expiry)); !status) return status;
    return Done{};
}

Result<std::vector<Entry>> ContentStore::entries(std::size_t bucket) {
    std::vector<Entry> out;
    auto status = statements_->entries.each(
        [&](Row row) {
            out.emplace_back(row.copy(0), row.copy(1));
            return true;
        },
        std::uint64_t{bucket});
    if (!status) return status.error();
    return out;
}

Result<Hash256> ContentStore::make_snapshot(Height height, TimeMs timestamp, const RootHash& state_root,
                                            std::vector<Content>& out) {
    if (auto status = forget_natives(timestamp); !status) return status.error();
    SnapshotIndex index{height, state_root, {}};
    for (std::size_t bucket = 0; bucket < buckets; ++bucket) {
        Pieces pages;
        bool dirty = false;
        const auto known = statements_->pages.first(
            [&](Row row) {
                dirty = row.integer(1) != 0;
                if (auto decoded = decode<Pieces>(row.bytes(0))) pages = std::move(*decoded);
            },
            std::uint64_t{bucket});
        if (!known) return known.error();
        if (dirty) {
            auto list = entries(bucket);
            if (!list) return list.error();
            pages = make_pages(*list, out);
            if (auto status = statements_->put_pages.run(std::uint64_t{bucket}, encode(pages)); !status)
                return status.error();
        }
        index.pages.push_back(std::move(pages));
    }
    out.push_back(make_content(encode(index)));
    return out.back().hash;
}

std::optional<Bytes> ContentStore::entry(const Bytes& key) {
    std::optional<Bytes> value;
    const auto found =
        statements_->entry.first([&](Row row) { value = row.copy(0); }, std::uint64_t{bucket_of(key)}, key);
    if (!found) damaged(found.error().message);
    return value;
}

bool ContentStore::native_executed(const TransactionHash& hash) { return entry(native_entry(hash)).has_value(); }

std::optional<AccountRecord> ContentStore::account(const Address& address) {
    const auto value = entry(account_entry(address));
    if (!value) return std::nullopt;
    const auto account = decode<StateAccount>(*value);
    if (!account) damaged(account.error().message);
    return AccountRecord{account->nonce, account->balance, account->code_hash};
}

uint256 ContentStore::storage(const Address& address, const uint256& slot) {
    const auto value = entry(slot_entry(address, slot));
    return value ? from_big_endian(*value) : uint256{};
}

std::shared_ptr<const Bytes> ContentStore::code(const CodeHash& hash) {
    if (hash == empty_code_hash) return std::make_shared<const Bytes>();
    const auto value = entry(code_entry(hash));
    const auto pieces = value ? decode<Pieces>(*value) : Result<Pieces>{Pieces{}};
    if (!pieces) damaged(pieces.error().message);
    auto code = joined(*pieces);
    if (!code) damaged(code.error().message);
    return std::make_shared<const Bytes>(std::move(*code));
}

Status ContentStore::put_meta(std::string_view key, ByteView value) { return statements_->put_meta.run(key, value); }

Result<std::optional<Bytes>> ContentStore::meta(std::string_view key) {
    std::optional<Bytes> value;
    const auto found = statements_->meta.first([&](Row row) { value = row.copy(0); }, key);
    if (!found) return found.error();
    return value;
}

}  // namespace troupe::storage_node
