// Who builds chunks for an account (Vryx: partitioning the account space over the builders, epoch by epoch).
// Pure: every node that has the same blocks gives the same answers.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <vector>

#include "runtime/ledger/block.hpp"
#include "runtime/ledger/genesis.hpp"

namespace troupe {

/// floor(time / epoch length).
[[nodiscard]] Epoch epoch_of(TimeMs time, const ChainParameters& parameters);
[[nodiscard]] TimeMs epoch_start(Epoch epoch, const ChainParameters& parameters);

/// Rendezvous hashing: of the `active` validators (ascending, at least one) the one with the highest
/// SHA-256(rotation, account, validator index), where rotation = epoch / rotation_epochs. So within a rotation only the
/// accounts of a builder that leaves change hands, and only accounts that go to it change when one joins.
[[nodiscard]] ValidatorIndex builder_of(const Address& account, Epoch epoch, std::span<const ValidatorIndex> active,
                                        const ChainParameters& parameters);

/// Which validators are active, hence build, in an epoch: those that voted for a block, as told by the votes within
/// the blocks of the epoch two before it; all of them if that epoch has no block or fewer voters than a quorum (epochs
/// 0 and 1 too). Two epochs of distance leave every node an epoch's time to learn the blocks that decide.
class ActivityTracker {
public:
    /// Epochs of blocks that are remembered, the latest included.
    static constexpr std::uint64_t epochs_kept = 8;

    /// `complete_from`: the tracker will be told every block from the start of this epoch on. 0 at the genesis.
    ActivityTracker(const ChainParameters& parameters, std::size_t validators, Epoch complete_from = Epoch{0});

    /// For a restart whose latest block is in epoch `latest`: make the tracker with this `complete_from`, feed it all
    /// blocks from that epoch on, and it answers as one that ran all the time.
    [[nodiscard]] static Epoch rebuild_from(Epoch latest) noexcept;

    /// Each committed block once, in order of height.
    void observe(const Block& block);

    /// Ascending; valid until the next `observe`. Nothing if the deciding epoch is no longer remembered. The answer may
    /// still change while `is_settled(epoch)` is false.
    [[nodiscard]] std::optional<std::span<const ValidatorIndex>> active(Epoch epoch) const;
    /// The deciding epoch is over: a block of a later one has been observed.
    [[nodiscard]] bool is_settled(Epoch epoch) const noexcept;
    /// `builder_of` among the active. Nothing where `active` is.
    [[nodiscard]] std::optional<ValidatorIndex> builder(const Address& account, Epoch epoch) const;

private:
    struct EpochVotes {
        Bytes voters;
        /// What follows from `voters` for the epoch after the next.
        std::vector<ValidatorIndex> active;
    };

    ChainParameters parameters_;
    std::vector<ValidatorIndex> everybody_;
    Epoch complete_from_;
    Epoch latest_{0};
    std::map<Epoch, EpochVotes> epochs_;
};

}  // namespace troupe
