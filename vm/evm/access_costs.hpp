// What touching the state costs, for every kind of code.
#pragma once

#include "vm/evm/host.hpp"
#include "vm/evm/revision.hpp"

namespace troupe::evm {

// EIP-2929.
inline constexpr std::int64_t warm_access_gas = 100;
inline constexpr std::int64_t cold_account_gas = 2600;
inline constexpr std::int64_t cold_slot_gas = 2100;
/// EIP-2200: a call's stipend does not pay for a write.
inline constexpr std::int64_t call_stipend_gas = 2300;
inline constexpr std::int64_t value_transfer_gas = 9000;
inline constexpr std::int64_t new_account_gas = 25000;

struct StoreCost {
    std::int64_t gas = 0;
    std::int64_t refund = 0;
};
/// Of a storage write, without what a cold slot adds.
[[nodiscard]] StoreCost store_cost(Revision revision, StorageStatus status) noexcept;

/// EIP-150: all but one 64th.
[[nodiscard]] constexpr std::int64_t gas_to_pass(std::int64_t gas) noexcept { return gas - gas / 64; }

}  // namespace troupe::evm
