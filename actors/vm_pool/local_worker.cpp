#include "actors/vm_pool/worker.hpp"
#include "runtime/actor/observed.hpp"

namespace troupe::vm_pool {
namespace {

struct State {
    static inline const char* name = "vm_worker";

    std::uint64_t reads = 0;
    std::uint64_t jobs = 0;

    [[nodiscard]] std::string summary() const {
        return "reads=" + std::to_string(reads) + " jobs=" + std::to_string(jobs);
    }
};

LocalWorker::behavior_type behavior(Observed<LocalWorker, State>* self,
                                    const std::shared_ptr<evm::AnalysisCache>& codes) {
    return {
        [self, codes](const ReadWorkPtr& work) {
            perform(*work, *codes);
            ++self->state.reads;
            return true;
        },
        [self](const Job& job) {
            (*job)();
            ++self->state.jobs;
            return true;
        },
    };
}

}  // namespace

LocalWorker spawn_local_worker(caf::actor_system& system, std::shared_ptr<evm::AnalysisCache> codes) {
    return system.spawn(behavior, std::move(codes));
}

}  // namespace troupe::vm_pool
