#include "actors/chunk_signer/actor.hpp"

#include <spdlog/spdlog.h>

#include "persistence/chain_store.hpp"
#include "persistence/signing_records.hpp"
#include "runtime/actor/observed.hpp"
#include "runtime/base/clock.hpp"

namespace troupe::chunk_signer {
namespace {

constexpr std::uint8_t slot_record = 1;
constexpr DurationMs forget_period{2000};
constexpr auto timer_period = std::chrono::milliseconds(100);

struct SlotValue {
    ChunkId id;
    Bytes producer_signature;

    static constexpr auto reflect() {
        return fields("SlotValue", field("id", &SlotValue::id),
                      field("producer_signature", &SlotValue::producer_signature));
    }
};

struct StateView {
    std::uint64_t live_chunks = 0;
    bool waits_for_chunks = false;
    std::uint64_t signed_chunks = 0;
    std::uint64_t refused_chunks = 0;
    std::uint64_t faults = 0;

    static constexpr auto reflect() {
        using V = StateView;
        return fields("ChunkSigner", field("live_chunks", &V::live_chunks),
                      field("waits_for_chunks", &V::waits_for_chunks), field("signed_chunks", &V::signed_chunks),
                      field("refused_chunks", &V::refused_chunks), field("faults", &V::faults));
    }
};

struct State {
    static inline const char* name = "chunk_signer";

    ActorOptions options;
    std::unique_ptr<ChainStore> store;
    std::unique_ptr<SigningRecords> records;
    std::unique_ptr<Core> core;
    std::shared_ptr<TraceLog> trace;
    std::uint64_t signed_chunks = 0;
    std::uint64_t refused_chunks = 0;
    std::uint64_t faults = 0;
    TimeMs forgotten_below;
    /// Waits until the messages that are here already have been looked at: what they persist goes to disk together.
    Outbox pending;

    [[nodiscard]] std::string summary() const {
        return fmt::format("live={} signed={}{}", core->live_chunks(), signed_chunks,
                           core->waits_for_chunks() ? " fetching" : "");
    }
    [[nodiscard]] StateView view() const {
        return {core->live_chunks(), core->waits_for_chunks(), signed_chunks, refused_chunks, faults};
    }
    [[nodiscard]] Status open();
    void flush();
    void forget_records_below(TimeMs timestamp);
    void persist(const Outbox& out);
    void carry_out(const Effect& effect);
    void on_frame(PeerFrame& frame);
};

[[nodiscard]] Status State::open() {
    ChainStoreOptions chunk_options;
    chunk_options.database.durability = Durability::synced;
    auto opened = ChainStore::open(chunks_path(options.directory).string(), chunk_options);
    if (!opened) return opened.error();
    store = std::make_unique<ChainStore>(std::move(*opened));
    auto opened_records = SigningRecords::open((options.directory / "chunk_signing.db").string());
    if (!opened_records) return opened_records.error();
    records = std::make_unique<SigningRecords>(std::move(*opened_records));
    core = std::make_unique<Core>(options.config, *options.scheme, options.signer.get());

    auto signed_before = records->from(slot_record, wall_clock_now().value);
    if (!signed_before) return signed_before.error();
    std::vector<SignedBefore> restored;
    for (const auto& record : *signed_before) {
        const auto producer = decode<ValidatorIndex>(record.key);
        const auto value = decode<SlotValue>(record.value);
        if (!producer || !value) return make_error(ErrorCode::malformed, "chunk signing record is damaged");
        restored.push_back({{value->id, *producer, TimeMs{record.order}}, value->producer_signature});
    }
    core->restore(restored);
    return Done{};
}

/// Disk trouble: nothing may be signed that is not on disk, so the node stops.
void must(const Status& status) {
    if (!status) invariant_failed(("chunk store: " + status.error().message).c_str(), __FILE__, __LINE__);
}

/// All that is to be persisted first: of several chunks' effects, too, none is carried out before what precedes it.
void State::flush() {
    const auto out = std::exchange(pending, {});
    persist(out);
    for (const auto& effect : out) carry_out(effect);
}

/// Not at each block: it is one more write to disk.
void State::forget_records_below(TimeMs timestamp) {
    if (timestamp < forgotten_below + forget_period) return;
    must(records->remove_below(slot_record, timestamp.value));
    forgotten_below = timestamp;
}

void State::persist(const Outbox& out) {
    std::vector<const PersistChunk*> chunks;
    std::vector<SigningRecord> signing;
    for (const auto& effect : out) {
        const auto* chunk = std::get_if<PersistChunk>(&effect);
        if (chunk == nullptr) continue;
        chunks.push_back(chunk);
        if (chunk->signs)
            signing.push_back({slot_record, chunk->chunk.expiry.value, encode(chunk->chunk.producer),
                               encode(SlotValue{chunk->chunk.id, chunk->producer_signature})});
    }
    if (chunks.empty()) return;
    auto batch = store->batch();
    must(batch ? Status{Done{}} : Status{batch.error()});
    for (const auto* chunk : chunks) must(store->put_chunk(chunk->chunk.id, chunk->chunk.expiry, chunk->encoded_chunk));
    must(batch->commit());
    if (!signing.empty()) must(records->put(signing));
}

void State::carry_out(const Effect& effect) {
    auto& network = *options.network;
    if (const auto* send = std::get_if<SendSignature>(&effect)) {
        ++signed_chunks;
        trace->add({0, Station::persisted, {}, send->signature.chunk.id, 0, 0});
        network.send(NodeIndex{send->signature.chunk.producer.value}, FrameKind::chunk_signature,
                     to_payload(send->signature));
    } else if (const auto* chunk = std::get_if<SendChunk>(&effect)) {
        auto data = store->reader().chunk(chunk->id);
        if (data && *data)
            network.send(chunk->to, FrameKind::chunk_reply, std::make_shared<const Bytes>(std::move(**data)));
    } else if (const auto* request = std::get_if<RequestChunk>(&effect)) {
        network.send(request->to, FrameKind::chunk_request, to_payload(ChunkRequest{request->id}));
    } else if (const auto* arrived = std::get_if<ChunkArrived>(&effect)) {
        tell(options.vm_pool, options.transactions->begin_chunk(arrived->chunk.id, arrived->content, arrived->senders));
        tell(options.executor, executor::StoredChunk{arrived->chunk.id});
    } else if (const auto* forget = std::get_if<ForgetChunks>(&effect)) {
        // Their content goes with the periodic pruning.
        spdlog::debug("{} chunks expired without being included", forget->ids.size());
    } else if (const auto* fault = std::get_if<ReportFault>(&effect)) {
        ++faults;
        spdlog::error("chunk fault: validator {} signed chunks {} and {} for one slot", fault->fault.signer.value,
                      to_hex(fault->fault.first.chunk.id.view()), to_hex(fault->fault.second.chunk.id.view()));
        must(store->put_meta("chunk_fault/" + std::to_string(fault->fault.signer.value), encode(fault->fault)));
    } else if (const auto* reject = std::get_if<RejectPeer>(&effect)) {
        ++refused_chunks;
        spdlog::warn("chunk from node {} refused: {}", reject->from.value, reject->why);
    }
}

void State::on_frame(PeerFrame& frame) {
    auto& out = pending;
    const auto malformed = [&](const Error& error) { options.network->report(frame.from, error.message); };
    switch (frame.kind) {
        case FrameKind::chunk_proposal: {
            auto proposal = decode<ChunkProposal>(frame.payload);
            if (!proposal) return malformed(proposal.error());
            core->on_proposal(frame.from, std::move(*proposal), wall_clock_now(), out);
            break;
        }
        case FrameKind::chunk_request: {
            const auto request = decode<ChunkRequest>(frame.payload);
            if (!request) return malformed(request.error());
            const auto have = store->reader().has_chunk(request->chunk);
            core->on_chunk_request(frame.from, request->chunk, have && *have, out);
            break;
        }
        case FrameKind::chunk_reply: core->on_chunk_reply(frame.from, std::move(frame.payload), out); break;
        default: return;
    }
}

Actor::behavior_type behavior(Observed<Actor, State>* self, std::shared_ptr<State> prepared) {
    self->state = std::move(*prepared);
    self->state.trace = trace_of(self->system());
    self->delayed_send(self, timer_period, timer_atom::value);
    return {
        [self](PeerFrame& frame) {
            const bool was_empty = self->state.pending.empty();
            self->state.on_frame(frame);
            if (was_empty && !self->state.pending.empty()) self->send(self, flush_atom::value);
        },
        [self](flush_atom) { self->state.flush(); },
        [self](const executor::NeededChunks& needed) {
            // A chunk may have come between the executor's look and this message.
            std::vector<ChunkCertificate> missing;
            for (const auto& certificate : needed.certificates) {
                const auto have = self->state.store->reader().has_chunk(certificate.chunk.id);
                if (have && *have)
                    tell(self->state.options.executor, executor::StoredChunk{certificate.chunk.id});
                else
                    missing.push_back(certificate);
            }
            self->state.core->on_chunks_needed(missing, wall_clock_now(), self->state.pending);
            self->state.flush();
        },
        [self](const ExecutionOutcomePtr& outcome) {
            std::vector<ChunkReference> executed;
            for (const auto& certificate : outcome->block->block.certificates) executed.push_back(certificate.chunk);
            self->state.core->on_executed(executed, outcome->executed.timestamp, self->state.pending);
            self->state.flush();
            self->state.forget_records_below(outcome->executed.timestamp);
        },
        [self](timer_atom) {
            self->state.core->on_timer(wall_clock_now(), self->state.pending);
            self->state.flush();
            self->delayed_send(self, timer_period, timer_atom::value);
        },
        [self](stop_atom) { self->quit(); },
    };
}

}  // namespace

Result<Actor> spawn(caf::actor_system& system, ActorOptions options) {
    auto state = std::make_shared<State>();
    state->options = std::move(options);
    if (auto status = state->open(); !status) return status.error();
    return system.spawn<caf::detached>(behavior, std::move(state));
}

}  // namespace troupe::chunk_signer
