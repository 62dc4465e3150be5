#include "actors/batch_validator/fragment.hpp"

#include "actors/execution/contract_engine.hpp"
#include "actors/execution/evm_input.hpp"
#include "actors/execution/replay.hpp"

namespace troupe::batch_validator {
namespace {

/// EVM: BLOCKHASH.
constexpr std::uint64_t block_hashes_reachable = 256;

[[nodiscard]] Epoch tracked_from(const BlockManifest& last, const ChainParameters& parameters) {
    return ActivityTracker::rebuild_from(epoch_of(last.header.timestamp, parameters));
}

/// As one that has observed every block up to `from`.
[[nodiscard]] ActivityTracker make_tracker(const Fragment& fragment, const Genesis& genesis) {
    const auto& parameters = genesis.parameters;
    const auto from = fragment.assignment.from;
    if (from.value == 0) return {parameters, genesis.validators.size()};
    const auto epoch = tracked_from(fragment.manifests.at(from), parameters);
    const bool from_start = fragment.manifests.begin()->first.value <= 1;
    ActivityTracker tracker{parameters, genesis.validators.size(), from_start ? Epoch{0} : epoch};
    for (const auto& [height, manifest] : fragment.manifests) {
        if (height > from) break;
        if (!from_start && manifest.header.timestamp < epoch_start(epoch, parameters)) continue;
        Block observed;
        observed.header = manifest.header;
        observed.votes = manifest.votes;
        tracker.observe(observed);
    }
    return tracker;
}

}  // namespace

bool reaches_back(const BlockManifest& first, const BlockManifest& from, const ChainParameters& parameters) {
    if (first.header.height.value <= 1) return true;
    return first.header.height.value + block_hashes_reachable <= from.header.height.value &&
           first.header.timestamp < epoch_start(tracked_from(from, parameters), parameters);
}

bool reaches_back(const std::map<Height, BlockManifest>& manifests, Height from, const ChainParameters& parameters) {
    const auto last = manifests.find(from);
    return last != manifests.end() && reaches_back(manifests.begin()->second, last->second, parameters);
}

const ExecutionResult* claimed_result(const std::map<Height, BlockManifest>& manifests, Height height,
                                      const ChainParameters& parameters) {
    const auto carrier = manifests.find(Height{height.value + parameters.execution_delay});
    if (carrier == manifests.end()) return nullptr;
    for (const auto& result : carrier->second.results)
        if (result.height == height) return &result;
    return nullptr;
}

Verdict replay_fragment(const Genesis& genesis, Fragment fragment) {
    const auto& [from, target, attempt, deadline] = fragment.assignment;
    auto tracker = make_tracker(fragment, genesis);
    auto& state = *fragment.state;
    evm::AnalysisCache codes{contract_engine()};
    const auto genesis_hash = Hash256::from(hash_of(genesis));
    ExecutionResult computed;
    for (const auto& [block, chunks] : fragment.blocks) {
        const auto height = block.header.height;
        const ReplayInput input{
            genesis.parameters,
            genesis.validators.size(),
            beneficiary_of(genesis, block.header.proposer),
            block,
            chunks,
            [&](const TransactionHash& hash) { return state.native_executed(hash); },
            [&](std::uint64_t number) {
                if (number == 0) return genesis_hash;
                const auto known = fragment.manifests.find(Height{number});
                return known == fragment.manifests.end() ? Hash256{} : Hash256::from(hash_of(known->second.header));
            }};
        auto output = replay_block(input, tracker, state, codes);
        const auto root = state.apply(output.diff, output.natives);
        // The tries are this process' own memory.
        TROUPE_ASSERT(root.ok());
        state.forget_natives(block.header.timestamp);
        computed = output.executed.result;
        computed.state_root = *root;
        const auto* claimed = claimed_result(fragment.manifests, height, genesis.parameters);
        TROUPE_ASSERT(claimed != nullptr);
        if (*claimed != computed)
            return {arbiter::Report{target.height, attempt, height, *claimed, computed}, std::move(fragment.manifests),
                    nullptr};
    }
    // The chain is right; the checkpoint may still say something else of it.
    if (target.state_root != computed.state_root ||
        target.block != hash_of(fragment.manifests.at(target.height).header)) {
        auto claimed = computed;
        claimed.state_root = target.state_root;
        return {arbiter::Report{target.height, attempt, target.height, claimed, computed},
                std::move(fragment.manifests), nullptr};
    }
    return {arbiter::Confirm{target.height, attempt, computed.state_root}, std::move(fragment.manifests),
            std::move(fragment.state)};
}

}  // namespace troupe::batch_validator
