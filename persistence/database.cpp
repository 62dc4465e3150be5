#include "persistence/database.hpp"

#include <limits>

#include <sqlite3.h>

namespace troupe {

struct Database::Connection {
    sqlite3* handle = nullptr;
    std::string path;
    /// Transactions within one another, and whether an inner one failed.
    std::size_t depth = 0;
    bool inner_failed = false;
    Statement begin_read;
    Statement begin_write;
    Statement commit;
    Statement rollback;
};

namespace {

[[nodiscard]] ErrorCode code_of(int extended) noexcept {
    switch (extended & 0xff) {
        case SQLITE_FULL: return ErrorCode::too_large;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB: return ErrorCode::malformed;
        case SQLITE_BUSY:
        case SQLITE_LOCKED: return ErrorCode::unavailable;
        case SQLITE_TOOBIG:
        case SQLITE_CONSTRAINT:
        case SQLITE_MISMATCH: return ErrorCode::invalid;
        default: return ErrorCode::io;
    }
}

[[nodiscard]] Error error_of(sqlite3* handle) {
    const int code = sqlite3_extended_errcode(handle);
    const char* file = sqlite3_db_filename(handle, "main");
    return make_error(code_of(code), std::string{file != nullptr ? file : "database"} + ": " + sqlite3_errmsg(handle) +
                                         " (SQLite code " + std::to_string(code) + ")" +
                                         ((code & 0xff) == SQLITE_FULL ? "; free some space, then start again" : ""));
}

[[nodiscard]] std::string four_letters(std::uint64_t application) {
    std::string out;
    for (int shift = 24; shift >= 0; shift -= 8) {
        const auto c = static_cast<char>(application >> shift & 0xff);
        out.push_back(c >= ' ' && c <= '~' ? c : '?');
    }
    return out;
}

}  // namespace

// ---------------------------------------------------------------- rows and statements

ByteView Row::bytes(int column) const noexcept {
    const auto* data = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_, column));
    const auto size = sqlite3_column_bytes(statement_, column);
    return {data, static_cast<std::size_t>(size)};
}

std::uint64_t Row::integer(int column) const noexcept {
    return static_cast<std::uint64_t>(sqlite3_column_int64(statement_, column));
}

void Statement::Finalize::operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }

Statement::Reset::~Reset() { sqlite3_reset(statement.get()); }

Result<bool> Statement::step() {
    switch (sqlite3_step(get())) {
        case SQLITE_ROW: return true;
        case SQLITE_DONE: return false;
        default: return error_of(sqlite3_db_handle(get()));
    }
}

Status Statement::bind_blob(int index, ByteView value) {
    // A null pointer would bind NULL instead of the empty blob.
    static constexpr std::uint8_t nothing = 0;
    const auto* data = value.empty() ? &nothing : value.data();
    if (sqlite3_bind_blob64(get(), index, data, value.size(), SQLITE_STATIC) != SQLITE_OK)
        return error_of(sqlite3_db_handle(get()));
    return Done{};
}

Status Statement::bind_text(int index, std::string_view value) {
    const auto* data = value.empty() ? "" : value.data();
    if (sqlite3_bind_text64(get(), index, data, value.size(), SQLITE_STATIC, SQLITE_UTF8) != SQLITE_OK)
        return error_of(sqlite3_db_handle(get()));
    return Done{};
}

Status Statement::bind_integer(int index, std::uint64_t value) {
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
        return make_error(ErrorCode::invalid, "database: number " + std::to_string(value) + " exceeds 63 bits");
    if (sqlite3_bind_int64(get(), index, static_cast<std::int64_t>(value)) != SQLITE_OK)
        return error_of(sqlite3_db_handle(get()));
    return Done{};
}

std::size_t Statement::changes() const noexcept {
    return static_cast<std::size_t>(sqlite3_changes(sqlite3_db_handle(get())));
}

// ---------------------------------------------------------------- database

void Database::Close::operator()(Connection* connection) const noexcept {
    auto* const handle = connection->handle;
    delete connection;
    // Statements that outlive their database would keep it open and its lock held: that is a bug of the owner.
    TROUPE_ASSERT(sqlite3_close(handle) == SQLITE_OK);
}

const std::string& Database::path() const noexcept { return connection_->path; }

Result<Database> Database::open(const std::string& path, const Schema& schema, const DatabaseOptions& options) {
    sqlite3* handle = nullptr;
    const int flags = (options.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) |
                      SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    const int opened = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
    Database database{new Connection{handle, path, 0, false, {}, {}, {}, {}}};
    if (opened != SQLITE_OK) {
        auto error = error_of(handle);
        if ((opened & 0xff) == SQLITE_CANTOPEN) {
            error.message = path + ": cannot be opened: " + sqlite3_errmsg(handle);
            if (options.read_only) error.code = ErrorCode::not_found;
        }
        return error;
    }
    if (auto status = database.configure(options); !status) return status.error();
    if (auto status = database.apply_schema(schema, options.read_only); !status) return status.error();

    auto& connection = *database.connection_;
    if (auto status = database.prepare_all({{&connection.begin_read, "BEGIN"},
                                            {&connection.begin_write, "BEGIN IMMEDIATE"},
                                            {&connection.commit, "COMMIT"},
                                            {&connection.rollback, "ROLLBACK"}});
        !status)
        return status.error();
    return database;
}

Status Database::configure(const DatabaseOptions& options) {
    sqlite3_busy_timeout(connection_->handle, static_cast<int>(options.lock_wait_ms));
    std::string sql =
        "PRAGMA cache_size = -" + std::to_string(options.cache_bytes / 1024) + "; PRAGMA temp_store = memory;";
    if (!options.read_only) {
        if (options.exclusive) sql += "PRAGMA locking_mode = exclusive;";
        sql += "PRAGMA page_size = " + std::to_string(options.page_bytes) + "; PRAGMA journal_mode = wal;";
        sql += options.durability == Durability::synced ? "PRAGMA synchronous = full;" : "PRAGMA synchronous = normal;";
        sql += "PRAGMA wal_autocheckpoint = " + std::to_string(options.checkpoint_bytes / options.page_bytes) + ";";
        // A log that a long reader made grow gives its space back.
        sql += "PRAGMA journal_size_limit = " + std::to_string(2 * options.checkpoint_bytes) + ";";
        if (options.file_bytes_max != 0)
            sql += "PRAGMA max_page_count = " + std::to_string(options.file_bytes_max / options.page_bytes) + ";";
    }
    return execute(sql.c_str());
}

Status Database::apply_schema(const Schema& schema, bool read_only) {
    std::uint64_t application = 0;
    std::uint64_t version = 0;
    std::uint64_t tables = 0;
    const std::pair<const char*, std::uint64_t*> facts[] = {{"PRAGMA application_id", &application},
                                                            {"PRAGMA user_version", &version},
                                                            {"SELECT count(*) FROM sqlite_master", &tables}};
    for (const auto& [sql, value] : facts) {
        auto statement = prepare(sql);
        if (!statement) return statement.error();
        if (auto row = statement->first([&, out = value](Row r) { *out = r.integer(0); }); !row) return row.error();
    }
    if (application == schema.application && version == schema.version) return Done{};
    if (application == schema.application && version > schema.version)
        return make_error(ErrorCode::unsupported, path() + ": written by a newer version of troupe (schema " +
                                                      std::to_string(version) + ", this program knows " +
                                                      std::to_string(schema.version) + "): start that version");
    if (application != 0 || version != 0 || tables != 0)
        return make_error(ErrorCode::malformed, path() + ": is no '" + four_letters(schema.application) +
                                                    "' database of schema " + std::to_string(schema.version) +
                                                    " but '" + four_letters(application) + "' " +
                                                    std::to_string(version) + ": give another path");
    if (read_only) return make_error(ErrorCode::not_found, path() + ": is empty; its writer has not made it yet");
    const auto sql = "BEGIN IMMEDIATE;" + std::string{schema.create} +
                     "PRAGMA application_id = " + std::to_string(schema.application) +
                     "; PRAGMA user_version = " + std::to_string(schema.version) + "; COMMIT;";
    return execute(sql.c_str());
}

Status Database::execute(const char* sql) {
    if (sqlite3_exec(connection_->handle, sql, nullptr, nullptr, nullptr) != SQLITE_OK)
        return error_of(connection_->handle);
    return Done{};
}

Status Database::prepare_all(std::initializer_list<std::pair<Statement*, const char*>> statements) {
    for (const auto& [statement, sql] : statements) {
        auto prepared = prepare(sql);
        if (!prepared) return prepared.error();
        *statement = std::move(prepared).value();
    }
    return Done{};
}

Result<Statement> Database::prepare(std::string_view sql) {
    sqlite3_stmt* made = nullptr;
    if (sqlite3_prepare_v3(connection_->handle, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                           &made, nullptr) != SQLITE_OK)
        return error_of(connection_->handle);
    Statement out;
    out.handle_.reset(made);
    return out;
}

Status Database::checkpoint() {
    if (sqlite3_wal_checkpoint_v2(connection_->handle, nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr) !=
        SQLITE_OK)
        return error_of(connection_->handle);
    return Done{};
}

Status Database::check_integrity() {
    auto statement = prepare("PRAGMA integrity_check(1)");
    if (!statement) return statement.error();
    std::string verdict;
    auto row = statement->first([&](Row r) {
        const auto text = r.bytes(0);
        verdict.assign(text.begin(), text.end());
    });
    if (!row) return row.error();
    if (verdict != "ok") return make_error(ErrorCode::malformed, path() + ": " + verdict);
    return Done{};
}

// ---------------------------------------------------------------- transactions

Result<DatabaseTransaction> DatabaseTransaction::begin(Database& database, bool write) {
    auto& connection = *database.connection_;
    if (connection.depth == 0) {
        connection.inner_failed = false;
        if (auto status = (write ? connection.begin_write : connection.begin_read).run(); !status)
            return status.error();
    }
    ++connection.depth;
    return DatabaseTransaction{&connection};
}

Status DatabaseTransaction::commit() {
    TROUPE_ASSERT(connection_ != nullptr);
    auto& connection = *connection_;
    if (connection.depth > 1) {
        connection_ = nullptr;
        --connection.depth;
        return Done{};
    }
    // Undone by the destructor in both failures.
    if (connection.inner_failed)
        return make_error(ErrorCode::io,
                          connection.path + ": a part of the transaction failed, so all of it is undone");
    if (auto status = connection.commit.run(); !status) return status;
    connection_ = nullptr;
    connection.depth = 0;
    return Done{};
}

DatabaseTransaction::~DatabaseTransaction() {
    if (connection_ == nullptr) return;
    auto& connection = *connection_;
    if (--connection.depth > 0) {
        connection.inner_failed = true;
        return;
    }
    // SQLite has undone it already after some errors, a full disk among them.
    if (sqlite3_get_autocommit(connection.handle) == 0) static_cast<void>(connection.rollback.run().ok());
}

}  // namespace troupe
