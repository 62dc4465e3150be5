#include "actors/consensus/actor.hpp"

#include <spdlog/spdlog.h>

#include "persistence/chain_store.hpp"
#include "persistence/signing_records.hpp"
#include "runtime/actor/observed.hpp"
#include "runtime/base/clock.hpp"

namespace troupe::consensus {
namespace {

constexpr std::string_view record_key = "consensus";
constexpr DurationMs idle_period{250};
constexpr std::size_t blocks_per_reply = 256;
constexpr std::size_t reply_bytes_max = 1 << 20;
/// Blocks that the executor may be behind before catching up waits for it.
constexpr std::uint64_t executor_lag_max = 512;

void must(const troupe::Status& status, const char* what) {
    if (!status) invariant_failed((std::string{what} + ": " + status.error().message).c_str(), __FILE__, __LINE__);
}

struct State {
    static inline const char* name = "consensus";

    std::unique_ptr<ActorOptions> options;
    std::unique_ptr<ChainStore> store;
    std::unique_ptr<SigningRecords> records;
    std::unique_ptr<Assembly> assembly;
    std::unique_ptr<Core> core;
    Height executed;
    /// Waits for the executor to reach the due result.
    std::optional<BuildProposal> to_build;
    std::vector<Judge> to_judge;
    TimeMs last_progress;
    TimeMs last_request;
    Height highest_seen;
    std::uint32_t next_peer = 0;
    bool started = false;
    View last_view;
    std::shared_ptr<TraceLog> trace;

    [[nodiscard]] NodeStatus view() const;
    [[nodiscard]] std::string summary() const {
        const auto now = view();
        return fmt::format("h={} v={} {}{}", now.height.value, now.view.value, now.role,
                           now.catching_up ? " catching up" : "");
    }
    void trace_block(Station station, const Block& block, View in_view) const;
    [[nodiscard]] troupe::Status open();
    void start();
    void on_frame(const PeerFrame& frame);
    void on_blocks(const PeerFrame& frame, Outbox& out);
    void carry_out(Outbox& out);
    void commit(const Committed& committed);
    void try_build(Outbox& out);
    void try_judge(Outbox& out);
    void send_blocks(NodeIndex to, Height first);
    void request_blocks(NodeIndex from, Height first);
    void follow(TimeMs now);
    void push_to_followers(const CommittedBlock& block);
    [[nodiscard]] bool is_validator() const { return options->self.has_value(); }
    [[nodiscard]] std::size_t validators() const { return options->genesis->validators.size(); }
};

NodeStatus State::view() const {
    const auto status = core->status();
    NodeStatus out;
    out.height = Height{status.height.value == 0 ? 0 : status.height.value - 1};
    out.view = status.view;
    out.role = status.role;
    out.phase = status.phase;
    out.executed = executed;
    out.certificates = assembly->pool_size();
    out.catching_up = highest_seen.value > out.height.value + 2 || out.height.value > executed.value + 8;
    return out;
}

void State::trace_block(Station station, const Block& block, View in_view) const {
    std::vector<TraceEvent> events;
    for (const auto& certificate : block.certificates)
        events.push_back({0, station, {}, certificate.chunk.id, block.header.height.value, in_view.value});
    trace->add(events);
}

troupe::Status State::open() {
    ChainStoreOptions store_options;
    // A block is on the disk before anything is signed that builds on it: a loss of power that strikes all validators
    // must not take a final block from all of them.
    if (options->self) store_options.database.durability = Durability::synced;
    auto opened = ChainStore::open(blocks_path(options->directory).string(), store_options);
    if (!opened) return opened.error();
    store = std::make_unique<ChainStore>(std::move(*opened));
    auto opened_records = SigningRecords::open((options->directory / "signing.db").string());
    if (!opened_records) return opened_records.error();
    records = std::make_unique<SigningRecords>(std::move(*opened_records));

    const auto& genesis = *options->genesis;
    AssemblyConfig assembly_config;
    assembly_config.chain_id = genesis.parameters.chain_id;
    assembly_config.parameters = genesis.parameters;
    assembly_config.self = options->self.value_or(ValidatorIndex{0});
    assembly_config.validators = validators();
    assembly_config.storage = storage_registry(genesis);
    assembly = std::make_unique<Assembly>(assembly_config, *options->scheme);
    assembly->set_genesis(hash_of(genesis), genesis.timestamp);

    Config config;
    config.chain_id = genesis.parameters.chain_id;
    config.rules = genesis.parameters.rules;
    config.validators = validators();
    config.self = options->self;
    config.view_time = genesis.parameters.view_time;
    config.block_interval = genesis.parameters.block_interval;
    config.heartbeat_interval = genesis.parameters.heartbeat_interval;
    core = std::make_unique<Core>(config, *options->scheme, options->signer.get());
    executed = options->executed;
    return Done{};
}

void State::start() {
    Tip tip{Height{0}, hash_of(*options->genesis), {}};
    auto& reader = store->reader();
    auto stored_tip = reader.committed_tip();
    must(stored_tip ? troupe::Status{Done{}} : troupe::Status{stored_tip.error()}, "block database");
    if (*stored_tip) {
        const auto window = options->genesis->parameters.chunk_lifetime.value * 3;
        auto newest = reader.block(**stored_tip);
        TROUPE_ASSERT(newest && *newest);
        const auto last = decode<CommittedBlock>((*newest)->data);
        TROUPE_ASSERT(last.ok());
        const auto oldest_time =
            TimeMs{last->block.header.timestamp.value - std::min(last->block.header.timestamp.value, window)};
        // Blocks are at least a millisecond apart: far enough back for the window, and for what is not executed.
        auto first = last->block.header.height;
        for (; first.value > 1; first = Height{first.value - 1}) {
            auto block = reader.block(first);
            TROUPE_ASSERT(block && *block);
            const auto decoded = decode<CommittedBlock>((*block)->data);
            TROUPE_ASSERT(decoded.ok());
            if (decoded->block.header.timestamp < oldest_time &&
                last->block.header.height.value - first.value >= receipt_window_blocks)
                break;
        }
        first = std::min(first, executed.next());
        must(reader.for_each_block(first,
                                   [&](StoredBlock&& block) {
                                       auto decoded = decode<CommittedBlock>(block.data);
                                       TROUPE_ASSERT(decoded.ok());
                                       assembly->replay(*decoded);
                                       if (block.height > executed)
                                           tell(options->executor,
                                                std::make_shared<const CommittedBlock>(std::move(*decoded)));
                                       return true;
                                   }),
             "block database");
        tip = {last->block.header.height, last->commit.block, {last->commit}};
    }
    for (const auto& result : options->recent_results) assembly->on_executed(result);
    auto record = records->state(record_key);
    must(record ? troupe::Status{Done{}} : troupe::Status{record.error()}, "signing records");
    const auto now = wall_clock_now();
    last_progress = now;
    highest_seen = tip.height;
    Outbox out;
    core->start(tip, *record, now, out);
    started = true;
    carry_out(out);
    // Whoever was away may be behind: ask at once.
    for (std::uint32_t i = 0; i < validators(); ++i)
        if (NodeIndex{i} != options->node) request_blocks(NodeIndex{i}, core->height());
}

void State::carry_out(Outbox& out) {
    // Building and judging may append: no iterators.
    for (std::size_t i = 0; i < out.size(); ++i) {
        auto effect = std::move(out[i]);
        if (const auto* persist = std::get_if<Persist>(&effect)) {
            must(records->put({}, {{std::string{record_key}, persist->record}}), "signing records");
        } else if (const auto* broadcast = std::get_if<Broadcast>(&effect)) {
            options->network->broadcast(FrameKind::consensus, broadcast->message, true);
        } else if (const auto* send = std::get_if<Send>(&effect)) {
            options->network->send(NodeIndex{send->to.value}, FrameKind::consensus, send->message);
        } else if (const auto* build = std::get_if<BuildProposal>(&effect)) {
            to_build = *build;
            try_build(out);
        } else if (auto* judge = std::get_if<Judge>(&effect)) {
            to_judge.push_back(std::move(*judge));
            try_judge(out);
        } else if (const auto* committed = std::get_if<Committed>(&effect)) {
            commit(*committed);
        } else if (const auto* request = std::get_if<RequestBlocks>(&effect)) {
            highest_seen = std::max(highest_seen, request->first);
            request_blocks(NodeIndex{request->from.value}, request->first);
        } else if (const auto* blocks = std::get_if<SendBlocks>(&effect)) {
            send_blocks(NodeIndex{blocks->to.value}, blocks->first);
        } else if (const auto* evidence = std::get_if<Evidence>(&effect)) {
            spdlog::error("validator {} broke the protocol: {}", evidence->validator.value, evidence->what);
            must(store->put_meta("evidence/" + std::to_string(evidence->validator.value),
                                 encode(std::pair{evidence->first, evidence->second})),
                 "block database");
        } else if (const auto* note = std::get_if<Note>(&effect)) {
            spdlog::info("h={} v={} {}", core->height().value, core->view().value, note->text);
        }
    }
    out.clear();
}

void State::commit(const Committed& committed) {
    const auto& block = *committed.block;
    must(store->put_block(block.block.header.height, block.commit.block, encode(block)), "block database");
    assembly->on_committed(block);
    trace_block(Station::commit, block.block, block.commit.view);
    to_build.reset();
    to_judge.clear();
    last_progress = wall_clock_now();
    highest_seen = std::max(highest_seen, block.block.header.height);
    spdlog::debug("committed block {} view {} with {} chunks", block.block.header.height.value, block.commit.view.value,
                  block.block.certificates.size());
    tell(options->executor, CommittedBlockPtr{committed.block});
    core->set_work(assembly->has_certificates(), last_progress);
    if (is_validator()) push_to_followers(block);
}

/// f + 1 validators push to each follower: one of them is honest.
void State::push_to_followers(const CommittedBlock& block) {
    const auto n = validators();
    const auto distance = (options->self->value + n - block.block.header.height.value % n) % n;
    if (distance > faulty_max(n)) return;
    std::shared_ptr<const Bytes> payload;
    const auto& followers = options->genesis->followers;
    for (std::size_t i = 0; i < followers.size(); ++i) {
        if (!followers[i].offers(Service::chain) && !followers[i].offers(Service::metadata)) continue;
        if (!payload) payload = to_payload(Blocks{{block}});
        options->network->send(NodeIndex{static_cast<std::uint32_t>(n + i)}, FrameKind::blocks, payload);
    }
}

void State::try_build(Outbox& out) {
    if (!to_build || to_build->height != core->height() || to_build->view != core->view()) return to_build.reset();
    if (!assembly->can_build(to_build->height)) return;
    const auto now = wall_clock_now();
    const auto view = to_build->view;
    auto block = assembly->build(to_build->height, assembly->tip_hash(), now, core->previous_votes());
    trace_block(Station::proposal, block, view);
    to_build.reset();
    core->on_proposal_built(std::move(block), view, now, out);
}

void State::try_judge(Outbox& out) {
    const auto waiting = std::exchange(to_judge, {});
    const auto now = wall_clock_now();
    for (const auto& judge : waiting) {
        if (judge.block->header.height != core->height()) continue;
        const auto judgement = assembly->judge(*judge.block, now);
        if (judgement.verdict == Verdict::valid) trace_block(Station::prepared, *judge.block, core->view());
        if (judgement.verdict == Verdict::wait)
            to_judge.push_back(judge);
        else
            core->on_judged(judge.hash, judgement.verdict == Verdict::valid, judgement.why, now, out);
    }
}

// Catching up ---------------------------------------------------------------------------------------------------------

void State::request_blocks(NodeIndex from, Height first) {
    // The executor works off what it has first: what is fetched waits in memory.
    if (first.value > executed.value + executor_lag_max) return;
    last_request = wall_clock_now();
    options->network->send(from, FrameKind::blocks_request, to_payload(BlocksRequest{first}));
}

void State::send_blocks(NodeIndex to, Height first) {
    Blocks reply;
    std::size_t bytes = 0;
    const auto status = store->reader().for_each_block(first, [&](StoredBlock&& block) {
        auto decoded = decode<CommittedBlock>(block.data);
        if (!decoded) return false;
        bytes += block.data.size();
        reply.blocks.push_back(std::move(*decoded));
        return reply.blocks.size() < blocks_per_reply && bytes < reply_bytes_max;
    });
    must(status, "block database");
    if (!reply.blocks.empty()) options->network->send(to, FrameKind::blocks, to_payload(reply));
}

void State::on_blocks(const PeerFrame& frame, Outbox& out) {
    auto message = decode<Blocks>(frame.payload);
    if (!message) return options->network->report(frame.from, message.error().message);
    const auto& genesis = *options->genesis;
    bool moved = false;
    for (const auto& block : message->blocks) {
        const auto height = block.block.header.height;
        highest_seen = std::max(highest_seen, height);
        if (height < core->height()) continue;
        if (height != core->height()) {
            // A gap: something was missed.
            if (wall_clock_now() > last_request + DurationMs{200}) request_blocks(frame.from, core->height());
            break;
        }
        if (block.block.header.previous != assembly->tip_hash())
            return options->network->report(frame.from, "sent a block that does not follow ours");
        if (const auto status = verify_committed(genesis.parameters.chain_id, block, *options->scheme); !status)
            return options->network->report(frame.from, status.error().message);
        core->on_block_synced(block, wall_clock_now(), out);
        carry_out(out);
        moved = true;
    }
    // A full reply: there is more.
    if (moved && message->blocks.size() > 1) request_blocks(frame.from, core->height());
}

/// When nothing has come for longer than a heartbeat, ask round.
void State::follow(TimeMs now) {
    const auto& p = options->genesis->parameters;
    if (now < last_progress + p.heartbeat_interval + p.view_time || now < last_request + p.view_time) return;
    next_peer = (next_peer + 1) % static_cast<std::uint32_t>(validators());
    if (NodeIndex{next_peer} == options->node) next_peer = (next_peer + 1) % static_cast<std::uint32_t>(validators());
    request_blocks(NodeIndex{next_peer}, core->height());
}

void State::on_frame(const PeerFrame& frame) {
    if (!started) return;
    Outbox out;
    const auto now = wall_clock_now();
    switch (frame.kind) {
        case FrameKind::consensus:
            if (frame.from.value < validators())
                core->on_message(ValidatorIndex{frame.from.value}, frame.payload, now, out);
            break;
        case FrameKind::certificate: {
            auto certificate = decode<ChunkCertificate>(frame.payload);
            if (!certificate) return options->network->report(frame.from, certificate.error().message);
            const auto status = assembly->add(std::move(*certificate), now);
            if (!status && status.error().code != ErrorCode::expired)
                spdlog::warn("certificate from node {} refused: {}", frame.from.value, status.error().message);
            core->set_work(assembly->has_certificates(), now);
            break;
        }
        case FrameKind::storage_receipt: {
            auto receipt = decode<StorageReceipt>(frame.payload);
            if (!receipt) return options->network->report(frame.from, receipt.error().message);
            const auto status = assembly->add(std::move(*receipt));
            if (!status && status.error().code != ErrorCode::expired)
                spdlog::warn("receipt from node {} refused: {}", frame.from.value, status.error().message);
            break;
        }
        case FrameKind::blocks_request: {
            const auto request = decode<BlocksRequest>(frame.payload);
            if (!request) return options->network->report(frame.from, request.error().message);
            send_blocks(frame.from, request->from);
            break;
        }
        case FrameKind::blocks: on_blocks(frame, out); break;
        default: return;
    }
    carry_out(out);
}

void arm(Observed<Actor, State>* self) {
    auto& state = self->state;
    if (!state.started) return;
    const auto idle = wall_clock_now() + idle_period;
    const auto deadline = state.core->next_deadline();
    self->timer_by(deadline ? std::min(*deadline, idle) : idle);
}

Actor::behavior_type behavior(Observed<Actor, State>* self, std::shared_ptr<State> prepared) {
    self->state = std::move(*prepared);
    self->state.trace = trace_of(self->system());
    return {
        [self](PeerFrame& frame) {
            self->state.on_frame(frame);
            arm(self);
        },
        [self](const ExecutionOutcomePtr& outcome) {
            auto& state = self->state;
            state.executed = outcome->executed.result.height;
            state.assembly->on_executed(outcome->executed.result);
            Outbox out;
            if (state.to_build) state.try_build(out);
            state.try_judge(out);
            state.carry_out(out);
            arm(self);
        },
        [self](timer_atom) {
            auto& state = self->state;
            const auto now = wall_clock_now();
            Outbox out;
            state.core->set_work(state.assembly->has_certificates(), now);
            state.core->on_timer(now, out);
            state.carry_out(out);
            state.follow(now);
            arm(self);
        },
        [self](status_atom) { return self->state.view(); },
        [self](start_atom) {
            self->state.start();
            arm(self);
        },
        [self](stop_atom) { self->quit(); },
    };
}

}  // namespace

Result<Actor> spawn(caf::actor_system& system, ActorOptions options) {
    auto state = std::make_shared<State>();
    state->options = std::make_unique<ActorOptions>(std::move(options));
    if (auto status = state->open(); !status) return status.error();
    return system.spawn<caf::detached>(behavior, std::move(state));
}

Result<ActivityTracker> restore_tracker(const Genesis& genesis, const std::filesystem::path& directory,
                                        Height executed) {
    const auto& parameters = genesis.parameters;
    if (executed.value == 0) return ActivityTracker{parameters, genesis.validators.size()};
    auto reader = ChainReader::open(blocks_path(directory).string());
    if (!reader) return reader.error();
    const auto block_at = [&](Height height) -> Result<CommittedBlock> {
        auto stored = reader->block(height);
        if (!stored) return stored.error();
        if (!*stored) return make_error(ErrorCode::not_found, "block " + std::to_string(height.value) + " is missing");
        return decode<CommittedBlock>((*stored)->data);
    };
    auto latest = block_at(executed);
    if (!latest) return latest.error();
    const auto from = ActivityTracker::rebuild_from(epoch_of(latest->block.header.timestamp, parameters));
    auto first = executed;
    for (; first.value > 1; first = Height{first.value - 1}) {
        auto block = block_at(first);
        if (!block) return block.error();
        if (block->block.header.timestamp < epoch_start(from, parameters)) break;
    }
    ActivityTracker tracker{parameters, genesis.validators.size(), first.value <= 1 ? Epoch{0} : from};
    for (auto height = first; height <= executed; height = height.next()) {
        auto block = block_at(height);
        if (!block) return block.error();
        if (first.value > 1 && block->block.header.timestamp < epoch_start(from, parameters)) continue;
        tracker.observe(block->block);
    }
    return tracker;
}

}  // namespace troupe::consensus
