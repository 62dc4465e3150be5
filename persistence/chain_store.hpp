// The writer of the chain database: blocks, chunks, executed blocks, state, trie nodes (DESIGN section 7).
//
// One writer a file. Every call is one transaction, unless the caller has begun one with `batch()`, which then holds
// all calls until its commit. A commit survives the process's death; loss of power may take the latest commits, whole
// ones.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "persistence/chain_reader.hpp"

namespace troupe {

struct ChainStoreOptions {
    /// Keep where each transaction is: for gateways.
    bool transaction_index = false;
    /// Pages that several blocks change are folded in once: a large log halves the time of a block, and costs its size
    /// on the disk and a pause of about 100 ms when it is folded in.
    DatabaseOptions database{.checkpoint_bytes = 64 << 20};
};

class ChainStore {
public:
    [[nodiscard]] static Result<ChainStore> open(const std::string& path, const ChainStoreOptions& options = {});

    ChainStore(ChainStore&&) noexcept;
    ChainStore& operator=(ChainStore&&) = delete;
    ~ChainStore();

    /// Reads on the writer's own connection: sees what is not committed yet.
    [[nodiscard]] ChainReader& reader() noexcept { return reader_; }
    [[nodiscard]] Result<DatabaseTransaction> batch();

    /// Storing the same block again does nothing; another block at a height that has one is already_exists.
    Status put_block(Height height, const BlockHash& hash, ByteView data);
    /// Storing a chunk again does nothing.
    Status put_chunk(const ChunkId& id, TimeMs expiry, ByteView data);
    /// Removes at most `limit` chunks that expire before `before`; gives how many.
    Result<std::size_t> prune_chunks(TimeMs before, std::size_t limit);

    /// Stores all that executing the next block gave and moves the executed tip.
    Status apply_execution(const ExecutionUpdate& update);
    /// For tries that are computed after the block has been applied. Heights must not decrease from call to call.
    Status put_trie_nodes(Height height, const std::vector<TrieNodeUpdate>& nodes);
    /// Removes trie nodes that nobody sees who reads at `keep_from` or above, visiting at most `limit` changes a call;
    /// gives how many it visited: call again until it gives 0. History starts at `keep_from` at once.
    Result<std::size_t> prune_trie(Height keep_from, std::size_t limit);
    /// Forgets at most `limit` seen transactions that expire before `before`; gives how many.
    Result<std::size_t> prune_seen(TimeMs before, std::size_t limit);

    Status put_meta(std::string_view key, ByteView value);

    [[nodiscard]] Database& database() noexcept { return *database_; }

private:
    struct Statements;
    ChainStore(std::unique_ptr<Database> database, std::unique_ptr<Statements> statements, ChainReader reader,
               bool transaction_index) noexcept;

    Status put_accounts(const std::vector<AccountUpdate>& accounts);
    Status put_executed(const ExecutionUpdate& update);
    Status put_trie_node(std::uint64_t version, ByteView key, const std::optional<Bytes>& node);
    Status put_number(const char* key, std::uint64_t number);

    std::unique_ptr<Database> database_;
    std::unique_ptr<Statements> statements_;
    ChainReader reader_;
    bool transaction_index_;
};

}  // namespace troupe
