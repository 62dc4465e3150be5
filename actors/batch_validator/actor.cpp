#include "actors/batch_validator/actor.hpp"

#include <algorithm>

#include <spdlog/spdlog.h>

#include "actors/metadata_node/interface.hpp"
#include "actors/storage_node/interface.hpp"
#include "runtime/base/clock.hpp"

namespace troupe::batch_validator {
namespace {

struct State {
    static inline const char* name = "batch_validator";
    static constexpr auto timer_period = std::chrono::milliseconds(250);

    ServiceOptions options;
    std::unique_ptr<Core> core;
    std::vector<NodeIndex> arbiters;

    [[nodiscard]] Status open();
    void carry_out(Outbox& out);
    void on_frame(PeerFrame& frame);
    void on_timer();
    void on_stop();
    void on_notice(const arbiter::Notice& notice, Outbox& out);
    void submit(const arbiter::CommandBody& command);
    [[nodiscard]] RoleStatus status() const { return {core->line(), core->latest(), true}; }
    [[nodiscard]] std::string summary() const { return core->line(); }
    [[nodiscard]] CoreView view() const { return core->view(); }
};

Status State::open() {
    const auto& genesis = *options.genesis;
    Config config;
    config.storage_nodes = nodes_offering(genesis, Service::storage);
    config.metadata_nodes = nodes_offering(genesis, Service::metadata);
    core = std::make_unique<Core>(std::move(config), genesis, *options.scheme);
    arbiters = nodes_offering(genesis, Service::arbitration);
    return Done{};
}

void State::submit(const arbiter::CommandBody& command) {
    if (const auto* report = std::get_if<arbiter::Report>(&command))
        spdlog::error("block {} does not replay to what was agreed: claimed state root {}, computed {}",
                      report->differs_at.value, to_hex(report->claimed.state_root.view()),
                      to_hex(report->computed.state_root.view()));
    if (const auto* unable = std::get_if<arbiter::Unable>(&command))
        spdlog::error("the fragment up to {} can't be replayed: {}", unable->height.value, unable->why);
    const auto payload = to_payload(
        arbiter::sign_command(options.genesis->parameters.chain_id, options.self, command, *options.identity));
    for (const auto node : arbiters) options.network->send(node, FrameKind::arbiter_command, payload);
}

void State::carry_out(Outbox& out) {
    // Replaying appends: no iterators.
    for (std::size_t i = 0; i < out.size(); ++i) {
        auto effect = std::move(out[i]);
        if (const auto* manifests = std::get_if<RequestManifests>(&effect)) {
            options.network->send(manifests->to, FrameKind::manifest_request,
                                  to_payload(metadata_node::ManifestRequest{manifests->from, manifests->count}));
        } else if (const auto* content = std::get_if<RequestContent>(&effect)) {
            options.network->send(content->to, FrameKind::content_request,
                                  to_payload(storage_node::ContentRequest{content->hash}));
        } else if (auto* replay = std::get_if<Replay>(&effect)) {
            auto verdict = replay_fragment(*options.genesis, std::move(*replay->fragment));
            core->on_replayed(std::move(verdict), wall_clock_now(), out);
        } else if (const auto* command = std::get_if<Submit>(&effect)) {
            submit(command->command);
        } else if (const auto* refuse = std::get_if<Refuse>(&effect)) {
            spdlog::error("node {}: {}", refuse->from.value, refuse->why);
            options.network->report(refuse->from, refuse->why);
        }
    }
    out.clear();
}

void State::on_notice(const arbiter::Notice& notice, Outbox& out) {
    if (const auto* assignment = std::get_if<arbiter::Assignment>(&notice.body))
        core->on_assignment(*assignment, wall_clock_now(), out);
    else if (const auto* settled = std::get_if<arbiter::Settled>(&notice.body))
        core->on_settled(settled->height, settled->attempt);
    else if (std::holds_alternative<arbiter::Registered>(notice.body))
        core->on_registered();
}

void State::on_frame(PeerFrame& frame) {
    Outbox out;
    const auto refuse = [&](const Error& error) { options.network->report(frame.from, error.message); };
    const auto& genesis = *options.genesis;
    const auto* sender = node_at(genesis, frame.from);
    if (sender == nullptr) return;
    switch (frame.kind) {
        case FrameKind::arbiter_notice: {
            if (!sender->offers(Service::arbitration)) return;
            const auto notice = decode<arbiter::Notice>(frame.payload);
            if (!notice) return refuse(notice.error());
            on_notice(*notice, out);
            break;
        }
        case FrameKind::manifests: {
            auto manifests = decode<metadata_node::Manifests>(frame.payload);
            if (!manifests) return refuse(manifests.error());
            core->on_manifests(frame.from, std::move(manifests->manifests), wall_clock_now(), out);
            break;
        }
        case FrameKind::content_reply: {
            auto reply = decode<storage_node::ContentReply>(frame.payload);
            if (!reply) return refuse(reply.error());
            core->on_content(frame.from, reply->hash, std::move(reply->data), wall_clock_now(), out);
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

void State::on_stop() {
    // No assignment goes to one that is not there any more.
    if (core->registered()) submit(arbiter::Leave{});
}

}  // namespace

Result<Actor> spawn(caf::actor_system& system, ServiceOptions options) {
    return spawn_service<Actor, State>(system, std::move(options));
}

}  // namespace troupe::batch_validator
