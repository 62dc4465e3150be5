#include "deploy/manifest/chain_fields.hpp"

#include <array>

namespace troupe::manifest_detail {
namespace {

using P = ChainParameters;

/// Durations, counts and the fee through one pair of functions each.
template <auto Member>
constexpr ChainNumber of(std::string_view key, std::uint64_t least, std::uint64_t most) {
    return {key, least, most,
            [](const P& p) -> std::uint64_t {
                if constexpr (requires { (p.*Member).value; })
                    return (p.*Member).value;
                else if constexpr (requires { (p.*Member).low64(); })
                    return (p.*Member).low64();
                else
                    return p.*Member;
            },
            [](P& p, std::uint64_t value) { p.*Member = std::remove_cvref_t<decltype(p.*Member)>{value}; }};
}

constexpr std::uint64_t day_ms = 86'400'000;

// The least values are those below which a cluster on one machine spends its time on timers instead of transactions.
constexpr std::array numbers{
    of<&P::chain_id>("chain_id", 1, std::uint64_t{1} << 52),  // JavaScript clients read it as a double
    of<&P::view_time>("view_time_ms", 50, 600'000),
    of<&P::block_interval>("block_interval_ms", 5, 600'000),
    of<&P::heartbeat_interval>("heartbeat_ms", 10, 3'600'000),
    of<&P::execution_delay>("execution_delay", 1, 64),
    of<&P::epoch_length>("epoch_ms", 500, day_ms),
    of<&P::rotation_epochs>("rotation_epochs", 1, 1'000'000'000),
    of<&P::chunk_slot>("chunk_slot_ms", 1, 60'000),
    of<&P::chunk_lifetime>("chunk_lifetime_ms", 100, 600'000),
    of<&P::transaction_lifetime_max>("transaction_lifetime_ms", 100, day_ms),
    of<&P::base_fee>("base_fee_wei", 1, std::uint64_t{1} << 60),
    of<&P::block_gas_limit>("block_gas_limit", 1 << 24, std::uint64_t{1} << 52),
    of<&P::checkpoint_interval>("checkpoint_blocks", 1, 1'000'000),
    of<&P::validator_deposit>("validator_deposit_wei", 1, std::uint64_t{1} << 62),
    of<&P::validation_time>("validation_time_ms", 1000, day_ms),
    of<&P::revalidation_permille>("revalidation_permille", 0, 1000),
};

}  // namespace

std::span<const ChainNumber> chain_numbers() noexcept { return numbers; }

}  // namespace troupe::manifest_detail
