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

    /// `state_hash` is the state's after the entry: replaying must give the same.
    Status append(const LogEntry& entry, const Hash256& state_hash);
    /// All entries in order, until `visit` gives false.
    Status for_each(const std::function<bool(LogEntry&&, const Hash256& state_hash)>& visit);

    /// Which genesis the log is for.
    Status put_genesis(const BlockHash& genesis);
    [[nodiscard]] Result<std::optional<BlockHash>> genesis();

private:
    struct Statements;
    LogStore(std::unique_ptr<Database> database, std::unique_ptr<Statements> statements) noexcept;

    std::unique_ptr<Database> database_;
    std::unique_ptr<Statements> statements_;
};

/// Applies the whole log to `core`, which is fresh. ErrorCode::malformed if an entry is missing, damaged, or gives
/// another state than it gave when it was written.
[[nodiscard]] Status replay(LogStore& store, Core& core);

}  // namespace troupe::arbiter
