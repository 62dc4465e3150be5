// Executing a block's transactions again on the state before it, one after the other, with a tracer where one is
// wanted.
#pragma once

#include <functional>

#include "actors/gateway/calls.hpp"
#include "actors/gateway/overlay.hpp"
#include "actors/gateway/tracers.hpp"

namespace troupe::gateway {

/// Why there is no trace, in words for the client.
struct ReplayError {
    std::string message;
};

class Replay {
public:
    Replay(const CallRunner& runner, const Genesis& genesis, ExecutedBlockPtr block,
           std::function<Result<RecoveredTransactionPtr>(ByteView raw)> recover);

    /// The state before the block is here.
    [[nodiscard]] bool is_possible() const noexcept { return base_ != nullptr; }
    [[nodiscard]] std::size_t next() const noexcept { return next_; }
    /// Executes the next transaction, and finishes the tracer if one is given. An execution that does not come out as
    /// the receipt has it is an error: a trace of something else would mislead.
    [[nodiscard]] std::variant<std::string, ReplayError> run(JsonTracer* tracer);

private:
    /// Who gets the tips of the next transaction.
    void find_tips();

    const Genesis& genesis_;
    ExecutedBlockPtr block_;
    std::function<Result<RecoveredTransactionPtr>(ByteView raw)> recover_;
    evm::AnalysisCache& codes_;
    evm::BlockContext context_;
    std::unique_ptr<StateAt> base_;
    std::optional<Overlay> state_;
    std::size_t next_ = 0;
    /// The range of block_->tips that `next_` is in, and where that ends.
    std::size_t range_ = 0;
    std::size_t range_end_ = 0;
};

}  // namespace troupe::gateway
