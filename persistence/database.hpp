// SQLite behind RAII and Result: open with the right pragmas and schema, prepared statements, transactions.
// A Database and what comes from it belong to one thread at a time; other threads open connections of their own.
#pragma once

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/base/bytes.hpp"
#include "runtime/base/result.hpp"
#include "runtime/base/strong.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace troupe {

// How SQLite's failures map to ErrorCode. Messages name the file, SQLite's text and its extended code.
//   too_large     the disk, or the size allowed to the file, is full: nothing was written; freeing space helps
//   malformed     the file is damaged, or no such database: restore it, or delete it and catch up from peers
//   unsupported   the file was written by a newer version of this program
//   unavailable   another process holds the lock for longer than the timeout
//   invalid       a value that the schema or SQLite cannot hold
//   not_found     the file to be read is not there
//   io            any other failure of the operating system or SQLite

/// How far a commit is on the disk when it returns. Both survive the process's death at any time; `synced` survives
/// loss of power too, `ordered` then loses the latest commits as wholes.
enum class Durability : std::uint8_t { ordered, synced };

struct DatabaseOptions {
    Durability durability = Durability::ordered;
    bool read_only = false;
    /// Nobody else opens the file while it is open here: spares the shared-memory file. Must be false for readers.
    bool exclusive = false;
    /// How long to wait for another process's lock before ErrorCode::unavailable.
    unsigned lock_wait_ms = 5000;
    std::size_t page_bytes = 4096;
    std::size_t cache_bytes = 32 << 20;
    /// The write-ahead log is folded into the database when it has grown to this.
    std::size_t checkpoint_bytes = 8 << 20;
    /// The most bytes the file may have; 0: no limit.
    std::size_t file_bytes_max = 0;
};

/// What must be in a file. `application` (four letters) tells our kinds of files apart.
struct Schema {
    std::uint32_t application = 0;
    std::uint32_t version = 0;
    /// Statements that make an empty file a database of this version.
    const char* create = "";
};

/// The current row of a query; views are valid until the query goes on.
class Row {
public:
    explicit Row(sqlite3_stmt* statement) noexcept : statement_(statement) {}
    [[nodiscard]] ByteView bytes(int column) const noexcept;
    [[nodiscard]] std::uint64_t integer(int column) const noexcept;
    [[nodiscard]] Bytes copy(int column) const {
        const auto view = bytes(column);
        return {view.begin(), view.end()};
    }

private:
    sqlite3_stmt* statement_;
};

/// A prepared statement, made once and run often. Arguments are bound by position and only read during the call:
/// byte views and fixed bytes as blobs, text as text, numbers (at most 2^63 - 1) as integers.
class Statement {
public:
    Statement() = default;

    /// For statements that give no rows.
    template <class... Arguments>
    Status run(const Arguments&... arguments) {
        const Reset reset{*this};
        if (auto status = bind_all(arguments...); !status) return status;
        auto row = step();
        return row ? Status{Done{}} : Status{row.error()};
    }
    /// Calls `visit(Row)` for the first row. False if there is none.
    template <class Visit, class... Arguments>
    Result<bool> first(Visit&& visit, const Arguments&... arguments) {
        const Reset reset{*this};
        if (auto status = bind_all(arguments...); !status) return status.error();
        auto row = step();
        if (row && *row) visit(Row{get()});
        return row;
    }
    /// Calls `visit(Row)` for each row until it gives false.
    template <class Visit, class... Arguments>
    Status each(Visit&& visit, const Arguments&... arguments) {
        const Reset reset{*this};
        if (auto status = bind_all(arguments...); !status) return status;
        for (;;) {
            auto row = step();
            if (!row) return row.error();
            if (!*row || !visit(Row{get()})) return Done{};
        }
    }
    /// Rows that the latest run changed.
    [[nodiscard]] std::size_t changes() const noexcept;

private:
    friend class Database;
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const noexcept;
    };
    /// Ends the read transaction that a half-run query holds.
    struct Reset {
        explicit Reset(Statement& s) noexcept : statement(s) {}
        Reset(const Reset&) = delete;
        Reset& operator=(const Reset&) = delete;
        ~Reset();
        Statement& statement;
    };

    [[nodiscard]] sqlite3_stmt* get() const noexcept { return handle_.get(); }
    Result<bool> step();
    Status bind_blob(int index, ByteView value);
    Status bind_text(int index, std::string_view value);
    Status bind_integer(int index, std::uint64_t value);

    Status bind(int index, ByteView value) { return bind_blob(index, value); }
    Status bind(int index, const Bytes& value) { return bind_blob(index, value); }
    template <std::size_t N, class Kind>
    Status bind(int index, const FixedBytes<N, Kind>& value) {
        return bind_blob(index, value.view());
    }
    Status bind(int index, std::string_view value) { return bind_text(index, value); }
    Status bind(int index, std::unsigned_integral auto value) { return bind_integer(index, value); }
    template <class Value, class Kind>
    Status bind(int index, Strong<Value, Kind> value) {
        return bind_integer(index, value.value);
    }
    template <class... Arguments>
    Status bind_all(const Arguments&... arguments) {
        Status status = Done{};
        int index = 0;
        ((status = status ? bind(++index, arguments) : status), ...);
        return status;
    }

    std::unique_ptr<sqlite3_stmt, Finalize> handle_;
};

class DatabaseTransaction;

class Database {
public:
    /// Creates the file with the schema if it is absent or empty (not when read-only). Refuses files of other
    /// applications, and of newer versions.
    [[nodiscard]] static Result<Database> open(const std::string& path, const Schema& schema,
                                               const DatabaseOptions& options);

    Status execute(const char* sql);
    /// Every statement must die before the database.
    [[nodiscard]] Result<Statement> prepare(std::string_view sql);
    /// Each into its place; the first that can't be is the error.
    Status prepare_all(std::initializer_list<std::pair<Statement*, const char*>> statements);
    /// Folds the write-ahead log into the database as far as readers allow.
    Status checkpoint();
    /// A full check of the file's structure: slow. For tests and after trouble.
    Status check_integrity();

    [[nodiscard]] const std::string& path() const noexcept;

private:
    friend class DatabaseTransaction;
    struct Connection;
    struct Close {
        void operator()(Connection* connection) const noexcept;
    };
    explicit Database(Connection* connection) noexcept : connection_(connection) {}

    Status configure(const DatabaseOptions& options);
    Status apply_schema(const Schema& schema, bool read_only);

    std::unique_ptr<Connection, Close> connection_;
};

/// All or nothing. Undone by its destructor unless committed. A transaction begun within another is part of it: if the
/// inner one is not committed, the outer one cannot be either.
class DatabaseTransaction {
public:
    /// `write`: takes the lock at once. A read transaction sees one state of the database until it ends.
    [[nodiscard]] static Result<DatabaseTransaction> begin(Database& database, bool write = true);

    DatabaseTransaction(DatabaseTransaction&& other) noexcept
        : connection_(std::exchange(other.connection_, nullptr)) {}
    DatabaseTransaction& operator=(DatabaseTransaction&&) = delete;
    ~DatabaseTransaction();

    Status commit();

private:
    explicit DatabaseTransaction(Database::Connection* connection) noexcept : connection_(connection) {}

    Database::Connection* connection_;
};

}  // namespace troupe
