// Modules that are ready to be called, kept by code hash.
#pragma once

#include <deque>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "vm/contract/engine.hpp"
#include "vm/engine/sandbox.hpp"

namespace troupe::contract {

struct Contract {
    std::unique_ptr<vm::SandboxPool> pool;
    /// The exports "call" and "deploy".
    std::uint32_t call = 0;
    std::optional<std::uint32_t> deploy;
    /// What an instance costs before it runs.
    std::int64_t instance_fuel = 0;
};
using ContractPtr = std::shared_ptr<const Contract>;

/// Bounded; thread-safe.
class ContractCache {
public:
    explicit ContractCache(EngineOptions options) : options_(std::move(options)) {}

    /// Null if it is not here.
    [[nodiscard]] ContractPtr find(const CodeHash& hash);
    /// Of the module that `code` is. Error: it is none that may be stored.
    [[nodiscard]] Result<ContractPtr> get(const CodeHash& hash, ByteView code);

private:
    struct Entry {
        ContractPtr contract;
        std::size_t bytes = 0;
        /// Asked for since it was last passed over.
        bool is_used = false;
    };
    [[nodiscard]] Result<ContractPtr> make(ByteView code) const;
    void evict();

    EngineOptions options_;
    std::mutex mutex_;
    std::unordered_map<CodeHash, Entry, FixedBytesHash> entries_;
    /// Oldest first; one that was used goes to the end once more instead of out.
    std::deque<CodeHash> order_;
    std::size_t bytes_ = 0;
};

}  // namespace troupe::contract
