// The storage node's database: content by hash, which bundle it vouched for at which height, and the state after the
// last block that it kept, from which snapshots are made.
#pragma once

#include <memory>

#include "actors/storage_node/bundle.hpp"
#include "persistence/database.hpp"
#include "vm/state/state_view.hpp"

namespace troupe::storage_node {

class ContentStore final : public StateReader {
public:
    /// A commit is durable when it returns: receipts rest on it.
    [[nodiscard]] static Result<std::unique_ptr<ContentStore>> open(const std::string& path);
    ~ContentStore() override;

    [[nodiscard]] Result<DatabaseTransaction> batch();

    // Content.
    Status put(const std::vector<Content>& contents);
    /// Nothing if it is not here. ErrorCode::malformed if what is here has another hash.
    [[nodiscard]] Result<std::optional<Bytes>> content(const Hash256& hash);
    /// The pieces' data in a row.
    [[nodiscard]] Result<Bytes> joined(const Pieces& pieces);

    // Bundles.
    /// There is one at most for each height, forever: ErrorCode::invalid otherwise.
    Status put_bundle(Height height, const Hash256& bundle);
    [[nodiscard]] Result<std::optional<Height>> tip();
    Status mark_included(Height height);
    [[nodiscard]] Result<std::vector<std::pair<Height, Hash256>>> not_included(Height from);

    // State.
    Status apply(const StateDiff& diff, const std::vector<std::pair<TransactionHash, TimeMs>>& natives);
    /// Natives that expire before `timestamp` are forgotten first. Adds what is new to `out`; gives the index's hash.
    [[nodiscard]] Result<Hash256> make_snapshot(Height height, TimeMs timestamp, const RootHash& state_root,
                                                std::vector<Content>& out);
    [[nodiscard]] bool native_executed(const TransactionHash& hash);

    // StateReader. A database that can't be read stops the node.
    [[nodiscard]] std::optional<AccountRecord> account(const Address& address) override;
    [[nodiscard]] uint256 storage(const Address& address, const uint256& slot) override;
    [[nodiscard]] std::shared_ptr<const Bytes> code(const CodeHash& hash) override;

    Status put_meta(std::string_view key, ByteView value);
    [[nodiscard]] Result<std::optional<Bytes>> meta(std::string_view key);

private:
    struct Statements;
    ContentStore(std::unique_ptr<Database> database, std::unique_ptr<Statements> statements) noexcept;

    Status put_entry(const Bytes& key, ByteView value);
    Status erase_entry(const Bytes& key);
    Status erase_slots(const Address& address);
    Status forget_natives(TimeMs before);
    Status touch(std::size_t bucket);
    [[nodiscard]] std::optional<Bytes> entry(const Bytes& key);
    [[nodiscard]] Result<std::vector<Entry>> entries(std::size_t bucket);

    std::unique_ptr<Database> database_;
    std::unique_ptr<Statements> statements_;
};

}  // namespace troupe::storage_node
