// Bonds live in the storage of one system account, so that the state root covers them and eth_getProof shows them:
// slot = the sponsor's address as a number, value = wei locked. The account's balance holds the money. The highest bit
// marks a frozen bond: the sponsor could not pay a replicated transaction (C-8); posting to the bond clears it.
#pragma once

#include "runtime/base/uint256.hpp"

namespace troupe {

/// No code, nonce 1 (so that it is never an empty account).
[[nodiscard]] inline Address bond_registry() noexcept {
    Address address;
    address[18] = 0xb0;
    address[19] = 0x4d;
    return address;
}

[[nodiscard]] inline uint256 bond_slot(const Address& sponsor) noexcept { return from_big_endian(sponsor.view()); }

inline constexpr uint256 bond_frozen_bit{std::uint64_t{1} << 63, 0, 0, 0};
[[nodiscard]] constexpr bool is_frozen(const uint256& bond) noexcept { return (bond.limb[3] >> 63) != 0; }
[[nodiscard]] constexpr uint256 bond_amount(const uint256& bond) noexcept { return bond & ~bond_frozen_bit; }

}  // namespace troupe
