// The gateway's transactions that it has accepted but that have not executed: what a gateway promised survives its
// death.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "persistence/database.hpp"

namespace troupe {

struct PooledTransaction {
    TransactionHash hash;
    Bytes raw;
    /// When it was accepted.
    TimeMs time;

    bool operator==(const PooledTransaction&) const = default;
};

class PoolStore {
public:
    [[nodiscard]] static Result<PoolStore> open(const std::string& path, DatabaseOptions options = {});

    PoolStore(PoolStore&&) noexcept;
    PoolStore& operator=(PoolStore&&) = delete;
    ~PoolStore();

    /// One commit for all. A transaction that is stored already stays as it is.
    Status put(const std::vector<PooledTransaction>& transactions);
    /// One commit for all. Removing what is not there does nothing.
    Status remove(const std::vector<TransactionHash>& hashes);
    /// In the order in which they were put, until `visit` gives false.
    Status for_each(const std::function<bool(PooledTransaction&&)>& visit);
    [[nodiscard]] Result<std::size_t> size();

private:
    struct Statements;
    PoolStore(std::unique_ptr<Database> database, std::unique_ptr<Statements> statements) noexcept;

    std::unique_ptr<Database> database_;
    std::unique_ptr<Statements> statements_;
};

}  // namespace troupe
