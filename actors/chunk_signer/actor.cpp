#include "actors/chunk_signer/actor.hpp"

#include <spdlog/spdlog.h>

#include "persistence/chain_store.hpp"
#include "persistence/signing_records.hpp"
#include "runtime/actor/observed.hpp"
#include "runtime/base/clock.hpp"

namespace troupe::chunk_signer {
namespace {

constexpr std::uint8_t slot_record = 1;
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

    [[nodiscard]] std::string summary() const {
        return fmt::format("live={} signed={}{}", core->live_chunks(), signed_chunks,
                           core->waits_for_chunks() ? " fetching" : "");
    }
    [[nodiscard]] StateView view() const {
        return {core->live_chunks(), core->waits_for_chunks(), signed_chunks, refused_chunks, faults};
    }
    [[nodiscard]] Status open();
    void carry_out(const Outbox& out);
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

void State::carry_out(const Outbox& out) {
    for (const auto& effect : out) carry_out(effect);
}

void State::carry_out(const Effect& effect) {
    auto& network = *options.network;
    if (const auto* persist = std::get_if<PersistChunk>(&effect)) {
        must(store->put_chunk(persist->chunk.id, persist->chunk.expiry, persist->encoded_chunk));
        if (persist->signs)
            must(records->put({{slot_record, persist->chunk.expiry.value, encode(persist->chunk.producer),
                                encode(SlotValue{persist->chunk.id, persist->producer_signature})}}));
    } else if (const auto* send = std::get_if<SendSignature>(&effect)) {
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
    Outbox out;
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
    carry_out(out);
}

Actor::behavior_type behavior(Observed<Actor, State>* self, std::shared_ptr<State> prepared) {
    self->state = std::move(*prepared);
    self->state.trace = trace_of(self->system());
    self->delayed_send(self, timer_period, timer_atom::value);
    return {
        [self](PeerFrame& frame) { self->state.on_frame(frame); },
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
            Outbox out;
            self->state.core->on_chunks_needed(missing, wall_clock_now(), out);
            self->state.carry_out(out);
        },
        [self](const ExecutionOutcomePtr& outcome) {
            std::vector<ChunkReference> executed;
            for (const auto& certificate : outcome->block->block.certificates) executed.push_back(certificate.chunk);
            Outbox out;
            self->state.core->on_executed(executed, outcome->executed.timestamp, out);
            self->state.carry_out(out);
            must(self->state.records->remove_below(slot_record, outcome->executed.timestamp.value));
        },
        [self](timer_atom) {
            Outbox out;
            self->state.core->on_timer(wall_clock_now(), out);
            self->state.carry_out(out);
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
