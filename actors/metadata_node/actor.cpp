#include "actors/metadata_node/actor.hpp"

#include <spdlog/spdlog.h>

#include "actors/metadata_node/store.hpp"
#include "runtime/base/clock.hpp"

namespace troupe::metadata_node {
namespace {

constexpr std::size_t reply_bytes_max = 1 << 20;

void must(const Status& status) {
    if (!status) invariant_failed(("manifest store: " + status.error().message).c_str(), __FILE__, __LINE__);
}

struct StateView {
    /// Of the latest manifest.
    Height tip;
    BlockHash hash;
    Height last_checkpoint;
    /// The latest checkpoint that the arbiter is known to have.
    Height acknowledged;
    std::uint64_t checkpoints_unacknowledged = 0;
    std::uint64_t evidence = 0;
    std::optional<arbiter::CheckpointStanding> standing;

    static constexpr auto reflect() {
        using V = StateView;
        return fields("MetadataNode", field("tip", &V::tip), field("hash", &V::hash),
                      field("last_checkpoint", &V::last_checkpoint), field("acknowledged", &V::acknowledged),
                      field("checkpoints_unacknowledged", &V::checkpoints_unacknowledged),
                      field("evidence", &V::evidence), field("standing", &V::standing));
    }
};

struct State {
    static inline const char* name = "metadata_node";
    static constexpr auto timer_period = std::chrono::milliseconds(250);

    ServiceOptions options;
    std::unique_ptr<ManifestStore> store;
    std::unique_ptr<Core> core;
    std::vector<NodeIndex> arbiters;
    std::size_t evidence = 0;
    std::optional<arbiter::CheckpointStanding> standing;

    [[nodiscard]] Status open();
    void carry_out(const Outbox& out);
    void on_frame(const PeerFrame& frame);
    void on_timer();
    void on_notice(const arbiter::Notice& notice, Outbox& out);
    void send_manifests(NodeIndex to, const ManifestRequest& request);
    [[nodiscard]] RoleStatus status() const;
    [[nodiscard]] std::string summary() const { return status().line; }
    [[nodiscard]] StateView view() const;
};

Status State::open() {
    const auto& genesis = *options.genesis;
    auto opened = ManifestStore::open((options.directory / "manifests.db").string());
    if (!opened) return opened.error();
    store = std::move(*opened);
    Config config;
    config.chain_id = genesis.parameters.chain_id;
    config.genesis = hash_of(genesis);
    config.checkpoint_interval = genesis.parameters.checkpoint_interval;
    config.validators = genesis.validators.size();
    config.storage = storage_registry(genesis);
    const auto& p = genesis.parameters;
    config.patience = DurationMs{p.heartbeat_interval.value + p.view_time.value};
    core = std::make_unique<Core>(std::move(config), *options.scheme, *store);
    arbiters = nodes_offering(genesis, Service::arbitration);

    auto tip = store->tip();
    if (!tip) return tip.error();
    auto kept = store->evidence();
    if (!kept) return kept.error();
    evidence = kept->size();
    if (!*tip) return Done{};
    auto acknowledged = store->acknowledged();
    if (!acknowledged) return acknowledged.error();
    for (auto height = **tip; height.value > 0 && height >= *acknowledged; height = Height{height.value - 1})
        if (!store->manifest(height))
            return make_error(ErrorCode::malformed, "manifest " + std::to_string(height.value) +
                                                        " is damaged; delete the node's data directory to fetch all "
                                                        "of them anew");
    core->restore(*store->manifest(**tip), *acknowledged);
    return Done{};
}

void State::carry_out(const Outbox& out) {
    auto& network = *options.network;
    for (const auto& effect : out) {
        if (const auto* stored = std::get_if<Store>(&effect)) {
            must(store->put(*stored->manifest));
        } else if (const auto* kept = std::get_if<KeepEvidence>(&effect)) {
            must(store->put_evidence(*kept));
            ++evidence;
            spdlog::error("{} at height {}, from node {}: {}", to_string(kept->kind), kept->theirs.header.height.value,
                          kept->from.value, kept->why);
            if (kept->kind == EvidenceKind::invalid) network.report(kept->from, kept->why);
        } else if (const auto* request = std::get_if<RequestBlocks>(&effect)) {
            network.send(request->from, FrameKind::blocks_request, to_payload(BlocksRequest{request->first}));
        } else if (const auto* post = std::get_if<Post>(&effect)) {
            const auto command = arbiter::sign_command(options.genesis->parameters.chain_id, options.self,
                                                       arbiter::PostCheckpoint{post->checkpoint}, *options.identity);
            const auto payload = to_payload(command);
            for (const auto node : arbiters) network.send(node, FrameKind::arbiter_command, payload);
        } else if (const auto* acknowledged = std::get_if<Acknowledged>(&effect)) {
            must(store->put_acknowledged(acknowledged->height));
        }
    }
}

void State::send_manifests(NodeIndex to, const ManifestRequest& request) {
    Manifests reply;
    std::size_t bytes = 0;
    const auto count = std::min(request.count, manifests_per_reply_max);
    must(store->for_each(request.from, [&](Bytes&& data) {
        auto manifest = decode<BlockManifest>(data);
        if (!manifest) return false;
        bytes += data.size();
        reply.manifests.push_back(std::move(*manifest));
        return reply.manifests.size() < count && bytes < reply_bytes_max;
    }));
    options.network->send(to, FrameKind::manifests, to_payload(reply));
}

void State::on_notice(const arbiter::Notice& notice, Outbox& out) {
    const auto* seen = std::get_if<arbiter::CheckpointStanding>(&notice.body);
    if (seen == nullptr) return;
    if (!standing || seen->height >= standing->height) standing = *seen;
    core->on_acknowledged(seen->height, out);
}

void State::on_frame(const PeerFrame& frame) {
    Outbox out;
    const auto refuse = [&](const Error& error) { options.network->report(frame.from, error.message); };
    switch (frame.kind) {
        case FrameKind::blocks: {
            const auto blocks = decode<Blocks>(frame.payload);
            if (!blocks) return refuse(blocks.error());
            for (const auto& block : blocks->blocks) {
                core->on_manifest(frame.from, manifest_of(block), wall_clock_now(), out);
                carry_out(out);
                out.clear();
            }
            // A full reply: there is more.
            if (blocks->blocks.size() > 1)
                options.network->send(frame.from, FrameKind::blocks_request,
                                      to_payload(BlocksRequest{core->tip().next()}));
            break;
        }
        case FrameKind::manifest_request: {
            const auto request = decode<ManifestRequest>(frame.payload);
            if (!request) return refuse(request.error());
            send_manifests(frame.from, *request);
            break;
        }
        case FrameKind::arbiter_notice: {
            if (std::ranges::find(arbiters, frame.from) == arbiters.end()) return;
            const auto notice = decode<arbiter::Notice>(frame.payload);
            if (!notice) return refuse(notice.error());
            on_notice(*notice, out);
            break;
        }
        default: return;
    }
    carry_out(out);
}

void State::on_timer() {
    Outbox out;
    core->on_timer(wall_clock_now(), out);
    carry_out(out);
}

StateView State::view() const {
    const auto& tip = core->tip_manifest();
    return {core->tip(),
            tip ? hash_of(tip->header) : BlockHash{},
            core->last_checkpoint(),
            core->acknowledged(),
            core->unacknowledged(),
            evidence,
            standing};
}

RoleStatus State::status() const {
    RoleStatus out;
    out.height = core->tip();
    out.ready = true;
    out.line = "manifests " + std::to_string(core->tip().value);
    if (standing)
        out.line += ", checkpoint " + std::to_string(standing->height.value) + " " + to_string(standing->phase);
    else if (core->last_checkpoint().value > 0)
        out.line += ", checkpoint " + std::to_string(core->last_checkpoint().value) + " sent";
    if (evidence > 0) out.line += ", evidence " + std::to_string(evidence);
    return out;
}

}  // namespace

Result<Actor> spawn(caf::actor_system& system, ServiceOptions options) {
    return spawn_service<Actor, State>(system, std::move(options));
}

}  // namespace troupe::metadata_node
