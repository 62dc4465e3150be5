#include "actors/executor/actor.hpp"

#include <spdlog/spdlog.h>

#include "actors/execution/evm_input.hpp"
#include "actors/vm_pool/chunk_recovery.hpp"
#include "runtime/actor/observed.hpp"

namespace troupe::executor {
namespace {

[[noreturn]] void fatal(std::string_view what, const Error& error) {
    invariant_failed((std::string{what} + ": " + error.message).c_str(), __FILE__, __LINE__);
}

/// Looks into the signer's database, on a connection of its own.
class StoredChunks final : public ChunkAvailability {
public:
    explicit StoredChunks(std::filesystem::path path) : path_(std::move(path)) {}

    [[nodiscard]] bool has_chunk(const ChunkId& id) const override {
        const auto have = reader().has_chunk(id);
        return have && *have;
    }
    [[nodiscard]] std::shared_ptr<const Chunk> chunk(const ChunkId& id) const {
        auto data = reader().chunk(id);
        if (!data) fatal("chunk database", data.error());
        if (!*data) return nullptr;
        auto chunk = decode<Chunk>(**data);
        if (!chunk) fatal("chunk database", chunk.error());
        return std::make_shared<const Chunk>(std::move(*chunk));
    }

private:
    /// Opened at first use: the signer makes the file after the executor is there.
    [[nodiscard]] ChainReader& reader() const {
        if (!reader_) {
            auto opened = ChainReader::open(path_.string());
            if (!opened) fatal("chunk database", opened.error());
            reader_ = std::make_unique<ChainReader>(std::move(*opened));
        }
        return *reader_;
    }

    std::filesystem::path path_;
    mutable std::unique_ptr<ChainReader> reader_;
};

/// The transactions of a block's chunks, which execution asks for one after another.
class RecoveredInOrder {
public:
    explicit RecoveredInOrder(const std::vector<std::shared_ptr<vm_pool::ChunkRecovery>>& chunks) : chunks_(chunks) {}

    [[nodiscard]] Result<RecoveredTransactionPtr> next(ByteView raw) {
        while (position_ == chunks_[chunk_]->chunk()->transactions.size()) {
            ++chunk_;
            position_ = 0;
        }
        TROUPE_ASSERT(chunks_[chunk_]->chunk()->transactions[position_].data() == raw.data());
        return chunks_[chunk_]->result(position_++);
    }

private:
    const std::vector<std::shared_ptr<vm_pool::ChunkRecovery>>& chunks_;
    std::size_t chunk_ = 0;
    std::size_t position_ = 0;
};

struct StateView {
    Height executed;
    Height committed;
    std::uint64_t missing_chunks = 0;
    std::uint64_t unconfirmed_results = 0;
    /// Since the start.
    std::uint64_t transactions = 0;
    std::uint64_t filtered = 0;
    std::uint64_t gas = 0;
    /// Of blocks that executed in parallel, since the start: their transactions, and what it took.
    std::uint64_t parallel_transactions = 0;
    std::uint64_t parallel_executions = 0;
    std::uint64_t parallel_validations = 0;
    std::uint64_t parallel_aborts = 0;
    std::uint64_t parallel_waits = 0;
    /// Transactions handed to workers of other processes ahead of their turn, and what became of them.
    std::uint64_t speculated = 0;
    std::uint64_t speculated_used = 0;
    std::uint64_t speculated_outdated = 0;
    std::uint64_t speculated_missing = 0;

    static constexpr auto reflect() {
        using V = StateView;
        return fields(
            "Executor", field("executed", &V::executed), field("committed", &V::committed),
            field("missing_chunks", &V::missing_chunks), field("unconfirmed_results", &V::unconfirmed_results),
            field("transactions", &V::transactions), field("filtered", &V::filtered), field("gas", &V::gas),
            field("parallel_transactions", &V::parallel_transactions),
            field("parallel_executions", &V::parallel_executions),
            field("parallel_validations", &V::parallel_validations), field("parallel_aborts", &V::parallel_aborts),
            field("parallel_waits", &V::parallel_waits), field("speculated", &V::speculated),
            field("speculated_used", &V::speculated_used), field("speculated_outdated", &V::speculated_outdated),
            field("speculated_missing", &V::speculated_missing));
    }
};

struct State {
    static inline const char* name = "executor";

    std::unique_ptr<ActorOptions> options;
    std::unique_ptr<StoredChunks> chunks;
    std::unique_ptr<Core> core;
    std::unique_ptr<Parallelism> parallelism;
    std::unique_ptr<Speculator> speculator;
    /// Of the executed state; nothing before this process or its database knows one.
    std::optional<RootHash> root;
    Connections connections;
    /// Own results that no block has confirmed yet.
    std::map<Height, ExecutionResult> unconfirmed;
    std::shared_ptr<TraceLog> trace;
    std::uint64_t transactions = 0;
    std::uint64_t filtered = 0;
    std::uint64_t gas = 0;

    [[nodiscard]] std::string summary() const {
        return fmt::format("executed={} behind={}", core->executed().value,
                           core->committed().value - core->executed().value);
    }
    [[nodiscard]] StateView view() const {
        const auto& parallel = parallelism->counters();
        const auto& ahead = speculator->counters();
        return {core->executed(),
                core->committed(),
                core->missing_chunks(),
                unconfirmed.size(),
                transactions,
                filtered,
                gas,
                parallel.transactions,
                parallel.executions,
                parallel.validations,
                parallel.aborts,
                parallel.waits,
                ahead.given,
                ahead.used,
                ahead.outdated,
                ahead.missing};
    }
    void carry_out(const Outbox& out);
    void execute(const CommittedBlockPtr& block);
    void check_against(const CommittedBlock& block);
};

void State::carry_out(const Outbox& out) {
    for (const auto& effect : out) {
        if (const auto* need = std::get_if<NeedChunks>(&effect))
            tell(connections.fetcher, NeededChunks{need->certificates});
        else
            execute(std::get<Execute>(effect).block);
    }
}

/// A quorum has signed what executing an earlier block gives. A node that got something else must not go on.
void State::check_against(const CommittedBlock& block) {
    for (const auto& result : block.block.results) {
        const auto own = unconfirmed.find(result.height);
        if (own != unconfirmed.end() && own->second != result) {
            spdlog::critical("execution of block {} differs from the quorum's: own state root {}, agreed {}",
                             result.height.value, to_hex(own->second.state_root.view()),
                             to_hex(result.state_root.view()));
            invariant_failed("this node's state has diverged; delete its data directory to catch up anew", __FILE__,
                             __LINE__);
        }
        unconfirmed.erase(unconfirmed.begin(), unconfirmed.upper_bound(result.height));
    }
}

void State::execute(const CommittedBlockPtr& block) {
    check_against(*block);
    std::vector<std::shared_ptr<vm_pool::ChunkRecovery>> recoveries;
    std::vector<std::shared_ptr<const Chunk>> contents;
    for (const auto& certificate : block->block.certificates) {
        const auto& id = certificate.chunk.id;
        auto recovery = options->transactions->chunk(id);
        if (!recovery) {
            auto stored = chunks->chunk(id);
            TROUPE_ASSERT(stored != nullptr);
            recovery = options->transactions->begin_chunk(id, std::move(stored), {});
        }
        recovery->finish();
        contents.push_back(recovery->chunk());
        recoveries.push_back(std::move(recovery));
    }
    RecoveredInOrder recovered{recoveries};
    options->tracker.observe(block->block);
    auto& ledger = *options->ledger;
    const BlockInput input{
        options->genesis->parameters,
        options->genesis->validators.size(),
        beneficiary_of(*options->genesis, block->block.header.proposer),
        options->tracker,
        *block,
        contents,
        [&](ByteView raw) { return recovered.next(raw); },
        [this](const TransactionHash& hash) { return options->ledger->cache()->native_executed(hash); },
        [this](std::uint64_t height) { return options->ledger->block_hash(height); },
        parallelism.get(),
        speculator.get(),
    };
    auto output = execute_block(input, ledger.state(), *options->code_cache);
    if (auto status = ledger.commit(output); !status) fatal("state database", status.error());
    for (const auto& certificate : block->block.certificates) options->transactions->forget_chunk(certificate.chunk.id);
    unconfirmed[output.executed.result.height] = output.executed.result;
    root = output.executed.result.state_root;
    if (!output.executed.transactions.empty() || !output.filtered.empty())
        spdlog::info("executed block {}: {} transactions, {} filtered, {} gas", output.executed.result.height.value,
                     output.executed.transactions.size(), output.filtered.size(), output.executed.result.gas_used);
    transactions += output.executed.transactions.size();
    filtered += output.filtered.size();
    gas += output.executed.result.gas_used;
    std::vector<TraceEvent> executed;
    for (const auto& certificate : block->block.certificates)
        executed.push_back({0, Station::execution, {}, certificate.chunk.id, block->block.header.height.value, 0});
    trace->add(executed);
    const auto outcome = std::make_shared<const ExecutionOutcome>(
        ExecutionOutcome{block, std::move(output.executed), std::move(output.filtered), std::move(output.diff),
                         std::move(output.natives)});
    for (const auto& listener : connections.listeners) tell(listener, outcome);
}

Actor::behavior_type behavior(Observed<Actor, State>* self, std::shared_ptr<ActorOptions> options) {
    auto& state = self->state;
    state.trace = trace_of(self->system());
    state.options = std::make_unique<ActorOptions>(std::move(*options));
    state.chunks = std::make_unique<StoredChunks>(state.options->chunks_path);
    state.core = std::make_unique<Core>(state.options->ledger->executed());
    state.parallelism = std::make_unique<Parallelism>(state.options->threads, [self](std::function<void()> work) {
        tell(self->state.options->vm_pool,
             vm_pool::Job{std::make_shared<const std::function<void()>>(std::move(work))});
    });
    auto results = state.options->ledger->recent_results(16);
    if (!results) fatal("state database", results.error());
    for (auto& result : *results) state.unconfirmed[result.height] = result;
    if (!results->empty()) state.root = results->back().state_root;
    state.speculator = std::make_unique<Speculator>([self](const SpeculationPtr& speculation) {
        const auto& s = self->state;
        if (!s.root) return speculation->give_up();
        tell(s.options->vm_pool,
             std::make_shared<const vm_pool::SpeculativeWork>(vm_pool::SpeculativeWork{*s.root, speculation}));
    });

    // Executing one block may make the next one ready: finish in a loop, so that other messages get their turn between.
    const auto step = [self](Outbox out) {
        auto& s = self->state;
        while (!out.empty()) {
            const auto before = s.options->ledger->executed();
            s.carry_out(out);
            out.clear();
            const auto after = s.options->ledger->executed();
            if (after != before) s.core->on_finished(after, out);
        }
    };
    return {
        [self, step](const CommittedBlockPtr& block) {
            Outbox out;
            self->state.core->on_committed(block, *self->state.chunks, out);
            step(std::move(out));
        },
        [self, step](const StoredChunk& chunk) {
            Outbox out;
            self->state.core->on_chunk_arrived(chunk.id, out);
            step(std::move(out));
        },
        [self](const Connections& connections) { self->state.connections = connections; },
        [self](stop_atom) {
            self->state.connections = {};
            self->quit();
        },
    };
}

}  // namespace

Actor spawn(caf::actor_system& system, ActorOptions options) {
    return system.spawn<caf::detached>(behavior, std::make_shared<ActorOptions>(std::move(options)));
}

}  // namespace troupe::executor
