// Read calls on the state of one height. Run on a pool worker.
#pragma once

#include "actors/execution/read_call.hpp"
#include "actors/gateway/chain_view.hpp"
#include "actors/vm_pool/read_work.hpp"

namespace troupe::gateway {

class CallRunner {
public:
    CallRunner(const ChainView& chain, std::shared_ptr<const Genesis> genesis,
               std::shared_ptr<evm::AnalysisCache> codes)
        : chain_(chain), genesis_(std::move(genesis)), codes_(std::move(codes)) {}

    /// Nothing: there is no state of that height.
    [[nodiscard]] std::optional<vm_pool::ReadBase> open(Height height) const;
    /// The block as instructions of a call on its state see it.
    [[nodiscard]] evm::BlockContext context(const ExecutedBlock& block) const;
    [[nodiscard]] const ChainView& chain() const noexcept { return chain_; }
    [[nodiscard]] evm::AnalysisCache& codes() const noexcept { return *codes_; }

private:
    const ChainView& chain_;
    std::shared_ptr<const Genesis> genesis_;
    std::shared_ptr<evm::AnalysisCache> codes_;
};

}  // namespace troupe::gateway
