#include "deploy/node/node_services.hpp"

#include <algorithm>

#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include "actors/arbiter/actor.hpp"
#include "actors/batch_validator/actor.hpp"
#include "actors/metadata_node/actor.hpp"
#include "actors/storage_node/actor.hpp"

namespace troupe {
namespace {

constexpr auto patience = std::chrono::seconds(1);

}  // namespace

Status NodeServices::spawn(caf::actor_system& system, const NodeServicesOptions& options) {
    const auto has = [&](std::string_view role) {
        return std::ranges::find(options.roles, role) != options.roles.end();
    };
    auto pair = Ed25519KeyPair::from_seed(options.seed.view());
    TROUPE_ASSERT(pair.has_value());
    const ServiceOptions service{options.genesis,
                                 options.self,
                                 options.directory,
                                 options.scheme,
                                 std::make_shared<const Ed25519KeyPair>(std::move(*pair)),
                                 options.network};
    const auto keep = [&](const ServiceActor& actor, std::initializer_list<FrameKind> frames) {
        for (const auto kind : frames) options.network->add_receiver(kind, actor);
        actors_.push_back(actor);
    };

    if (has("metadata_node")) {
        const auto actor = metadata_node::spawn(system, service);
        if (!actor) return actor.error();
        keep(*actor, {FrameKind::blocks, FrameKind::manifest_request, FrameKind::arbiter_notice});
    }
    if (has("storage_node")) {
        const auto actor = storage_node::spawn(system, service);
        if (!actor) return actor.error();
        keep(*actor, {FrameKind::content_request});
        listeners_.push_back(*actor);
    }
    if (has("batch_validator")) {
        const auto actor = batch_validator::spawn(system, service);
        if (!actor) return actor.error();
        keep(*actor, {FrameKind::arbiter_notice, FrameKind::manifests, FrameKind::content_reply});
    }
    if (has("arbiter")) {
        const auto actor = arbiter::spawn(system, service);
        if (!actor) return actor.error();
        keep(*actor, {FrameKind::arbiter_command});
    }
    return Done{};
}

void NodeServices::start() {
    for (const auto& actor : actors_) caf::anon_send(actor, start_atom::value);
}

void NodeServices::stop(caf::actor_system& system) {
    caf::scoped_actor self{system};
    for (const auto& actor : actors_) {
        self->monitor(actor);
        caf::anon_send(actor, stop_atom::value);
    }
    const auto deadline = std::chrono::steady_clock::now() + patience;
    for (std::size_t ended = 0; ended < actors_.size() && std::chrono::steady_clock::now() < deadline;)
        self->receive([&](const caf::down_msg&) { ++ended; }, caf::after(patience) >> [] {});
    actors_.clear();
    listeners_.clear();
}

std::optional<RoleStatus> NodeServices::status(caf::actor_system& system) const {
    caf::scoped_actor self{system};
    RoleStatus out;
    out.ready = true;
    std::size_t answers = 0;
    for (const auto& actor : actors_)
        self->request(actor, std::chrono::seconds(2), status_atom::value)
            .receive(
                [&](const RoleStatus& status) {
                    ++answers;
                    out.line += (out.line.empty() ? "" : "; ") + status.line;
                    out.height = std::max(out.height, status.height);
                    out.ready = out.ready && status.ready;
                },
                [](const caf::error&) {});
    if (answers != actors_.size()) return std::nullopt;
    return out;
}

}  // namespace troupe
