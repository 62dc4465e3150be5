#include "actors/vm_pool/actor.hpp"

#include <algorithm>
#include <deque>

#include <spdlog/spdlog.h>

#include "actors/execution/contract_engine.hpp"
#include "actors/vm_pool/worker.hpp"
#include "runtime/actor/observed.hpp"

namespace troupe::vm_pool {
namespace {

struct StateView {
    std::uint64_t workers = 0;
    std::uint64_t idle = 0;
    std::uint64_t waiting_jobs = 0;
    std::uint64_t waiting_reads = 0;
    std::uint64_t reads_here = 0;
    std::uint64_t reads_elsewhere = 0;
    /// By workers of other processes; done here then.
    std::uint64_t reads_given_back = 0;
    /// Parts of blocks executed ahead by workers of other processes; refused: none was idle, or it failed.
    std::uint64_t speculations = 0;
    std::uint64_t speculations_refused = 0;
    /// Of other processes; one that can't be reached is not idle.
    std::uint64_t remote_lanes = 0;
    std::uint64_t remote_idle = 0;

    static constexpr auto reflect() {
        using V = StateView;
        return fields("VmPool", field("workers", &V::workers), field("idle", &V::idle),
                      field("waiting_jobs", &V::waiting_jobs), field("waiting_reads", &V::waiting_reads),
                      field("reads_here", &V::reads_here), field("reads_elsewhere", &V::reads_elsewhere),
                      field("reads_given_back", &V::reads_given_back), field("speculations", &V::speculations),
                      field("speculations_refused", &V::speculations_refused), field("remote_lanes", &V::remote_lanes),
                      field("remote_idle", &V::remote_idle));
    }
};

/// One connection to a worker of another process.
struct Lane {
    RemoteTarget target;
    RemoteWorker actor;
    bool is_idle = false;
    bool is_busy = false;
    /// Gets nothing any more, and ends after what it has.
    bool is_leaving = false;
};
using LanePtr = std::shared_ptr<Lane>;

struct State {
    static inline const char* name = "vm_pool";

    std::shared_ptr<TransactionCache> transactions;
    std::vector<LocalWorker> idle;
    std::vector<LocalWorker> all;
    std::vector<LanePtr> lanes;
    operator_link::Credentials credentials;
    std::deque<Job> jobs;
    std::deque<ReadWorkPtr> reads;
    /// Reads that a remote worker could not do.
    std::deque<ReadWorkPtr> returned;
    StateView figures;

    [[nodiscard]] std::string summary() const {
        auto out = "busy=" + std::to_string(all.size() - idle.size()) + "/" + std::to_string(all.size()) +
                   " waiting=" + std::to_string(jobs.size() + reads.size() + returned.size());
        if (!lanes.empty())
            out += " remote=" + std::to_string(figures.reads_elsewhere) + " idle_lanes=" +
                   std::to_string(std::ranges::count(lanes, true, [](const LanePtr& lane) { return lane->is_idle; })) +
                   "/" + std::to_string(lanes.size());
        return out;
    }
    [[nodiscard]] StateView view() const {
        auto out = figures;
        out.workers = all.size();
        out.idle = idle.size();
        out.waiting_jobs = jobs.size();
        out.waiting_reads = reads.size() + returned.size();
        out.remote_lanes = lanes.size();
        out.remote_idle = static_cast<std::uint64_t>(
            std::ranges::count(lanes, true, [](const LanePtr& lane) { return lane->is_idle; }));
        return out;
    }
};

using Self = Observed<Actor, State>;

void dispatch(Self* self);

template <class Work>
[[nodiscard]] Work take(std::deque<Work>& from) {
    auto work = std::move(from.front());
    from.pop_front();
    return work;
}

// Workers of this process ---------------------------------------------------------------------------------------------

template <class Work>
void give_here(Self* self, Work work) {
    auto chosen = std::move(self->state.idle.back());
    self->state.idle.pop_back();
    const auto free = [self, chosen] {
        self->state.idle.push_back(chosen);
        dispatch(self);
    };
    self->request(chosen, caf::infinite, std::move(work))
        .then([free](bool) { free(); }, [free](const caf::error&) { free(); });
}

// Workers of others ---------------------------------------------------------------------------------------------------

void let_go(Self* self, const LanePtr& lane) {
    lane->is_leaving = true;
    lane->is_idle = false;
    if (!lane->is_busy) self->send_exit(lane->actor, caf::exit_reason::user_shutdown);
}

/// It gets work as soon as it can be reached.
void reach(Self* self, const LanePtr& lane) {
    self->request(lane->actor, caf::infinite, reach_atom::value)
        .then(
            [self, lane](done_atom) {
                if (lane->is_leaving) return;
                lane->is_idle = true;
                dispatch(self);
            },
            [](const caf::error&) {});
}

/// `finished` hears whether the work is done.
template <class Work, class F>
void give_away(Self* self, const LanePtr& lane, Work work, F finished) {
    lane->is_idle = false;
    lane->is_busy = true;
    const auto free = [self, lane, finished](bool is_done) {
        finished(is_done);
        lane->is_busy = false;
        if (lane->is_leaving) {
            let_go(self, lane);
        } else if (is_done) {
            lane->is_idle = true;
        } else {
            reach(self, lane);
        }
        dispatch(self);
    };
    self->request(lane->actor, caf::infinite, std::move(work))
        .then([free](bool is_done) { free(is_done); }, [free](const caf::error&) { free(false); });
}

void read_elsewhere(Self* self, const LanePtr& lane, const ReadWorkPtr& work) {
    give_away(self, lane, work, [self, work](bool is_done) {
        ++(is_done ? self->state.figures.reads_elsewhere : self->state.figures.reads_given_back);
        if (!is_done) self->state.returned.push_back(work);
    });
}

void take_targets(Self* self, const RemoteTargets& targets) {
    auto& state = self->state;
    const bool same_credentials = state.credentials == targets.credentials;
    state.credentials = targets.credentials;
    std::vector<LanePtr> kept;
    for (const auto& target : targets.workers)
        for (std::uint32_t i = 0; i < target.lanes; ++i) {
            const auto known = std::ranges::find_if(
                state.lanes, [&](const LanePtr& lane) { return same_credentials && lane->target == target; });
            if (known != state.lanes.end()) {
                kept.push_back(*known);
                state.lanes.erase(known);
                continue;
            }
            auto worker = spawn_remote_worker(self->system(), targets.credentials, target);
            if (!worker) {
                spdlog::error("worker {}: {}", target.name, worker.error().message);
                break;
            }
            kept.push_back(std::make_shared<Lane>(Lane{target, *worker}));
            reach(self, kept.back());
        }
    for (const auto& lane : std::exchange(state.lanes, std::move(kept))) let_go(self, lane);
}

// Who does what -------------------------------------------------------------------------------------------------------

[[nodiscard]] LanePtr idle_lane(const State& state) {
    const auto it = std::ranges::find(state.lanes, true, [](const LanePtr& lane) { return lane->is_idle; });
    return it == state.lanes.end() ? nullptr : *it;
}

/// Somebody waits for a read call; recovery is ahead of its time.
void dispatch(Self* self) {
    auto& state = self->state;
    while (!state.reads.empty()) {
        const auto lane = idle_lane(state);
        if (!lane) break;
        read_elsewhere(self, lane, take(state.reads));
    }
    for (auto* reads : {&state.returned, &state.reads})
        while (!reads->empty() && !state.idle.empty()) {
            ++state.figures.reads_here;
            give_here(self, take(*reads));
        }
    while (!state.jobs.empty() && !state.idle.empty()) give_here(self, take(state.jobs));
}

/// Now or never: the block executes meanwhile.
void execute_ahead(Self* self, const SpeculativeWorkPtr& work) {
    const auto lane = idle_lane(self->state);
    if (!lane) {
        ++self->state.figures.speculations_refused;
        return work->speculation->give_up();
    }
    give_away(self, lane, work, [self, work](bool is_done) {
        ++(is_done ? self->state.figures.speculations : self->state.figures.speculations_refused);
        // Of a worker that has ended nothing comes any more.
        if (!is_done) work->speculation->give_up();
    });
}

Actor::behavior_type behavior(Self* self, const ActorOptions& options) {
    auto& state = self->state;
    state.transactions = options.transactions;
    const auto codes = options.codes ? options.codes : std::make_shared<evm::AnalysisCache>(contract_engine());
    for (std::size_t i = 0; i < options.workers; ++i) {
        state.all.push_back(spawn_local_worker(self->system(), codes));
        self->link_to(state.all.back());
    }
    state.idle = state.all;
    return {
        [self](const ChunkRecoveryPtr& recovery) {
            for (std::size_t i = 0; i < recovery->slices(); ++i)
                self->state.jobs.push_back(std::make_shared<const std::function<void()>>(
                    [recovery, cache = self->state.transactions] { static_cast<void>(recovery->run_slice()); }));
            dispatch(self);
        },
        [self](const Job& job) {
            self->state.jobs.push_front(job);
            dispatch(self);
        },
        [self](const ReadWorkPtr& work) {
            self->state.reads.push_back(work);
            dispatch(self);
        },
        [self](const SpeculativeWorkPtr& work) { execute_ahead(self, work); },
        [self](const RemoteTargetsPtr& targets) { take_targets(self, *targets); },
        [self](stop_atom) {
            for (const auto& lane : std::exchange(self->state.lanes, {})) let_go(self, lane);
            self->quit();
        },
    };
}

}  // namespace

Actor spawn(caf::actor_system& system, ActorOptions options) { return system.spawn(behavior, options); }

}  // namespace troupe::vm_pool
