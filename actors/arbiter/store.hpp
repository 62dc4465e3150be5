// The arbiter's database: its log. Durable when a call returns, since notices rest on it.
#pragma once

#include <functional>
#include <memory>

#include "actors/arbiter/core.hpp"
#include "persistence/database.hpp"

namespace troupe::arbiter {

class LogStore {
public:
    [[nodiscard]] static Result<std::unique_ptr<LogStore>> open(const std::string& path);
    ~LogStore();

    /// A start reads fewer entries than these.
    static constexpr std::uint64_t entries_per_snapshot = 256;

    /// `after` is the state after the entry: replaying must give the same.
    Status append(const LogEntry& entry, const State& after);
    /// Entries in order from number `from` on, until `visit` gives false.
    Status for_each(std::uint64_t from, const std::function<bool(LogEntry&&, const Hash256& state_hash)>& visit);
    /// The latest that is kept; nothing if there is none, or it is not what the log says: the log has all of it.
    [[nodiscard]] Result<std::optional<State>> snapshot();

    /// Which genesis the log is for.
    Status put_genesis(const BlockHash& genesis);
    [[nodiscard]] Result<std::optional<BlockHash>> genesis();

private:
    struct Statements;
    LogStore(std::unique_ptr<Database> database, std::unique_ptr<Statements> statements) noexcept;

    std::unique_ptr<Database> database_;
    std::unique_ptr<Statements> statements_;
};

enum class From : std::uint8_t { snapshot, beginning };

/// Brings `core`, which is fresh, to the state after the last entry: from the latest snapshot, or by the whole log.
/// ErrorCode::malformed if an entry is missing, damaged, or gives another state than it gave when it was written.
[[nodiscard]] Status replay(LogStore& store, Core& core, From from = From::snapshot);

}  // namespace troupe::arbiter
