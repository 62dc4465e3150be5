#include "persistence/signing_records.hpp"

namespace troupe {

struct SigningRecords::Statements {
    Statement put, get, from, remove_below, put_state, state;
};

namespace {

constexpr Schema schema{0x54727367 /* Trsg */, 1, R"sql(
CREATE TABLE records (kind INTEGER NOT NULL, sequence INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL,
                      PRIMARY KEY (kind, sequence, key)) WITHOUT ROWID;
CREATE TABLE states (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
)sql"};

}  // namespace

DatabaseOptions SigningRecords::default_options() noexcept {
    DatabaseOptions options;
    options.durability = Durability::synced;
    // One process signs with a key; a second one on the same file must fail to open it.
    options.exclusive = true;
    options.lock_wait_ms = 1000;
    options.cache_bytes = 1 << 20;
    options.checkpoint_bytes = 4 << 20;
    return options;
}

Result<SigningRecords> SigningRecords::open(const std::string& path, DatabaseOptions options) {
    auto opened = Database::open(path, schema, options);
    if (!opened) return opened.error();
    auto database = std::make_unique<Database>(std::move(opened).value());
    auto made = std::make_unique<Statements>();
    if (auto status = database->prepare_all({
            {&made->put, "INSERT INTO records (kind, sequence, key, value) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"},
            {&made->get, "SELECT value FROM records WHERE kind = ? AND sequence = ? AND key = ?"},
            {&made->from,
             "SELECT sequence, key, value FROM records WHERE kind = ? AND sequence >= ? ORDER BY sequence, key"},
            {&made->remove_below, "DELETE FROM records WHERE kind = ? AND sequence < ?"},
            {&made->put_state, "INSERT OR REPLACE INTO states (name, value) VALUES (?, ?)"},
            {&made->state, "SELECT value FROM states WHERE name = ?"},
        });
        !status)
        return status.error();
    return SigningRecords{std::move(database), std::move(made)};
}

SigningRecords::SigningRecords(std::unique_ptr<Database> database, std::unique_ptr<Statements> statements) noexcept
    : database_(std::move(database)), statements_(std::move(statements)) {}
SigningRecords::SigningRecords(SigningRecords&&) noexcept = default;
SigningRecords::~SigningRecords() = default;

Status SigningRecords::put(const std::vector<SigningRecord>& records, const std::vector<SigningState>& states) {
    auto transaction = DatabaseTransaction::begin(*database_);
    if (!transaction) return transaction.error();
    for (const auto& [kind, order, key, value] : records) {
        if (auto status = statements_->put.run(kind, order, key, value); !status) return status;
        if (statements_->put.changes() == 1) continue;
        const auto stored = get(kind, order, key);
        if (!stored) return stored.error();
        if (*stored != value)
            return make_error(ErrorCode::already_exists,
                              database_->path() + ": something else has been signed already for kind " +
                                  std::to_string(kind) + ", order " + std::to_string(order) + ", key " + to_hex(key));
    }
    for (const auto& [name, value] : states)
        if (auto status = statements_->put_state.run(std::string_view{name}, value); !status) return status;
    return transaction->commit();
}

Result<std::optional<Bytes>> SigningRecords::get(std::uint8_t kind, std::uint64_t order, ByteView key) {
    std::optional<Bytes> out;
    auto row = statements_->get.first([&](Row r) { out = r.copy(0); }, kind, order, key);
    if (!row) return row.error();
    return out;
}

Result<std::optional<Bytes>> SigningRecords::state(std::string_view name) {
    std::optional<Bytes> out;
    auto row = statements_->state.first([&](Row r) { out = r.copy(0); }, name);
    if (!row) return row.error();
    return out;
}

Result<std::vector<SigningRecord>> SigningRecords::from(std::uint8_t kind, std::uint64_t order) {
    std::vector<SigningRecord> out;
    auto status = statements_->from.each(
        [&](Row row) {
            out.push_back({kind, row.integer(0), row.copy(1), row.copy(2)});
            return true;
        },
        kind, order);
    if (!status) return status.error();
    return out;
}

Status SigningRecords::remove_below(std::uint8_t kind, std::uint64_t order) {
    return statements_->remove_below.run(kind, order);
}

}  // namespace troupe
