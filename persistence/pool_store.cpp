#include "persistence/pool_store.hpp"

namespace troupe {

struct PoolStore::Statements {
    Statement put, remove, all, count;
};

namespace {

// AUTOINCREMENT: the order of arrival stays right after the latest rows have been removed.
constexpr Schema schema{0x5472706c /* Trpl */, 1, R"sql(
CREATE TABLE pool (number INTEGER PRIMARY KEY AUTOINCREMENT, hash BLOB NOT NULL UNIQUE, time INTEGER NOT NULL,
                   raw BLOB NOT NULL);
)sql"};

}  // namespace

Result<PoolStore> PoolStore::open(const std::string& path, DatabaseOptions options) {
    auto opened = Database::open(path, schema, options);
    if (!opened) return opened.error();
    auto database = std::make_unique<Database>(std::move(opened).value());
    auto made = std::make_unique<Statements>();
    if (auto status = database->prepare_all({
            {&made->put, "INSERT INTO pool (hash, time, raw) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"},
            {&made->remove, "DELETE FROM pool WHERE hash = ?"},
            {&made->all, "SELECT hash, time, raw FROM pool ORDER BY number"},
            {&made->count, "SELECT count(*) FROM pool"},
        });
        !status)
        return status.error();
    return PoolStore{std::move(database), std::move(made)};
}

PoolStore::PoolStore(std::unique_ptr<Database> database, std::unique_ptr<Statements> statements) noexcept
    : database_(std::move(database)), statements_(std::move(statements)) {}
PoolStore::PoolStore(PoolStore&&) noexcept = default;
PoolStore::~PoolStore() = default;

Status PoolStore::put(const std::vector<PooledTransaction>& transactions) {
    auto transaction = DatabaseTransaction::begin(*database_);
    if (!transaction) return transaction.error();
    for (const auto& [hash, raw, time] : transactions)
        if (auto status = statements_->put.run(hash, time, raw); !status) return status;
    return transaction->commit();
}

Status PoolStore::remove(const std::vector<TransactionHash>& hashes) {
    auto transaction = DatabaseTransaction::begin(*database_);
    if (!transaction) return transaction.error();
    for (const auto& hash : hashes)
        if (auto status = statements_->remove.run(hash); !status) return status;
    return transaction->commit();
}

Status PoolStore::for_each(const std::function<bool(PooledTransaction&&)>& visit) {
    bool broken = false;
    auto status = statements_->all.each([&](Row row) {
        const auto hash = TransactionHash::from_view(row.bytes(0));
        broken = !hash;
        return hash && visit(PooledTransaction{*hash, row.copy(2), TimeMs{row.integer(1)}});
    });
    if (broken) return make_error(ErrorCode::malformed, database_->path() + ": damaged: hash of a transaction");
    return status;
}

Result<std::size_t> PoolStore::size() {
    std::size_t count = 0;
    auto row = statements_->count.first([&](Row r) { count = r.integer(0); });
    if (!row) return row.error();
    return count;
}

}  // namespace troupe
