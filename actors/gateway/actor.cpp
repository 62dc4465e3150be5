#include "actors/gateway/actor.hpp"

#include "runtime/actor/observed.hpp"
#include "runtime/base/clock.hpp"

namespace troupe::gateway {
namespace {

struct State {
    static inline const char* name = "gateway";
    std::shared_ptr<Backend> backend;

    [[nodiscard]] std::string summary() const {
        const auto now = backend->view();
        return "executed=" + std::to_string(now.executed.value) + " pool=" + std::to_string(now.pool_transactions);
    }
    [[nodiscard]] BackendView view() const { return backend->view(); }
};

void arm(Observed<Actor, State>* self) { self->timer_by(self->state.backend->next_timer(wall_clock_now())); }

Actor::behavior_type behavior(Observed<Actor, State>* self, const std::shared_ptr<Backend>& backend) {
    self->state.backend = backend;
    backend->set_waker([handle = caf::actor_cast<Actor>(self)] { tell(handle, wake_atom::value); });
    arm(self);
    return {
        [self](PeerFrame& frame) {
            if (frame.kind != FrameKind::refusals) return;
            if (const auto refusals = decode<Refusals>(frame.payload)) self->state.backend->on_refusals(*refusals);
            arm(self);
        },
        [self](const ExecutionOutcomePtr& outcome) {
            self->state.backend->on_executed(*outcome);
            arm(self);
        },
        [self](std::uint32_t validator, bool connected) {
            self->state.backend->on_builder(ValidatorIndex{validator}, connected);
            arm(self);
        },
        [self](wake_atom) { arm(self); },
        [self](timer_atom) {
            self->state.backend->on_timer(wall_clock_now());
            arm(self);
        },
        [self](stop_atom) {
            self->state.backend->set_waker({});
            self->quit();
        },
    };
}

}  // namespace

Actor spawn(caf::actor_system& system, std::shared_ptr<Backend> backend) {
    return system.spawn<caf::detached>(behavior, std::move(backend));
}

}  // namespace troupe::gateway
