// Hashes for maps of accounts and slots. Contracts choose both, so the hashes are seeded, once a process: none can fill
// one bucket. They decide where an entry lies in memory, never the order of anything.
//
// None is noexcept: GNU's maps then keep each entry's hash beside it, and compare keys only where the hashes agree.
#pragma once

#include <cstddef>

#include "runtime/base/bytes.hpp"
#include "runtime/base/uint256.hpp"

namespace troupe {

struct SlotHash {
    [[nodiscard]] std::size_t operator()(const uint256& slot) const;
};
struct AddressHash {
    [[nodiscard]] std::size_t operator()(const Address& address) const;
};

/// One account's slot.
struct SlotPlace {
    Address address;
    uint256 slot;
    auto operator<=>(const SlotPlace&) const = default;
};
struct SlotPlaceHash {
    [[nodiscard]] std::size_t operator()(const SlotPlace& place) const {
        return AddressHash{}(place.address) ^ SlotHash {}(place.slot);
    }
};

}  // namespace troupe
