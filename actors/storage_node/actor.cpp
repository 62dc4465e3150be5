#include "actors/storage_node/actor.hpp"

#include <spdlog/spdlog.h>

#include "actors/chunk_signer/actor.hpp"
#include "actors/consensus/actor.hpp"
#include "actors/execution/contract_engine.hpp"
#include "actors/execution/evm_input.hpp"
#include "actors/execution/replay.hpp"
#include "actors/executor/ledger_state.hpp"
#include "actors/storage_node/store.hpp"
#include "persistence/chain_reader.hpp"
#include "runtime/base/clock.hpp"

namespace troupe::storage_node {
namespace {

constexpr std::string_view genesis_key = "genesis";

void must(const Status& status) {
    if (!status) invariant_failed(("storage: " + status.error().message).c_str(), __FILE__, __LINE__);
}
template <class T>
[[nodiscard]] T must(Result<T> result) {
    if (!result) must(Status{result.error()});
    return std::move(*result);
}

/// What the node's other roles have on disk.
struct ChainFiles {
    ChainReader blocks;
    ChainReader chunks;
    ChainReader executed;

    [[nodiscard]] CommittedBlock block_at(Height height) {
        const auto stored = must(blocks.block(height));
        TROUPE_ASSERT(stored.has_value());
        return must(decode<CommittedBlock>(stored->data));
    }
    [[nodiscard]] ExecutedBlock executed_at(Height height) {
        const auto stored = must(executed.executed(height));
        TROUPE_ASSERT(stored.has_value());
        return must(decode<ExecutedBlock>(stored->data));
    }
    [[nodiscard]] std::vector<Bytes> chunks_of(const Block& block) {
        std::vector<Bytes> out;
        for (const auto& certificate : block.certificates) {
            auto data = must(chunks.chunk(certificate.chunk.id));
            TROUPE_ASSERT(data.has_value());
            out.push_back(std::move(*data));
        }
        return out;
    }
};

struct StateView {
    /// The last block whose bundle is kept.
    Height kept;
    /// Receipts that no block carries yet.
    std::uint64_t receipts_pending = 0;
    /// Contents given to others since the start.
    std::uint64_t served = 0;
    std::uint64_t served_bytes = 0;
    /// Contents that were asked for and do not hash to their name any more.
    std::uint64_t damaged = 0;

    static constexpr auto reflect() {
        using V = StateView;
        return fields("StorageNode", field("kept", &V::kept), field("receipts_pending", &V::receipts_pending),
                      field("served", &V::served), field("served_bytes", &V::served_bytes),
                      field("damaged", &V::damaged));
    }
};

struct State {
    static inline const char* name = "storage_node";
    static constexpr auto timer_period = std::chrono::milliseconds(500);

    ServiceOptions options;
    std::unique_ptr<ContentStore> store;
    std::unique_ptr<Core> core;
    std::optional<ChainFiles> files;
    std::uint64_t served = 0;
    std::uint64_t served_bytes = 0;
    std::uint64_t damaged = 0;

    [[nodiscard]] Status open();
    void carry_out(const Outbox& out, const ExecutionOutcome* outcome);
    void keep(const Block& block, const ExecutedBlock& executed, const StateDiff& diff,
              const std::vector<std::pair<TransactionHash, TimeMs>>& natives, bool with_snapshot);
    void catch_up(Height first, Height last);
    void send_receipt(const SendReceipt& receipt);
    /// Serves content.
    void on_frame(const PeerFrame& frame);
    void on_timer();
    void on_executed(const ExecutionOutcomePtr& outcome);
    [[nodiscard]] ChainFiles& chain();
    [[nodiscard]] RoleStatus status() const;
    [[nodiscard]] std::string summary() const { return status().line; }
    [[nodiscard]] StateView view() const { return {core->kept(), core->waiting(), served, served_bytes, damaged}; }
};

Status State::open() {
    auto opened = ContentStore::open((options.directory / "content.db").string());
    if (!opened) return opened.error();
    store = std::move(*opened);
    const auto& genesis = *options.genesis;
    core = std::make_unique<Core>(Config{options.self, genesis.parameters.checkpoint_interval, DurationMs{2000}, 64});

    const auto genesis_hash = hash_of(genesis);
    const auto known = store->meta(genesis_key);
    if (!known) return known.error();
    if (!*known) {
        auto transaction = store->batch();
        if (!transaction) return transaction.error();
        if (auto status = store->apply(genesis_state(genesis), {}); !status) return status;
        if (auto status = store->put_meta(genesis_key, encode(genesis_hash)); !status) return status;
        return transaction->commit();
    }
    if (**known != encode(genesis_hash))
        return make_error(ErrorCode::invalid, "content.db is another genesis'; delete the node's data directory");
    const auto tip = store->tip();
    if (!tip) return tip.error();
    if (!*tip) return Done{};
    const auto window = std::min((*tip)->value, receipt_window_blocks);
    const auto not_included = store->not_included(Height{(*tip)->value - window});
    if (!not_included) return not_included.error();
    core->restore(**tip, *not_included);
    return Done{};
}

/// Opened at first use: the other roles make their files after this one.
ChainFiles& State::chain() {
    if (!files)
        files.emplace(
            ChainFiles{must(ChainReader::open(consensus::blocks_path(options.directory).string())),
                       must(ChainReader::open(chunk_signer::chunks_path(options.directory).string())),
                       must(ChainReader::open(executor::LedgerState::database_path(options.directory).string()))});
    return *files;
}

void State::keep(const Block& block, const ExecutedBlock& executed, const StateDiff& diff,
                 const std::vector<std::pair<TransactionHash, TimeMs>>& natives, bool with_snapshot) {
    const auto height = block.header.height;
    auto transaction = must(store->batch());
    must(store->apply(diff, natives));
    std::vector<Content> snapshot;
    std::optional<Hash256> index;
    if (with_snapshot)
        index = must(store->make_snapshot(height, block.header.timestamp, executed.result.state_root, snapshot));
    const auto made = make_bundle(block, chain().chunks_of(block), executed, std::move(snapshot), index);
    must(store->put(made.contents));
    must(store->put_bundle(height, made.hash));
    Outbox included;
    core->on_receipts(block.receipts, included);
    carry_out(included, nullptr);
    must(transaction.commit());
    Outbox out;
    core->on_kept(height, made.hash, wall_clock_now(), out);
    carry_out(out, nullptr);
}

/// This actor's state may be behind the executor's after a crash: both commit on their own.
void State::catch_up(Height first, Height last) {
    const auto& genesis = *options.genesis;
    spdlog::info("keeping blocks {} to {}, executed before this start", first.value, last.value);
    auto tracker = must(consensus::restore_tracker(genesis, options.directory, Height{first.value - 1}));
    evm::AnalysisCache codes{contract_engine()};
    for (auto height = first; height <= last; height = height.next()) {
        const auto committed = chain().block_at(height);
        std::vector<std::shared_ptr<const Chunk>> chunks;
        for (const auto& data : chain().chunks_of(committed.block))
            chunks.push_back(std::make_shared<const Chunk>(must(decode<Chunk>(data))));
        const ReplayInput input{genesis.parameters,
                                genesis.validators.size(),
                                beneficiary_of(genesis, committed.block.header.proposer),
                                committed.block,
                                chunks,
                                [this](const TransactionHash& hash) { return store->native_executed(hash); },
                                [this, &genesis](std::uint64_t number) {
                                    if (number == 0) return Hash256::from(hash_of(genesis));
                                    const auto block = must(chain().blocks.block(Height{number}));
                                    return block ? Hash256::from(block->hash) : Hash256{};
                                }};
        const auto output = replay_block(input, tracker, *store, codes);
        const auto executed = chain().executed_at(height);
        TROUPE_ASSERT(output.executed.result.receipts_root == executed.result.receipts_root);
        keep(committed.block, executed, output.diff, output.natives, core->takes_snapshot(height));
    }
}

void State::send_receipt(const SendReceipt& effect) {
    const auto& genesis = *options.genesis;
    StorageReceipt receipt{effect.height, effect.bundle, options.self, {}};
    const auto signature = options.identity->sign(receipt_signing_payload(genesis.parameters.chain_id, receipt));
    receipt.signature = {signature.begin(), signature.end()};
    const auto payload = to_payload(receipt);
    for (std::uint32_t i = 0; i < genesis.validators.size(); ++i)
        options.network->send(NodeIndex{i}, FrameKind::storage_receipt, payload);
}

void State::carry_out(const Outbox& out, const ExecutionOutcome* outcome) {
    for (const auto& effect : out) {
        if (const auto* gap = std::get_if<CatchUp>(&effect)) {
            catch_up(gap->first, gap->last);
        } else if (const auto* kept = std::get_if<Keep>(&effect)) {
            TROUPE_ASSERT(outcome != nullptr);
            keep(outcome->block->block, outcome->executed, outcome->diff, outcome->natives, kept->with_snapshot);
        } else if (const auto* receipt = std::get_if<SendReceipt>(&effect)) {
            send_receipt(*receipt);
        } else if (const auto* included = std::get_if<MarkIncluded>(&effect)) {
            auto transaction = must(store->batch());
            for (const auto height : included->heights) must(store->mark_included(height));
            must(transaction.commit());
        }
    }
}

void State::on_timer() {
    Outbox out;
    core->on_timer(wall_clock_now(), out);
    carry_out(out, nullptr);
}

void State::on_executed(const ExecutionOutcomePtr& outcome) {
    Outbox out;
    core->on_executed(outcome->executed.result.height, out);
    carry_out(out, outcome.get());
}

void State::on_frame(const PeerFrame& frame) {
    if (frame.kind != FrameKind::content_request) return;
    const auto request = decode<ContentRequest>(frame.payload);
    if (!request) return options.network->report(frame.from, request.error().message);
    auto data = store->content(request->hash);
    ContentReply reply{request->hash, std::nullopt};
    if (data) {
        reply.data = std::move(*data);
        if (reply.data) {
            ++served;
            served_bytes += reply.data->size();
        }
    } else {
        ++damaged;
        spdlog::error("{}; it is not served", data.error().message);
    }
    options.network->send(frame.from, FrameKind::content_reply, to_payload(reply));
}

RoleStatus State::status() const {
    RoleStatus out;
    out.height = core->kept();
    out.ready = true;
    out.line = "stored " + std::to_string(core->kept().value) + " blocks";
    if (core->waiting() > 0) out.line += ", " + std::to_string(core->waiting()) + " receipts pending";
    if (damaged > 0) out.line += ", " + std::to_string(damaged) + " damaged reads";
    return out;
}

}  // namespace

Result<Actor> spawn(caf::actor_system& system, ServiceOptions options) {
    return spawn_service<Actor>(system, std::move(options), &State::on_executed);
}

}  // namespace troupe::storage_node
