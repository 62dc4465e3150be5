#include "persistence/database.hpp"

#include <fstream>

#include <doctest/doctest.h>

#include "tests/unit/persistence/temporary_folder.hpp"

namespace {

using namespace troupe;

constexpr Schema schema{0x54657374, 3, "CREATE TABLE numbers (n INTEGER PRIMARY KEY, data BLOB);"};

Database open_at(const std::string& path, DatabaseOptions options = {}) {
    auto database = Database::open(path, schema, options);
    REQUIRE_MESSAGE(database.ok(), database.error().message);
    return std::move(database).value();
}

std::uint64_t count(Database& database) {
    auto statement = database.prepare("SELECT count(*) FROM numbers").value();
    std::uint64_t out = 0;
    CHECK(statement.first([&](Row row) { out = row.integer(0); }).value());
    return out;
}

Error refusal(const std::string& path, const Schema& wanted = schema, DatabaseOptions options = {}) {
    const auto database = Database::open(path, wanted, options);
    REQUIRE_FALSE(database.ok());
    return database.error();
}

}  // namespace

TEST_CASE("a file keeps what was committed, and nothing that was not") {
    const TemporaryFolder folder;
    {
        auto database = open_at(folder.file("a.db"));
        auto insert = database.prepare("INSERT INTO numbers VALUES (?, ?)").value();
        {
            auto transaction = DatabaseTransaction::begin(database).value();
            CHECK(insert.run(std::uint64_t{1}, Bytes{1, 2}).ok());
            CHECK(transaction.commit().ok());
        }
        auto undone = DatabaseTransaction::begin(database).value();
        CHECK(insert.run(std::uint64_t{2}, Bytes{}).ok());
    }
    auto database = open_at(folder.file("a.db"));
    CHECK(count(database) == 1);
}

TEST_CASE("an empty blob stays an empty blob, and numbers beyond 63 bits are refused") {
    const TemporaryFolder folder;
    auto database = open_at(folder.file("a.db"));
    auto insert = database.prepare("INSERT INTO numbers VALUES (?, ?)").value();
    CHECK(insert.run(std::uint64_t{1}, Bytes{}).ok());
    CHECK(insert.run(std::uint64_t{2}, ByteView{}).ok());
    auto type = database.prepare("SELECT count(*) FROM numbers WHERE typeof(data) = 'blob'").value();
    std::uint64_t blobs = 0;
    CHECK(type.first([&](Row row) { blobs = row.integer(0); }).value());
    CHECK(blobs == 2);
    const auto status = insert.run(~std::uint64_t{0}, Bytes{});
    REQUIRE_FALSE(status.ok());
    CHECK(status.error().code == ErrorCode::invalid);
}

TEST_CASE("a transaction within another is part of it, and its failure is the outer one's") {
    const TemporaryFolder folder;
    auto database = open_at(folder.file("a.db"));
    auto insert = database.prepare("INSERT INTO numbers VALUES (?, NULL)").value();
    {
        auto outer = DatabaseTransaction::begin(database).value();
        auto inner = DatabaseTransaction::begin(database).value();
        CHECK(insert.run(std::uint64_t{1}).ok());
        CHECK(inner.commit().ok());
        CHECK(outer.commit().ok());
    }
    CHECK(count(database) == 1);
    {
        auto outer = DatabaseTransaction::begin(database).value();
        CHECK(insert.run(std::uint64_t{2}).ok());
        { auto inner = DatabaseTransaction::begin(database).value(); }
        CHECK_FALSE(outer.commit().ok());
    }
    CHECK(count(database) == 1);
    auto outer = DatabaseTransaction::begin(database).value();
    CHECK(insert.run(std::uint64_t{3}).ok());
    CHECK(outer.commit().ok());
    CHECK(count(database) == 2);
}

TEST_CASE("a newer schema, another application and a file that is no database are told apart") {
    const TemporaryFolder folder;
    const auto path = folder.file("a.db");
    { auto database = open_at(path); }
    auto older = schema;
    older.version = 2;
    const auto newer = refusal(path, older);
    CHECK(newer.code == ErrorCode::unsupported);
    CHECK(newer.message.find("newer version of troupe (schema 3, this program knows 2)") != std::string::npos);

    auto other = schema;
    other.application = 0x4f746872;
    const auto foreign = refusal(path, other);
    CHECK(foreign.code == ErrorCode::malformed);
    CHECK(foreign.message.find("'Test'") != std::string::npos);

    std::ofstream{folder.file("text.db")} << std::string(5000, 'x');
    CHECK(refusal(folder.file("text.db")).code == ErrorCode::malformed);
}

TEST_CASE("a reader of what is not there gets not_found and creates nothing") {
    const TemporaryFolder folder;
    DatabaseOptions options;
    options.read_only = true;
    CHECK(refusal(folder.file("none.db"), schema, options).code == ErrorCode::not_found);
    CHECK_FALSE(std::filesystem::exists(folder.file("none.db")));
    std::ofstream{folder.file("empty.db")};
    CHECK(refusal(folder.file("empty.db"), schema, options).code == ErrorCode::not_found);
    const auto no_folder = refusal(folder.file("missing/a.db"));
    CHECK(no_folder.code == ErrorCode::io);
    CHECK(no_folder.message.find("missing/a.db") != std::string::npos);
}

TEST_CASE("a second process-wide owner of an exclusive file is refused") {
    const TemporaryFolder folder;
    DatabaseOptions options;
    options.exclusive = true;
    options.lock_wait_ms = 1;
    auto first = open_at(folder.file("a.db"), options);
    CHECK(refusal(folder.file("a.db"), schema, options).code == ErrorCode::unavailable);
}

TEST_CASE("a full disk is told as such, undoes the transaction, and passes when there is space again") {
    const TemporaryFolder folder;
    DatabaseOptions options;
    options.file_bytes_max = 100 * options.page_bytes;
    std::uint64_t stored = 0;
    {
        auto database = open_at(folder.file("a.db"), options);
        auto insert = database.prepare("INSERT INTO numbers VALUES (?, ?)").value();
        const Bytes data(3000, 7);
        for (;;) {
            auto transaction = DatabaseTransaction::begin(database).value();
            auto status = insert.run(2 * stored, data);
            if (status) status = insert.run(2 * stored + 1, data);
            if (status) status = transaction.commit();
            if (!status) {
                CHECK(status.error().code == ErrorCode::too_large);
                CHECK(status.error().message.find("full") != std::string::npos);
                break;
            }
            REQUIRE(++stored < 1000);
        }
        CHECK(count(database) == 2 * stored);
        CHECK(database.execute("DELETE FROM numbers WHERE n < 10").ok());
        CHECK(insert.run(std::uint64_t{1}, data).ok());
        CHECK(database.check_integrity().ok());
    }
    auto database = open_at(folder.file("a.db"));
    CHECK(count(database) == 2 * stored - 9);
}

TEST_CASE("damage within the file is told as such") {
    const TemporaryFolder folder;
    const auto path = folder.file("a.db");
    {
        auto database = open_at(path);
        auto insert = database.prepare("INSERT INTO numbers VALUES (?, ?)").value();
        auto transaction = DatabaseTransaction::begin(database).value();
        for (std::uint64_t i = 0; i < 200; ++i) CHECK(insert.run(i, Bytes(1000, 1)).ok());
        CHECK(transaction.commit().ok());
    }
    {
        std::fstream file{path, std::ios::in | std::ios::out | std::ios::binary};
        file.seekp(2 * 4096);
        for (int i = 0; i < 20 * 4096; ++i) file.put('\x5a');
    }
    auto database = open_at(path);
    auto all = database.prepare("SELECT n, data FROM numbers").value();
    const auto status = all.each([](Row) { return true; });
    REQUIRE_FALSE(status.ok());
    CHECK(status.error().code == ErrorCode::malformed);
    CHECK_FALSE(database.check_integrity().ok());
}
