// What the roles beside the chain share (storage node, metadata node, batch validator, arbiter): what they are made of,
// and the actor around the state that each role writes for itself.
//
//     struct State {
//         static inline const char* name = "storage_node";
//         static constexpr auto timer_period = std::chrono::milliseconds(500);
//         ServiceOptions options;
//         [[nodiscard]] Status open();
//         void on_frame(PeerFrame& frame);
//         void on_timer();
//         void on_stop();  // last words; optional
//         [[nodiscard]] RoleStatus status() const;
//     };
//     return spawn_service<Actor, State>(system, std::move(options));
#pragma once

#include <filesystem>

#include "runtime/actor/observed.hpp"
#include "runtime/actor/role_status.hpp"
#include "runtime/crypto/ed25519.hpp"
#include "runtime/crypto/multi_signature.hpp"
#include "runtime/ledger/genesis.hpp"

namespace troupe {

struct ServiceOptions {
    std::shared_ptr<const Genesis> genesis;
    NodeIndex self;
    /// The node's: a role keeps its database there, and reads those of the node's other roles.
    std::filesystem::path directory;
    std::shared_ptr<const SignatureScheme> scheme;
    std::shared_ptr<const Ed25519KeyPair> identity;
    std::shared_ptr<Network> network;
};

/// On a thread of its own, since these roles wait for the disk. `more`: member functions of State, one for each further
/// message of Actor, which is ServiceActor or extends it. An error if the state does not open.
template <class Actor, class State, class... Messages>
[[nodiscard]] Result<Actor> spawn_service(caf::actor_system& system, ServiceOptions options,
                                          void (State::*... more)(const Messages&)) {
    using Self = Observed<Actor, State>;
    auto prepared = std::make_shared<State>();
    prepared->options = std::move(options);
    if (auto status = prepared->open(); !status) return status.error();
    const auto behavior = [](Self* self, const std::shared_ptr<State>& ready,
                             void (State::*... handlers)(const Messages&)) -> typename Actor::behavior_type {
        self->state = std::move(*ready);
        const auto arm = [self] { self->delayed_send(self, State::timer_period, timer_atom::value); };
        return {
            [self](PeerFrame& frame) { self->state.on_frame(frame); },
            [self, arm](timer_atom) {
                self->state.on_timer();
                arm();
            },
            [self](status_atom) { return self->state.status(); },
            [arm](start_atom) { arm(); },
            [self](stop_atom) {
                if constexpr (requires(State & state) { state.on_stop(); }) self->state.on_stop();
                self->quit();
            },
            [self, handlers](const Messages& message) { (self->state.*handlers)(message); }...,
        };
    };
    return system.spawn<caf::detached>(behavior, prepared, more...);
}

}  // namespace troupe
