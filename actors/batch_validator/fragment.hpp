// A fragment of history between two checkpoints, and what replaying it gives (Fluence: D4). Pure.
#pragma once

#include "actors/arbiter/messages.hpp"
#include "actors/batch_validator/fragment_state.hpp"
#include "runtime/ledger/manifest.hpp"

namespace troupe::batch_validator {

struct FragmentBlock {
    Block block;
    /// In the order of its certificates.
    std::vector<std::shared_ptr<const Chunk>> chunks;
};

struct Fragment {
    arbiter::Assignment assignment;
    /// Verified and linked: from far enough before the fragment (first_manifest_needed) to where the result of its last
    /// block is.
    std::map<Height, BlockManifest> manifests;
    /// Blocks from + 1 to the target's.
    std::vector<FragmentBlock> blocks;
    /// After block `from`.
    std::unique_ptr<FragmentState> state;
};

struct Verdict {
    std::variant<arbiter::Confirm, arbiter::Report> claim;
    /// The fragment's.
    std::map<Height, BlockManifest> manifests;
    /// After the target, if it is confirmed: the next fragment may begin with it.
    std::unique_ptr<FragmentState> state;
};

/// Which validators build in an epoch follows from blocks up to this many epochs before; BLOCKHASH reaches back too.
/// True if manifests from `first` on suffice for a fragment after `from`; false too if that is not among them.
[[nodiscard]] bool reaches_back(const BlockManifest& first, const BlockManifest& from,
                                const ChainParameters& parameters);
[[nodiscard]] bool reaches_back(const std::map<Height, BlockManifest>& manifests, Height from,
                                const ChainParameters& parameters);
/// The result of a block, as a later manifest carries it; null if none does.
[[nodiscard]] const ExecutionResult* claimed_result(const std::map<Height, BlockManifest>& manifests, Height height,
                                                    const ChainParameters& parameters);

[[nodiscard]] Verdict replay_fragment(const Genesis& genesis, Fragment fragment);

}  // namespace troupe::batch_validator
