#include "actors/arbiter/store.hpp"

#include "persistence/synced_database.hpp"

namespace troupe::arbiter {

struct LogStore::Statements {
    Statement append, from, put_snapshot, snapshot, put_genesis, genesis;
};

namespace {

constexpr Schema schema{0x54726172 /* Trar */, 2, R"sql(
CREATE TABLE log (number INTEGER PRIMARY KEY, entry BLOB NOT NULL, state BLOB NOT NULL);
CREATE TABLE snapshot (only INTEGER PRIMARY KEY CHECK (only = 1), state BLOB NOT NULL);
CREATE TABLE genesis (only INTEGER PRIMARY KEY CHECK (only = 1), hash BLOB NOT NULL);
)sql"};

}  // namespace

Result<std::unique_ptr<LogStore>> LogStore::open(const std::string& path) {
    auto made = std::make_unique<Statements>();
    auto database = open_synced(
        path, schema,
        {
            {&made->append, "INSERT INTO log (number, entry, state) VALUES (?, ?, ?)"},
            {&made->from, "SELECT number, entry, state FROM log WHERE number >= ? ORDER BY number"},
            {&made->put_snapshot,
             "INSERT INTO snapshot (only, state) VALUES (1, ?) ON CONFLICT DO UPDATE SET state = excluded.state"},
            {&made->snapshot, "SELECT state FROM snapshot"},
            {&made->put_genesis, "INSERT INTO genesis (only, hash) VALUES (1, ?)"},
            {&made->genesis, "SELECT hash FROM genesis"},
        });
    if (!database) return database.error();
    return std::unique_ptr<LogStore>{new LogStore(std::move(*database), std::move(made))};
}

LogStore::LogStore(std::unique_ptr<Database> database, std::unique_ptr<Statements> statements) noexcept
    : database_(std::move(database)), statements_(std::move(statements)) {}
LogStore::~LogStore() = default;

Status LogStore::append(const LogEntry& entry, const State& after) {
    auto transaction = DatabaseTransaction::begin(*database_);
    if (!transaction) return transaction.error();
    if (auto status = statements_->append.run(entry.index, encode(entry), hash_of(after)); !status) return status;
    if ((entry.index + 1) % entries_per_snapshot == 0)
        if (auto status = statements_->put_snapshot.run(encode(after)); !status) return status;
    return transaction->commit();
}

Result<std::optional<State>> LogStore::snapshot() {
    std::optional<State> out;
    const auto found = statements_->snapshot.first([&](Row row) {
        if (auto state = decode<State>(row.bytes(0))) out = std::move(*state);
    });
    if (!found) return found.error();
    if (!out || out->entries == 0) return std::optional<State>{};
    // Only as good as what the log says of it.
    bool is_of_log = false;
    auto status = for_each(out->entries - 1, [&](LogEntry&&, const Hash256& state_hash) {
        is_of_log = state_hash == hash_of(*out);
        return false;
    });
    if (!status) return status.error();
    if (!is_of_log) out.reset();
    return out;
}

Status LogStore::for_each(std::uint64_t from, const std::function<bool(LogEntry&&, const Hash256&)>& visit) {
    std::optional<std::uint64_t> broken;
    const auto read = [&](Row row) {
        auto entry = decode<LogEntry>(row.bytes(1));
        const auto state = Hash256::from_view(row.bytes(2));
        if (!entry || !state || entry->index != row.integer(0)) {
            broken = row.integer(0);
            return false;
        }
        return visit(std::move(*entry), *state);
    };
    auto status = statements_->from.each(read, from);
    if (broken)
        return make_error(ErrorCode::malformed,
                          database_->path() + ": entry " + std::to_string(*broken) + " is damaged");
    return status;
}

Status LogStore::put_genesis(const BlockHash& genesis) { return statements_->put_genesis.run(genesis); }

Result<std::optional<BlockHash>> LogStore::genesis() {
    std::optional<BlockHash> out;
    const auto found = statements_->genesis.first([&](Row row) { out = BlockHash::from_view(row.bytes(0)); });
    if (!found) return found.error();
    return out;
}

Status replay(LogStore& store, Core& core, From from) {
    if (from == From::snapshot) {
        auto snapshot = store.snapshot();
        if (!snapshot) return snapshot.error();
        if (*snapshot) core.restore(std::move(**snapshot));
    }
    Status wrong = Done{};
    auto status = store.for_each(core.state().entries, [&](LogEntry&& entry, const Hash256& state_hash) {
        const auto at = "arbiter log: entry " + std::to_string(entry.index);
        if (entry.index != core.state().entries)
            wrong = make_error(ErrorCode::malformed, at + " does not follow the one before");
        else if (entry.command && core.check(*entry.command).ok() == false)
            wrong = make_error(ErrorCode::malformed, at + " has a command that could not be accepted");
        if (!wrong) return false;
        Outbox unsent;
        core.apply(entry, unsent);
        if (hash_of(core.state()) != state_hash)
            wrong = make_error(ErrorCode::malformed, at + " gives another state than when it was written");
        return wrong.ok();
    });
    return status ? wrong : status;
}

}  // namespace troupe::arbiter
