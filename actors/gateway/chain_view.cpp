#include "actors/gateway/chain_view.hpp"

#include <spdlog/spdlog.h>

#include "actors/executor/ledger_state.hpp"

namespace troupe::gateway {
namespace {

/// Decoded blocks kept: a client that fetches receipts one by one asks for the same block a thousand times.
constexpr std::size_t blocks_kept = 256;
constexpr std::uint64_t places_kept_heights = 256;

}  // namespace

/// Connections to the state database, borrowed one a call.
struct ChainView::Pool {
    std::filesystem::path path;
    std::mutex mutex;
    std::vector<std::unique_ptr<ChainReader>> idle;

    [[nodiscard]] std::unique_ptr<ChainReader> take() {
        {
            const std::lock_guard lock{mutex};
            if (!idle.empty()) {
                auto reader = std::move(idle.back());
                idle.pop_back();
                return reader;
            }
        }
        auto opened = ChainReader::open(path.string());
        if (!opened) {
            spdlog::error("state database: {}", opened.error().message);
            return nullptr;
        }
        return std::make_unique<ChainReader>(std::move(*opened));
    }
    void give(std::unique_ptr<ChainReader> reader) {
        const std::lock_guard lock{mutex};
        if (reader && idle.size() < 16) idle.push_back(std::move(reader));
    }
};

class StateAt::Connection {
public:
    Connection(std::shared_ptr<ChainView::Pool> pool, std::unique_ptr<ChainReader> borrowed)
        : pool_(std::move(pool)), reader(std::move(borrowed)) {}
    ~Connection() {
        trie.reset();
        pool_->give(std::move(reader));
    }

private:
    std::shared_ptr<ChainView::Pool> pool_;

public:
    std::unique_ptr<ChainReader> reader;
    std::unique_ptr<executor::StoredTrieNodes> nodes;
    std::unique_ptr<StateTrie> trie;
};

StateAt::StateAt(std::unique_ptr<Connection> connection, Height height, const RootHash& root)
    : connection_(std::move(connection)) {
    connection_->nodes = std::make_unique<executor::StoredTrieNodes>(*connection_->reader, height);
    connection_->trie = std::make_unique<StateTrie>(*connection_->nodes, root, StateTrie::Limits{4096, 4096});
}
StateAt::~StateAt() = default;

std::optional<AccountRecord> StateAt::account(const Address& address) {
    const auto found = connection_->trie->account(address);
    if (!found || !*found) return std::nullopt;
    return AccountRecord{(*found)->nonce, (*found)->balance, (*found)->code_hash};
}

uint256 StateAt::storage(const Address& address, const uint256& slot) {
    const auto value = connection_->trie->storage(address, slot);
    return value ? *value : uint256{};
}

std::shared_ptr<const Bytes> StateAt::code(const CodeHash& hash) {
    auto code = connection_->reader->code(hash);
    return std::make_shared<const Bytes>(code && *code ? std::move(**code) : Bytes{});
}

StateTrie& StateAt::trie() noexcept { return *connection_->trie; }

ChainView::ChainView(std::filesystem::path state_database) : pool_(std::make_shared<Pool>()) {
    pool_->path = std::move(state_database);
}
ChainView::~ChainView() = default;

std::unique_ptr<StateAt::Connection> ChainView::connect() const {
    auto reader = pool_->take();
    return reader ? std::make_unique<StateAt::Connection>(pool_, std::move(reader)) : nullptr;
}

Status ChainView::load_tip() {
    const auto connection = connect();
    if (!connection) return make_error(ErrorCode::io, "the state database can't be opened");
    auto tip = connection->reader->executed_tip();
    if (!tip) return tip.error();
    const std::lock_guard lock{mutex_};
    latest_ = tip->value_or(Height{0});
    finalized_ = Height{latest_.value > 2 ? latest_.value - 2 : 0};
    return Done{};
}

void ChainView::on_executed(const ExecutionOutcome& outcome) {
    auto block = std::make_shared<const ExecutedBlock>(outcome.executed);
    const auto height = block->result.height;
    const std::lock_guard lock{mutex_};
    latest_ = height;
    for (const auto& result : outcome.block->block.results) finalized_ = std::max(finalized_, result.height);
    auto& hashes = places_by_height_[height];
    for (std::size_t i = 0; i < block->transactions.size(); ++i) {
        hashes.push_back(block->transactions[i].receipt.transaction);
        places_[hashes.back()] = {height, i};
    }
    recent_[height] = std::move(block);
    if (recent_.size() > blocks_kept) recent_.erase(recent_.begin());
    while (places_by_height_.size() > places_kept_heights) {
        for (const auto& hash : places_by_height_.begin()->second) places_.erase(hash);
        places_by_height_.erase(places_by_height_.begin());
    }
}

Height ChainView::latest() const {
    const std::lock_guard lock{mutex_};
    return latest_;
}

Height ChainView::finalized() const {
    const std::lock_guard lock{mutex_};
    return finalized_;
}

ExecutedBlockPtr ChainView::block(Height height) const {
    {
        const std::lock_guard lock{mutex_};
        if (height > latest_) return nullptr;
        if (const auto it = recent_.find(height); it != recent_.end()) return it->second;
    }
    const auto connection = connect();
    if (!connection) return nullptr;
    const auto stored = connection->reader->executed(height);
    if (!stored || !*stored) return nullptr;
    auto decoded = decode<ExecutedBlock>((*stored)->data);
    if (!decoded) return nullptr;
    auto block = std::make_shared<const ExecutedBlock>(std::move(*decoded));
    const std::lock_guard lock{mutex_};
    if (recent_.size() >= blocks_kept) recent_.erase(recent_.begin());
    recent_.emplace(height, block);
    return block;
}

std::optional<Height> ChainView::height_of(const BlockHash& hash) const {
    const auto connection = connect();
    if (!connection) return std::nullopt;
    const auto height = connection->reader->height_of_executed(hash);
    return height ? *height : std::nullopt;
}

std::optional<TransactionPlace> ChainView::find(const TransactionHash& hash) const {
    {
        const std::lock_guard lock{mutex_};
        if (const auto it = places_.find(hash); it != places_.end()) return it->second;
    }
    const auto connection = connect();
    if (!connection) return std::nullopt;
    const auto place = connection->reader->find_transaction(hash);
    return place ? *place : std::nullopt;
}

std::vector<Height> ChainView::blooms(Height first, Height last,
                                      const std::function<bool(const LogsBloom&)>& passes) const {
    std::vector<Height> out;
    const auto connection = connect();
    if (!connection) return out;
    static_cast<void>(connection->reader->for_each_bloom(first, last, [&](Height height, const LogsBloom& bloom) {
        if (passes(bloom)) out.push_back(height);
        return true;
    }));
    return out;
}

std::unique_ptr<StateAt> ChainView::state_at(Height height) const {
    const auto executed = block(height);
    if (!executed) return nullptr;
    auto connection = connect();
    if (!connection) return nullptr;
    const auto start = connection->reader->history_start();
    if (!start || height < *start) return nullptr;
    return std::make_unique<StateAt>(std::move(connection), height, executed->result.state_root);
}

}  // namespace troupe::gateway
