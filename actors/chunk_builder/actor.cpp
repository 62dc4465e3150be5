#include "actors/chunk_builder/actor.hpp"

#include <spdlog/spdlog.h>

#include "actors/execution/admission.hpp"
#include "persistence/signing_records.hpp"
#include "runtime/actor/observed.hpp"
#include "runtime/base/clock.hpp"

namespace troupe::chunk_builder {
namespace {

constexpr std::string_view reserved_key = "chunk_expiry_reserved";
constexpr DurationMs idle_period{250};

struct StateView {
    std::uint64_t queued = 0;
    std::uint64_t chunks_in_flight = 0;
    std::uint64_t submitters = 0;
    std::optional<TimeMs> next_deadline;

    static constexpr auto reflect() {
        using V = StateView;
        return fields("ChunkBuilder", field("queued", &V::queued), field("chunks_in_flight", &V::chunks_in_flight),
                      field("submitters", &V::submitters), field("next_deadline", &V::next_deadline));
    }
};

struct State {
    static inline const char* name = "chunk_builder";

    std::unique_ptr<ActorOptions> options;
    std::unique_ptr<SigningRecords> records;
    std::unique_ptr<Core> core;
    /// Who submitted what has not executed yet: refusals go back there.
    std::unordered_map<TransactionHash, NodeIndex, FixedBytesHash> submitters;
    std::shared_ptr<TraceLog> trace;

    [[nodiscard]] std::string summary() const {
        return fmt::format("queued={} chunks={}", core->queued(), core->chunks_in_flight());
    }
    [[nodiscard]] StateView view() const {
        return {core->queued(), core->chunks_in_flight(), submitters.size(), core->next_deadline()};
    }
    void trace_chunk(const BroadcastProposal& proposal) const;
    [[nodiscard]] Status open();
    void on_frame(const PeerFrame& frame);
    void on_submit(const PeerFrame& frame, Outbox& out);
    void carry_out(const Outbox& out);
    [[nodiscard]] NodeIndex self() const { return NodeIndex{options->config.self.value}; }
};

[[nodiscard]] Status State::open() {
    auto opened = SigningRecords::open((options->directory / "chunk_building.db").string());
    if (!opened) return opened.error();
    records = std::make_unique<SigningRecords>(std::move(*opened));
    auto reserved = records->state(reserved_key);
    if (!reserved) return reserved.error();
    const auto parameters = options->config.parameters;
    core = std::make_unique<Core>(
        options->config, *options->scheme, *options->signer,
        [parameters](const RecoveredTransaction& transaction) { return check_transaction(transaction, parameters); });
    TimeMs until;
    if (*reserved) {
        const auto decoded = decode<TimeMs>(**reserved);
        if (!decoded) return decoded.error();
        until = *decoded;
    }
    core->start(until, options->executed_timestamp);
    return Done{};
}

void State::on_submit(const PeerFrame& frame, Outbox& out) {
    auto submission = decode<SubmitTransactions>(frame.payload);
    if (!submission) return options->network->report(frame.from, submission.error().message);
    const auto now = wall_clock_now();
    Refusals malformed;
    std::vector<TraceEvent> arrived;
    const std::vector<ByteView> raw{submission->transactions.begin(), submission->transactions.end()};
    std::vector<const Secp256k1PublicKey*> known;
    for (std::size_t i = 0; i < raw.size(); ++i) known.push_back(submission->senders.find(i));
    const auto transactions = options->transactions->get_all(raw, known);
    for (std::size_t i = 0; i < raw.size(); ++i) {
        const auto& transaction = transactions[i];
        if (!transaction) {
            malformed.refusals.push_back({transaction_hash(raw[i]), true, transaction.error().message});
            continue;
        }
        arrived.push_back({0, Station::builder, (*transaction)->hash, {}, 0, 0});
        submitters.insert_or_assign((*transaction)->hash, frame.from);
        core->on_transaction(*transaction, now, *options->payers, out);
    }
    trace->add(arrived);
    if (!malformed.refusals.empty()) options->network->send(frame.from, FrameKind::refusals, to_payload(malformed));
}

void State::on_frame(const PeerFrame& frame) {
    Outbox out;
    if (frame.kind == FrameKind::submit) {
        on_submit(frame, out);
    } else if (frame.kind == FrameKind::chunk_signature) {
        const auto signature = decode<ChunkSignature>(frame.payload);
        if (!signature) return options->network->report(frame.from, signature.error().message);
        core->on_signature(*signature, wall_clock_now(), out);
    }
    carry_out(out);
}

void State::trace_chunk(const BroadcastProposal& proposal) const {
    std::vector<TraceEvent> packed;
    for (const auto& hash : proposal.hashes) packed.push_back({0, Station::chunk, hash, proposal.chunk.id, 0, 0});
    trace->add(packed);
}

void State::carry_out(const Outbox& out) {
    auto& network = *options->network;
    std::map<NodeIndex, Refusals> refusals;
    for (const auto& effect : out) {
        if (const auto* reserve = std::get_if<ReserveExpiries>(&effect)) {
            const auto status = records->put({}, {{std::string{reserved_key}, encode(reserve->until)}});
            if (!status)
                invariant_failed(("chunk builder's record: " + status.error().message).c_str(), __FILE__, __LINE__);
        } else if (const auto* proposal = std::get_if<BroadcastProposal>(&effect)) {
            const auto payload = to_payload(proposal->proposal);
            if (proposal->only_to.empty()) {
                trace_chunk(*proposal);
                network.broadcast(FrameKind::chunk_proposal, payload, false);
                network.send(self(), FrameKind::chunk_proposal, payload);
            } else {
                for (const auto validator : proposal->only_to)
                    network.send(NodeIndex{validator.value}, FrameKind::chunk_proposal, payload);
            }
        } else if (const auto* certificate = std::get_if<BroadcastCertificate>(&effect)) {
            const auto payload = to_payload(certificate->certificate);
            trace->add({0, Station::certificate, {}, certificate->certificate.chunk.id, 0, 0});
            network.broadcast(FrameKind::certificate, payload, true);
            network.send(self(), FrameKind::certificate, payload);
        } else if (const auto* refuse = std::get_if<Refuse>(&effect)) {
            const auto it = submitters.find(refuse->hash);
            if (it == submitters.end()) continue;
            trace->add({0, Station::refused, refuse->hash, {}, 0, 0});
            refusals[it->second].refusals.push_back({refuse->hash, refuse->for_good, refuse->why});
            submitters.erase(it);
        }
    }
    for (const auto& [to, list] : refusals) network.send(to, FrameKind::refusals, to_payload(list));
}

void arm(Observed<Actor, State>* self) {
    const auto idle = wall_clock_now() + idle_period;
    const auto deadline = self->state.core->next_deadline();
    self->timer_by(deadline ? std::min(*deadline, idle) : idle);
}

Actor::behavior_type behavior(Observed<Actor, State>* self, std::shared_ptr<State> prepared) {
    self->state = std::move(*prepared);
    self->state.trace = trace_of(self->system());
    arm(self);
    return {
        [self](PeerFrame& frame) {
            self->state.on_frame(frame);
            arm(self);
        },
        [self](const ExecutionOutcomePtr& outcome) {
            auto& state = self->state;
            Outbox out;
            state.options->tracker.observe(outcome->block->block);
            state.core->on_executed(*outcome, wall_clock_now(), *state.options->payers, out);
            for (const auto& transaction : outcome->executed.transactions)
                state.submitters.erase(transaction.receipt.transaction);
            state.carry_out(out);
            arm(self);
        },
        [self](timer_atom) {
            auto& state = self->state;
            Outbox out;
            state.core->on_timer(wall_clock_now(), state.options->tracker, *state.options->payers, out);
            state.carry_out(out);
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

}  // namespace troupe::chunk_builder
