#include "runtime/ledger/partition.hpp"

#include "runtime/crypto/sha256.hpp"

namespace troupe {
namespace {

void put_big_endian(std::uint8_t* out, std::uint64_t value, std::size_t bytes) noexcept {
    for (std::size_t i = 0; i < bytes; ++i) out[i] = static_cast<std::uint8_t>(value >> (8 * (bytes - 1 - i)));
}

/// Distance between an epoch and the one that decides it.
constexpr std::uint64_t decision_distance = 2;

}  // namespace

Epoch epoch_of(TimeMs time, const ChainParameters& parameters) {
    TROUPE_ASSERT(parameters.epoch_length.value > 0);
    return Epoch{time.value / parameters.epoch_length.value};
}

TimeMs epoch_start(Epoch epoch, const ChainParameters& parameters) {
    return TimeMs{epoch.value * parameters.epoch_length.value};
}

ValidatorIndex builder_of(const Address& account, Epoch epoch, std::span<const ValidatorIndex> active,
                          const ChainParameters& parameters) {
    TROUPE_ASSERT(!active.empty());
    TROUPE_ASSERT(parameters.rotation_epochs > 0);
    // rotation (8) || account (20) || validator index (4), big-endian.
    std::array<std::uint8_t, 32> input{};
    put_big_endian(input.data(), epoch.value / parameters.rotation_epochs, 8);
    std::copy(account.begin(), account.end(), input.begin() + 8);

    ValidatorIndex best = active.front();
    Hash256 best_score;
    for (const auto validator : active) {
        put_big_endian(input.data() + 28, validator.value, 4);
        const auto score = sha256(input);
        if (score > best_score) {
            best = validator;
            best_score = score;
        }
    }
    return best;
}

ActivityTracker::ActivityTracker(const ChainParameters& parameters, std::size_t validators, Epoch complete_from)
    : parameters_(parameters), complete_from_(complete_from), latest_(complete_from) {
    TROUPE_ASSERT(validators > 0);
    for (std::uint32_t i = 0; i < validators; ++i) everybody_.emplace_back(i);
}

Epoch ActivityTracker::rebuild_from(Epoch latest) noexcept {
    return Epoch{latest.value < epochs_kept ? 0 : latest.value - epochs_kept + 1};
}

void ActivityTracker::observe(const Block& block) {
    const auto epoch = epoch_of(block.header.timestamp, parameters_);
    latest_ = std::max(latest_, epoch);
    complete_from_ = std::max(complete_from_, rebuild_from(latest_));
    epochs_.erase(epochs_.begin(), epochs_.lower_bound(complete_from_));
    if (epoch < complete_from_) return;

    auto& votes = epochs_[epoch];
    bool changed = votes.active.empty();
    for (const auto& certificate : block.votes) {
        signer_set::for_each(certificate.signatures.signers, [&](ValidatorIndex signer) {
            if (signer.value >= everybody_.size() || signer_set::contains(votes.voters, signer)) return;
            signer_set::add(votes.voters, signer);
            changed = true;
        });
    }
    if (!changed) return;
    votes.active = signer_set::members(votes.voters);
    if (votes.active.size() < quorum(everybody_.size())) votes.active = everybody_;
}

std::optional<std::span<const ValidatorIndex>> ActivityTracker::active(Epoch epoch) const {
    if (epoch.value < decision_distance) return everybody_;
    const Epoch deciding{epoch.value - decision_distance};
    if (deciding < complete_from_) return std::nullopt;
    const auto found = epochs_.find(deciding);
    return found == epochs_.end() ? everybody_ : found->second.active;
}

bool ActivityTracker::is_settled(Epoch epoch) const noexcept {
    return epoch.value < decision_distance || latest_.value > epoch.value - decision_distance;
}

std::optional<ValidatorIndex> ActivityTracker::builder(const Address& account, Epoch epoch) const {
    const auto candidates = active(epoch);
    if (!candidates) return std::nullopt;
    return builder_of(account, epoch, *candidates, parameters_);
}

}  // namespace troupe
