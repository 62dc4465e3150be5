#include "actors/executor/ledger_state.hpp"

namespace troupe::executor {
namespace {

constexpr std::string_view genesis_key = "genesis";
constexpr std::size_t block_hashes_kept = 256;
/// Accounts and slots that wait in memory to be saved.
constexpr std::size_t unsaved_max = 100'000;
constexpr std::uint64_t prune_period_heights = 64;

[[nodiscard]] std::vector<TrieNodeUpdate> to_updates(std::vector<TrieChanges> changes) {
    std::vector<TrieNodeUpdate> out;
    for (auto& trie : changes)
        for (auto& node : trie.nodes)
            out.push_back({Hash256::from(trie.owner), node.path.packed(), std::move(node.encoded)});
    return out;
}

}  // namespace

std::optional<Bytes> StoredTrieNodes::node(const TrieOwner& owner, const NibblePath& path) const {
    auto found = reader_.node_at(Hash256::from(owner), path.packed(), height_);
    // The trie treats a missing node as damage, which is what an unreadable one is.
    return found ? std::move(*found) : std::nullopt;
}

LedgerState::LedgerState(ChainStore store, const Options& options) : store_(std::move(store)), options_(options) {}

Result<std::unique_ptr<LedgerState>> LedgerState::open(const Genesis& genesis, const Options& options) {
    ChainStoreOptions store_options;
    store_options.transaction_index = options.transaction_index;
    store_options.database.cache_bytes = 64 << 20;
    auto store = ChainStore::open(database_path(options.directory).string(), store_options);
    if (!store) return store.error();
    std::unique_ptr<LedgerState> state{new LedgerState(std::move(*store), options)};
    if (auto status = state->initialize(genesis); !status) return status.error();
    return state;
}

Status LedgerState::initialize(const Genesis& genesis) {
    auto& reader = store_.reader();
    const auto genesis_hash = hash_of(genesis);
    auto known = reader.meta(genesis_key);
    if (!known) return known.error();
    if (*known && **known != encode(genesis_hash))
        return make_error(ErrorCode::invalid,
                          "the state database was made for another genesis; delete the node's data "
                          "directory to start anew");
    auto payer_reader = ChainReader::open(database_path(options_.directory).string());
    if (!payer_reader) return payer_reader.error();
    nodes_ = std::make_unique<StoredTrieNodes>(reader, Height{0});
    cache_ = std::make_shared<StateCache>(reader, std::move(*payer_reader));

    auto tip = reader.executed_tip();
    if (!tip) return tip.error();
    if (!*tip) {
        trie_ = std::make_unique<StateTrie>(*nodes_, empty_trie_root);
        BlockOutput output;
        output.diff = genesis_state(genesis);
        output.executed.hash = genesis_hash;
        output.executed.timestamp = genesis.timestamp;
        output.executed.result.transactions_root = empty_trie_root;
        output.executed.result.receipts_root = empty_trie_root;
        if (auto status = commit(output); !status) return status;
        if (auto status = save(); !status) return status;
        return store_.put_meta(genesis_key, encode(genesis_hash));
    }
    auto stored = reader.executed(**tip);
    if (!stored) return stored.error();
    const auto block = decode<ExecutedBlock>((*stored)->data);
    if (!block) return block.error();
    executed_ = **tip;
    executed_hash_ = block->hash;
    nodes_->set_height(executed_);
    trie_ = std::make_unique<StateTrie>(*nodes_, block->result.state_root);
    return reader.for_each_seen(block->timestamp, [&](const SeenTransaction& seen) {
        cache_->remember_native(seen.hash, seen.expiry);
        return true;
    });
}

Status LedgerState::commit(BlockOutput& output) {
    auto& executed = output.executed;
    auto root = trie_->apply(output.diff);
    if (!root) return root.error();
    executed.result.state_root = *root;

    ExecutionUpdate update;
    update.height = executed.result.height;
    update.hash = executed.hash;
    update.executed_block = encode(executed);
    update.bloom = executed.logs_bloom;
    for (const auto& [hash, expiry] : output.natives) update.seen.push_back({hash, expiry});
    if (options_.transaction_index)
        for (const auto& transaction : executed.transactions)
            update.transactions.push_back(transaction.receipt.transaction);
    unsaved_blocks_.push_back(std::move(update));

    executed_ = executed.result.height;
    executed_hash_ = executed.hash;
    cache_->apply(output.diff, output.natives, executed.timestamp);
    hashes_[executed_.value] = Hash256::from(executed_hash_);
    if (hashes_.size() > block_hashes_kept) hashes_.erase(hashes_.begin());
    if (unsaved_blocks_.size() < options_.blocks_per_save && cache_->unsaved().size() < unsaved_max) return Done{};
    return save();
}

Status LedgerState::save() {
    if (unsaved_blocks_.empty()) return Done{};
    auto& last = unsaved_blocks_.back();
    last.accounts = cache_->unsaved().account_updates();
    last.codes = cache_->unsaved().code_updates();
    last.trie_nodes = to_updates(trie_->commit());
    auto batch = store_.batch();
    if (!batch) return batch.error();
    for (const auto& update : unsaved_blocks_)
        if (auto status = store_.apply_execution(update); !status) return status;
    if (auto status = batch->commit(); !status) return status;
    unsaved_blocks_.clear();
    cache_->saved();
    nodes_->set_height(executed_);
    return prune();
}

/// What is not saved would only be executed again.
LedgerState::~LedgerState() {
    if (cache_) static_cast<void>(save());
}

Status LedgerState::prune() {
    if (executed_.value <= options_.history_heights || executed_.value < pruned_at_.value + prune_period_heights)
        return Done{};
    pruned_at_ = executed_;
    auto visited = store_.prune_trie(Height{executed_.value - options_.history_heights}, 2000);
    return visited ? Status{Done{}} : Status{visited.error()};
}

Hash256 LedgerState::block_hash(std::uint64_t height) {
    if (const auto it = hashes_.find(height); it != hashes_.end()) return it->second;
    const auto stored = store_.reader().executed(Height{height});
    return stored && *stored ? Hash256::from((*stored)->hash) : Hash256{};
}

Result<std::vector<ExecutionResult>> LedgerState::recent_results(std::uint64_t count) {
    std::vector<ExecutionResult> out;
    for (auto height = executed_.value - std::min(executed_.value, count) + 1; height <= executed_.value; ++height) {
        auto stored = store_.reader().executed(Height{height});
        if (!stored) return stored.error();
        if (!*stored) continue;
        auto block = decode<ExecutedBlock>((*stored)->data);
        if (!block) return block.error();
        out.push_back(block->result);
    }
    return out;
}

}  // namespace troupe::executor
