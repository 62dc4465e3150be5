#include "actors/arbiter/store.hpp"

namespace troupe::arbiter {

struct LogStore::Statements {
    Statement append, all, put_genesis, genesis;
};

namespace {

constexpr Schema schema{0x54726172 /* Trar */, 1, R"sql(
CREATE TABLE log (number INTEGER PRIMARY KEY, entry BLOB NOT NULL, state BLOB NOT NULL);
CREATE TABLE genesis (only INTEGER PRIMARY KEY CHECK (only = 1), hash BLOB NOT NULL);
)sql"};

}  // namespace

Result<std::unique_ptr<LogStore>> LogStore::open(const std::string& path) {
    DatabaseOptions options;
    options.durability = Durability::synced;
    auto opened = Database::open(path, schema, options);
    if (!opened) return opened.error();
    auto database = std::make_unique<Database>(std::move(opened).value());
    auto made = std::make_unique<Statements>();
    if (auto status = database->prepare_all({
            {&made->append, "INSERT INTO log (number, entry, state) VALUES (?, ?, ?)"},
            {&made->all, "SELECT number, entry, state FROM log ORDER BY number"},
            {&made->put_genesis, "INSERT INTO genesis (only, hash) VALUES (1, ?)"},
            {&made->genesis, "SELECT hash FROM genesis"},
        });
        !status)
        return status.error();
    return std::unique_ptr<LogStore>{new LogStore(std::move(database), std::move(made))};
}

LogStore::LogStore(std::unique_ptr<Database> database, std::unique_ptr<Statements> statements) noexcept
    : database_(std::move(database)), statements_(std::move(statements)) {}
LogStore::~LogStore() = default;

Status LogStore::append(const LogEntry& entry, const Hash256& state_hash) {
    return statements_->append.run(entry.index, encode(entry), state_hash);
}

Status LogStore::for_each(const std::function<bool(LogEntry&&, const Hash256&)>& visit) {
    std::optional<std::uint64_t> broken;
    auto status = statements_->all.each([&](Row row) {
        auto entry = decode<LogEntry>(row.bytes(1));
        const auto state = Hash256::from_view(row.bytes(2));
        if (!entry || !state || entry->index != row.integer(0)) {
            broken = row.integer(0);
            return false;
        }
        return visit(std::move(*entry), *state);
    });
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

Status replay(LogStore& store, Core& core) {
    Status wrong = Done{};
    auto status = store.for_each([&](LogEntry&& entry, const Hash256& state_hash) {
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
