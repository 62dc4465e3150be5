// A read call on its way to whichever worker has time for it, in this process or another.
#pragma once

#include <functional>
#include <memory>

#include "actors/execution/read_call.hpp"
#include "runtime/base/result.hpp"

namespace troupe::vm_pool {

/// What a read call stands on.
struct ReadBase {
    /// The state's: equal roots are equal states, whoever serves them.
    RootHash root;
    /// Of the block that the state is the state of.
    evm::BlockContext context;
    /// One thread at a time.
    std::unique_ptr<StateReader> state;
};

struct ReadWork {
    ReadKind kind{};
    CallRequest request;
    /// Nothing: that state is not here. Any thread may call it, more than once.
    std::function<std::optional<ReadBase>()> open;
    /// Called once, on any thread. ErrorCode::not_found: there is no such state.
    std::function<void(Result<CallResult>)> done;
};
using ReadWorkPtr = std::shared_ptr<const ReadWork>;

/// Does the work on this thread.
void perform(const ReadWork& work, evm::AnalysisCache& codes);

}  // namespace troupe::vm_pool
