// Read access to the chain database: one reader a thread, any number beside the one writer.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "persistence/chain_types.hpp"
#include "persistence/database.hpp"

namespace troupe {

/// Each call sees the latest commit; calls within one snapshot() see one and the same. "Nothing" is not an error.
class ChainReader {
public:
    /// The file must have been made by a ChainStore. `path` is the database's file.
    [[nodiscard]] static Result<ChainReader> open(const std::string& path, std::size_t cache_bytes = 8 << 20);

    ChainReader(ChainReader&&) noexcept;
    ChainReader& operator=(ChainReader&&) noexcept;
    ~ChainReader();

    /// Freezes what this reader sees until it is destroyed. Keep it short: the write-ahead log grows meanwhile.
    [[nodiscard]] Result<DatabaseTransaction> snapshot();

    // Committed blocks.
    [[nodiscard]] Result<std::optional<Height>> committed_tip();
    [[nodiscard]] Result<std::optional<StoredBlock>> block(Height height);
    [[nodiscard]] Result<std::optional<StoredBlock>> block(const BlockHash& hash);
    /// In ascending order from `from`, until `visit` gives false.
    Status for_each_block(Height from, const std::function<bool(StoredBlock&&)>& visit);

    // Chunks.
    [[nodiscard]] Result<std::optional<Bytes>> chunk(const ChunkId& id);
    [[nodiscard]] Result<bool> has_chunk(const ChunkId& id);
    /// Those that expire at `from` or later, in order of expiry.
    Status for_each_chunk(TimeMs from, const std::function<bool(const ChunkId&, TimeMs expiry, Bytes&&)>& visit);

    // Executed blocks.
    [[nodiscard]] Result<std::optional<Height>> executed_tip();
    [[nodiscard]] Result<std::optional<StoredBlock>> executed(Height height);
    [[nodiscard]] Result<std::optional<Height>> height_of_executed(const BlockHash& hash);
    /// Nothing too where the index is not enabled.
    [[nodiscard]] Result<std::optional<TransactionPlace>> find_transaction(const TransactionHash& hash);
    /// Blooms of the executed blocks first..last in ascending order, until `visit` gives false.
    Status for_each_bloom(Height first, Height last, const std::function<bool(Height, const LogsBloom&)>& visit);

    // State at the executed tip.
    [[nodiscard]] Result<std::optional<Bytes>> account(const Address& address);
    /// Zero where there is no such slot.
    [[nodiscard]] Result<Hash256> storage(const Address& address, const Hash256& slot);
    [[nodiscard]] Result<std::optional<Bytes>> code(const CodeHash& hash);
    Status for_each_account(const std::function<bool(const Address&, Bytes&&)>& visit);

    // Trie nodes.
    /// As of `height`: the newest version of that height or below. Meaningless below history_start(). Takes a step for
    /// each version of the node above `height`: quick for recent heights.
    [[nodiscard]] Result<std::optional<Bytes>> node_at(const Hash256& owner, ByteView path, Height height);
    /// Trie nodes of this height and above are complete; older ones have been pruned.
    [[nodiscard]] Result<Height> history_start();

    // Native transactions that have executed.
    [[nodiscard]] Result<bool> has_seen(const SeenTransaction& transaction);
    /// Those that expire at `from` or later, in order of expiry.
    Status for_each_seen(TimeMs from, const std::function<bool(const SeenTransaction&)>& visit);

    [[nodiscard]] Result<std::optional<Bytes>> meta(std::string_view key);

private:
    friend class ChainStore;
    struct Statements;
    /// On somebody else's connection, which must outlive the reader.
    [[nodiscard]] static Result<ChainReader> on(Database& database);
    [[nodiscard]] Result<std::optional<std::uint64_t>> meta_number(std::string_view key);
    ChainReader(std::unique_ptr<Database> own, Database& database, std::unique_ptr<Statements> statements) noexcept;

    std::unique_ptr<Database> own_;
    Database* database_;
    std::unique_ptr<Statements> statements_;
};

}  // namespace troupe
