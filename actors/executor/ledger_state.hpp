// The executor's database: executed blocks, state and tries, moved forward one block at a time.
#pragma once

#include <filesystem>
#include <memory>

#include "actors/execution/block_execution.hpp"
#include "actors/executor/state_cache.hpp"
#include "persistence/chain_store.hpp"
#include "vm/state/state_trie.hpp"

namespace troupe::executor {

/// Trie nodes of one height from the state database.
class StoredTrieNodes final : public TrieNodeSource {
public:
    StoredTrieNodes(ChainReader& reader, Height height) : reader_(reader), height_(height) {}
    [[nodiscard]] std::optional<Bytes> node(const TrieOwner& owner, const NibblePath& path) const override;
    void set_height(Height height) noexcept { height_ = height; }

private:
    ChainReader& reader_;
    Height height_;
};

class LedgerState {
public:
    struct Options {
        std::filesystem::path directory;
        /// Where each transaction is: gateways only.
        bool transaction_index = false;
        /// Heights whose state stays readable.
        std::uint64_t history_heights = 100'000;
        /// Blocks whose results are written together. What a crash takes is executed again from the blocks. Where other
        /// roles read the database at each height: 1.
        std::size_t blocks_per_save = 1;
    };

    /// Opens `directory`/state.db, writing the genesis state if it is new. An error if it belongs to another genesis.
    [[nodiscard]] static Result<std::unique_ptr<LedgerState>> open(const Genesis& genesis, const Options& options);

    [[nodiscard]] Height executed() const noexcept { return executed_; }
    [[nodiscard]] const BlockHash& executed_hash() const noexcept { return executed_hash_; }
    [[nodiscard]] const std::shared_ptr<StateCache>& cache() const noexcept { return cache_; }
    [[nodiscard]] StateReader& state() noexcept { return *cache_; }
    /// Hash of an executed block, for BLOCKHASH; zero if unknown.
    [[nodiscard]] Hash256 block_hash(std::uint64_t height);
    /// Results of the latest executed blocks, oldest first, for consensus after a restart.
    [[nodiscard]] Result<std::vector<ExecutionResult>> recent_results(std::uint64_t count);

    ~LedgerState();
    LedgerState(const LedgerState&) = delete;
    LedgerState& operator=(const LedgerState&) = delete;

    /// Computes the state root, moves the caches, and at each blocks_per_save-th block saves. Fills
    /// output.executed.result.
    [[nodiscard]] Status commit(BlockOutput& output);
    /// Stores all executed blocks and what they changed in one transaction.
    [[nodiscard]] Status save();

    [[nodiscard]] static std::filesystem::path database_path(const std::filesystem::path& directory) {
        return directory / "state.db";
    }

private:
    LedgerState(ChainStore store, const Options& options);
    [[nodiscard]] Status initialize(const Genesis& genesis);
    [[nodiscard]] Status prune();

    ChainStore store_;
    Options options_;
    std::unique_ptr<StoredTrieNodes> nodes_;
    std::unique_ptr<StateTrie> trie_;
    std::shared_ptr<StateCache> cache_;
    Height executed_;
    BlockHash executed_hash_;
    std::map<std::uint64_t, Hash256> hashes_;
    std::vector<ExecutionUpdate> unsaved_blocks_;
    Height pruned_at_{0};
};

}  // namespace troupe::executor
