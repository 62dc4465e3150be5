#include "actors/vm_pool/actor.hpp"

#include <deque>

#include "runtime/actor/observed.hpp"

namespace troupe::vm_pool {
namespace {

using done_atom = caf::atom_constant<caf::atom("done")>;
using Worker = caf::typed_actor<caf::replies_to<Job>::with<done_atom>>;

struct WorkerState {
    static inline const char* name = "vm_worker";
};

Worker::behavior_type worker(Observed<Worker, WorkerState>*) {
    return {[](const Job& job) {
        (*job)();
        return done_atom::value;
    }};
}

struct StateView {
    std::uint64_t workers = 0;
    std::uint64_t idle = 0;
    std::uint64_t waiting_jobs = 0;

    static constexpr auto reflect() {
        return fields("VmPool", field("workers", &StateView::workers), field("idle", &StateView::idle),
                      field("waiting_jobs", &StateView::waiting_jobs));
    }
};

struct State {
    static inline const char* name = "vm_pool";

    std::shared_ptr<TransactionCache> transactions;
    std::vector<Worker> idle;
    std::vector<Worker> all;
    std::deque<Job> jobs;

    [[nodiscard]] std::string summary() const {
        return "busy=" + std::to_string(all.size() - idle.size()) + "/" + std::to_string(all.size()) +
               " waiting=" + std::to_string(jobs.size());
    }
    [[nodiscard]] StateView view() const { return {all.size(), idle.size(), jobs.size()}; }
};

void dispatch(Observed<Actor, State>* self) {
    auto& state = self->state;
    while (!state.idle.empty() && !state.jobs.empty()) {
        auto chosen = std::move(state.idle.back());
        state.idle.pop_back();
        auto job = std::move(state.jobs.front());
        state.jobs.pop_front();
        const auto free = [self, chosen] {
            self->state.idle.push_back(chosen);
            dispatch(self);
        };
        self->request(chosen, caf::infinite, std::move(job))
            .then([free](done_atom) { free(); }, [free](const caf::error&) { free(); });
    }
}

Actor::behavior_type behavior(Observed<Actor, State>* self, const ActorOptions& options) {
    auto& state = self->state;
    state.transactions = options.transactions;
    for (std::size_t i = 0; i < options.workers; ++i) state.all.push_back(self->spawn<caf::linked>(worker));
    state.idle = state.all;
    return {
        [self](const ChunkRecoveryPtr& recovery) {
            for (std::size_t i = 0; i < recovery->slices(); ++i)
                self->state.jobs.push_back(std::make_shared<const std::function<void()>>(
                    [recovery, cache = self->state.transactions] { static_cast<void>(recovery->run_slice()); }));
            dispatch(self);
        },
        [self](const Job& job) {
            // Somebody waits for a read call; recovery is ahead of its time.
            self->state.jobs.push_front(job);
            dispatch(self);
        },
        [self](stop_atom) { self->quit(); },
    };
}

}  // namespace

Actor spawn(caf::actor_system& system, ActorOptions options) { return system.spawn(behavior, options); }

}  // namespace troupe::vm_pool
