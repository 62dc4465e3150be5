#include "persistence/synced_database.hpp"

namespace troupe {

Result<std::unique_ptr<Database>> open_synced(const std::string& path, const Schema& schema,
                                              std::initializer_list<std::pair<Statement*, const char*>> statements) {
    DatabaseOptions options;
    options.durability = Durability::synced;
    auto opened = Database::open(path, schema, options);
    if (!opened) return opened.error();
    auto database = std::make_unique<Database>(std::move(*opened));
    if (auto status = database->prepare_all(statements); !status) return status.error();
    return database;
}

}  // namespace troupe
