#include "actors/gateway/actor.hpp"

#include "runtime/actor/observed.hpp"
#include "runtime/base/clock.hpp"

namespace troupe::gateway {
namespace {

/// Transactions wait at most this long for others to go to the builder with.
constexpr auto timer_period = std::chrono::milliseconds(5);

struct State {
    static inline const char* name = "gateway";
    std::shared_ptr<Backend> backend;

    [[nodiscard]] std::string summary() const {
        const auto now = backend->view();
        return "executed=" + std::to_string(now.executed.value) + " pool=" + std::to_string(now.pool_transactions);
    }
    [[nodiscard]] BackendView view() const { return backend->view(); }
};

Actor::behavior_type behavior(Observed<Actor, State>* self, const std::shared_ptr<Backend>& backend) {
    self->state.backend = backend;
    self->delayed_send(self, timer_period, timer_atom::value);
    return {
        [self](PeerFrame& frame) {
            if (frame.kind != FrameKind::refusals) return;
            if (const auto refusals = decode<Refusals>(frame.payload)) self->state.backend->on_refusals(*refusals);
        },
        [self](const ExecutionOutcomePtr& outcome) { self->state.backend->on_executed(*outcome); },
        [self](std::uint32_t validator, bool connected) {
            self->state.backend->on_builder(ValidatorIndex{validator}, connected);
        },
        [self](timer_atom) {
            self->state.backend->on_timer(wall_clock_now());
            self->delayed_send(self, timer_period, timer_atom::value);
        },
        [self](stop_atom) { self->quit(); },
    };
}

}  // namespace

Actor spawn(caf::actor_system& system, std::shared_ptr<Backend> backend) {
    return system.spawn<caf::detached>(behavior, std::move(backend));
}

}  // namespace troupe::gateway
