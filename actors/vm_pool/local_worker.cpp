#include "actors/vm_pool/worker.hpp"
#include "runtime/actor/observed.hpp"

namespace troupe::vm_pool {
namespace {

struct State {
    static inline const char* name = "vm_worker";
};

LocalWorker::behavior_type behavior(Observed<LocalWorker, State>*, const std::shared_ptr<evm::AnalysisCache>& codes) {
    return {
        [codes](const ReadWorkPtr& work) {
            perform(*work, *codes);
            return true;
        },
        [](const Job& job) {
            (*job)();
            return true;
        },
    };
}

}  // namespace

LocalWorker spawn_local_worker(caf::actor_system& system, std::shared_ptr<evm::AnalysisCache> codes) {
    return system.spawn(behavior, std::move(codes));
}

}  // namespace troupe::vm_pool
