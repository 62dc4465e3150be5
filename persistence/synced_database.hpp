// How a store whose promises rest on its database opens it: durable when a call returns, statements prepared.
#pragma once

#include "persistence/database.hpp"

namespace troupe {

/// Each statement into its place; they must die before the database. Errors as Database::open.
[[nodiscard]] Result<std::unique_ptr<Database>> open_synced(
    const std::string& path, const Schema& schema,
    std::initializer_list<std::pair<Statement*, const char*>> statements);

}  // namespace troupe
