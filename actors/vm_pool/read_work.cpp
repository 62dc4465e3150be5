#include "actors/vm_pool/read_work.hpp"

namespace troupe::vm_pool {
namespace {

[[nodiscard]] Result<CallResult> result_of(const ReadWork& work, evm::AnalysisCache& codes) {
    try {
        const auto base = work.open();
        if (!base) return make_error(ErrorCode::not_found, "there is no state of that height here");
        return run_read_call(work.kind, work.request, *base->state, base->context, codes);
    } catch (const std::exception& error) {
        return make_error(ErrorCode::invalid, error.what());
    }
}

}  // namespace

void perform(const ReadWork& work, evm::AnalysisCache& codes) { work.done(result_of(work, codes)); }

}  // namespace troupe::vm_pool
