// What has been executed, read from any thread: blocks, places of transactions, state and proofs at recent heights.
#pragma once

#include <filesystem>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <unordered_map>

#include "actors/execution/outcome.hpp"
#include "persistence/chain_reader.hpp"
#include "runtime/ledger/genesis.hpp"
#include "vm/state/state_trie.hpp"
#include "vm/state/state_view.hpp"

namespace troupe::gateway {

using ExecutedBlockPtr = std::shared_ptr<const ExecutedBlock>;

/// The state as of one height, over a connection that it holds while it lives. One thread at a time.
class StateAt final : public StateReader {
public:
    class Connection;
    StateAt(std::unique_ptr<Connection> connection, Height height, const RootHash& root);
    ~StateAt() override;

    [[nodiscard]] std::optional<AccountRecord> account(const Address& address) override;
    [[nodiscard]] uint256 storage(const Address& address, const uint256& slot) override;
    [[nodiscard]] std::shared_ptr<const Bytes> code(const CodeHash& hash) override;
    [[nodiscard]] StateTrie& trie() noexcept;

private:
    std::unique_ptr<Connection> connection_;
};

class ChainView {
public:
    explicit ChainView(std::filesystem::path state_database);
    ~ChainView();

    /// Moves the latest height; called with each outcome, in order.
    void on_executed(const ExecutionOutcome& outcome);
    [[nodiscard]] Status load_tip();

    [[nodiscard]] Height latest() const;
    /// The latest height whose result a quorum has signed.
    [[nodiscard]] Height finalized() const;
    /// Null if there is no such block.
    [[nodiscard]] ExecutedBlockPtr block(Height height) const;
    [[nodiscard]] std::optional<Height> height_of(const BlockHash& hash) const;
    [[nodiscard]] std::optional<TransactionPlace> find(const TransactionHash& hash) const;
    /// Heights in first..last whose bloom passes, ascending.
    [[nodiscard]] std::vector<Height> blooms(Height first, Height last,
                                             const std::function<bool(const LogsBloom&)>& passes) const;
    /// Null if the height has no state here (pruned, or not executed).
    [[nodiscard]] std::unique_ptr<StateAt> state_at(Height height) const;

private:
    friend class StateAt;
    struct Pool;
    [[nodiscard]] std::unique_ptr<StateAt::Connection> connect() const;

    std::shared_ptr<Pool> pool_;
    mutable std::mutex mutex_;
    Height latest_;
    Height finalized_;
    mutable std::map<Height, ExecutedBlockPtr> recent_;
    mutable std::unordered_map<TransactionHash, TransactionPlace, FixedBytesHash> places_;
    mutable std::map<Height, std::vector<TransactionHash>> places_by_height_;
};

}  // namespace troupe::gateway
